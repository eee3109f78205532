#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes deploy/locks from pyproject.toml: every version and every hash, for all platforms, naming no index.
# The runtime's lock takes the development lock's versions, so that what was tested is what runs.
set -eu
cd "$(dirname "$0")/../.."
.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml --extra sandbox "$@"
}
compile --group dev --output-file deploy/locks/dev.txt "$@"
compile --group build --constraint deploy/locks/dev.txt --output-file deploy/locks/runtime.txt
