# SPDX-License-Identifier: Apache-2.0
"""A log of numbered entries, and witnesses that know it: as values, and as processes of their own."""

from __future__ import annotations

import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import checkpoint, merkle
from gateway.audit.checkpoint import Signer
from gateway.audit.verify import notes
from gateway.audit.verify.notes import WITNESS, Key
from gateway.witness import folder
from tests.fixtures.commons import free_port

ORIGIN = "gateway.example/log/2026"
NAME = "ico-witness.example/w1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = Signer(ORIGIN, KEY)
LOG_VKEY = checkpoint.vkey(ORIGIN, KEY.public_key())


def leaves(size: int, word: str = "n") -> list[bytes]:
    """Leaf hashes of a log; another `word` is another history."""
    return [merkle.leaf_hash(f"{word}{n}".encode()) for n in range(size)]


def note(size: int, word: str = "n") -> str:
    """The signed checkpoint of a log of `size` entries."""
    return SIGNER.sign(size, merkle.tree_hash(leaves(size, word)))


def path(old: int, size: int, word: str = "n") -> list[bytes]:
    """The consistency proof between two sizes; empty where none is needed."""
    hashes = leaves(size, word)
    if not 0 < old < size:
        return []
    return merkle.consistency(old, size, lambda level, n: merkle.tree_hash(hashes[n << level : n + 1 << level]))


def body(old: int, size: int, word: str = "n") -> bytes:
    """A good request for add-checkpoint."""
    lines = [f"old {old}", *(b64encode(hash_).decode() for hash_ in path(old, size, word))]
    return ("\n".join(lines) + "\n\n" + note(size, word)).encode()


def is_cosigned(vkey: str, note: str, line: str) -> bool:
    """Whether the line of a witness verifies over a checkpoint."""
    body, signatures = notes.split(note + line)
    return Key(vkey, WITNESS).cosigned(body, signatures) is not None


@pytest.fixture
def witness_dir(tmp_path: Path) -> Path:
    """The folder of a witness that knows the log and has cosigned nothing."""
    made = tmp_path / "witness"
    folder.create(made, NAME)
    folder.trust(made, LOG_VKEY)
    return made


class Running:
    """A witness as a process of its own."""

    def __init__(self, data: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [
            sys.executable,
            "-m",
            "gateway.cli",
            "witness",
            "serve",
            "--data",
            str(data),
            "--port",
            str(port),
        ]
        self.process = subprocess.Popen(command)
        for _ in range(300):
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health/live").status_code == 200:
                    return
            assert self.process.poll() is None, "the witness did not start"
            time.sleep(0.05)
        raise AssertionError("the witness does not answer")

    def post(self, content: bytes) -> httpx.Response:
        """Send it a checkpoint."""
        return httpx.post(f"{self.url}/add-checkpoint", content=content, timeout=10)

    def kill(self) -> None:
        """Pull its plug."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def run_witness() -> Iterator[Callable[[Path], Running]]:
    """Starts witnesses, and ends them after the test."""
    started: list[Running] = []

    def start(data: Path) -> Running:
        started.append(Running(data))
        return started[-1]

    yield start
    for each in started:
        each.kill()
