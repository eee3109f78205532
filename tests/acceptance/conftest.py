# SPDX-License-Identifier: Apache-2.0
"""Programs that others wrote, or that stand on others' packages: built with Go, which may be absent."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "commons-gateway" / "bin"
Run = Callable[..., subprocess.CompletedProcess[str]]


def _go() -> str:
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if found is None:
        pytest.skip("Go is absent: the programs that check our log independently are written in it")
    return found


def _built(name: str) -> Path:
    """A program of this folder, built unless just this source was built before."""
    go = _go()
    sources = (HERE / name / "main.go", HERE / "go.mod", HERE / "go.sum")
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    program = CACHE / f"acceptance-{name}-{digest}"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        made = program.with_name(f"{program.name}-{os.getpid()}")
        command = [go, "build", "-trimpath", "-buildvcs=false", "-o", str(made), f"./{name}"]
        subprocess.run(command, cwd=HERE, check=True, env=os.environ | {"GOFLAGS": "-mod=readonly"})
        made.replace(program)
    return program


def _runs(program: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=30)

    return run


@pytest.fixture(scope="session")
def sumdb() -> Run:
    """Runs the program on golang.org/x/mod/sumdb."""
    return _runs(_built("sumdb"))


@pytest.fixture(scope="session")
def formats() -> Run:
    """Runs the program on transparency-dev's formats and merkle."""
    return _runs(_built("formats"))


@pytest.fixture(scope="session")
def run_fsck(fsck: str) -> Run:
    """Runs fsck of Tessera."""
    return _runs(Path(fsck))


class Folders(http.server.ThreadingHTTPServer):
    """A static web server over one folder, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """A program that found what is wrong reads no further."""


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """Serves folders as any static web server does; gives their addresses."""
    with_threads: list[tuple[Folders, threading.Thread]] = []

    def start(folder: Path) -> str:
        server = Folders(folder)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with_threads.append((server, thread))
        return server.url

    yield start
    for server, thread in with_threads:
        server.shutdown()
        server.server_close()
        thread.join()
