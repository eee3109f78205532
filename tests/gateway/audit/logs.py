# SPDX-License-Identifier: Apache-2.0
"""Logs in folders, written by other code than the gateway's."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import checkpoint, cosignature, merkle, tiles
from gateway.audit.checkpoint import Signer

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS_KEYS = [Ed25519PrivateKey.from_private_bytes(bytes(range(n, n + 32))) for n in (32, 64, 96)]
WITNESSES = ("ico.example/w1", "council.example/w2", "charity.example/w3")
AT_S = 1_767_225_600


def vkey(origin: str) -> str:
    """The verifier key of a log."""
    return checkpoint.vkey(origin, KEY.public_key())


def witness_vkey(n: int) -> str:
    """The verifier key of a witness."""
    return cosignature.vkey(WITNESSES[n], WITNESS_KEYS[n].public_key())


def write(folder: Path, entries: list[bytes], origin: str, witnesses: tuple[int, ...] = ()) -> str:
    """A log in a folder, as tlog-tiles lays it out; gives its checkpoint, cosigned by these witnesses."""
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    note = cosigned(Signer(origin, KEY).sign(len(entries), merkle.tree_hash(hashes)), witnesses)
    put(folder / "checkpoint", note.encode())
    for n in range(0, len(entries), 256):
        chunk = entries[n : n + 256]
        put(folder / "tile" / tiles.path(tiles.ENTRIES, n // 256, len(chunk)), tiles.bundle(chunk))
    level = 0
    while hashes:
        for n in range(0, len(hashes), 256):
            some = hashes[n : n + 256]
            put(folder / "tile" / tiles.path(level, n // 256, len(some)), b"".join(some))
        hashes = [merkle.tree_hash(hashes[n : n + 256]) for n in range(0, len(hashes) - 255, 256)]
        level += 1
    return note


def cosigned(note: str, witnesses: tuple[int, ...]) -> str:
    """A note with the cosignatures of these witnesses."""
    body, _ = checkpoint.split(note)
    return note + "".join(cosignature.cosign(WITNESSES[n], WITNESS_KEYS[n], body, AT_S) for n in witnesses)


def read(entries: list[bytes]) -> merkle.Reader:
    """Subtrees of the log of these entries."""
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    return lambda level, n: merkle.tree_hash(hashes[n << level : n + 1 << level])


def put(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
