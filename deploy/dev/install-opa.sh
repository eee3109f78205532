#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the policy oracle, OPA, at the version below into a cache folder outside the repository; needs Go.
# Prints the binary's path. COMMONS_OPA or an `opa` on PATH is used by the tests before this one.
set -eu
version=v1.22.2
folder=${XDG_CACHE_HOME:-$HOME/.cache}/commons-gateway/bin
if "$folder/opa" version 2>/dev/null | grep -q "^Version: ${version#v}\$"; then
    echo "$folder/opa"
    exit 0
fi
if ! command -v go >/dev/null; then
    echo "Go is needed to build OPA $version: install it, or set COMMONS_OPA to an opa binary" >&2
    exit 1
fi
echo "Building OPA $version into $folder; this happens once and takes a few minutes." >&2
mkdir -p "$folder"
# Go's module proxy and its checksum database vouch for the source; GOFLAGS keeps paths of this machine out.
GOBIN=$folder GOFLAGS=-trimpath go install "github.com/open-policy-agent/opa@$version"
echo "$folder/opa"
