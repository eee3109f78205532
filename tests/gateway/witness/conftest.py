# SPDX-License-Identifier: Apache-2.0
"""A log of numbered entries, and a witness that knows it."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import checkpoint, merkle
from gateway.audit.checkpoint import Signer
from gateway.audit.verify import notes
from gateway.audit.verify.notes import WITNESS, Key
from gateway.witness import folder

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
