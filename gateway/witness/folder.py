# SPDX-License-Identifier: Apache-2.0
"""The folder of one witness: its name, its key, the logs it was told to know, its memory.

name          the witness's name, as it stands in cosignatures
witness.key   32-byte Ed25519 seed, 64 hexadecimal digits, mode 0600
logs          verifier keys of logs, one a line
memory.db     what was cosigned
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit.checkpoint import NoteError, is_key_name, read_vkey
from gateway.audit.cosignature import vkey as witness_vkey
from gateway.witness import memory
from gateway.witness.cosigning import Witness
from gateway.witness.memory import Memory


class WitnessFault(Exception):  # noqa: N818  # a condition, told to who runs the witness
    """The folder of a witness is not as it must be. The text says what to do."""


def create(folder: Path, name: str) -> str:
    """Make a witness; gives its verifier key. Never overwrites. Raises WitnessFault."""
    if not is_key_name(name):
        raise WitnessFault("The name of a witness has no spaces and no plus sign; a host and a path are usual.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if present := sorted(path.name for path in folder.iterdir()):
        raise WitnessFault(f"{folder} already holds {', '.join(present)}: choose an empty folder.")
    key = Ed25519PrivateKey.generate()
    _write(folder / "witness.key", key.private_bytes_raw().hex())
    _write(folder / "name", f"{name}\n")
    _write(folder / "logs", "")
    memory.create(folder / "memory.db")
    return witness_vkey(name, key.public_key())


def trust(folder: Path, vkey: str) -> str:
    """Let a witness know a log, by its verifier key; gives its origin. Raises WitnessFault."""
    known = _logs(folder)
    try:
        origin, raw = read_vkey(vkey)
    except NoteError as error:
        raise WitnessFault(f"That is no verifier key of a log: {error}.") from None
    if origin in known and known[origin].public_bytes_raw() != raw:
        raise WitnessFault(f"The log {origin} is known by another key: a witness holds on to the first.")
    if origin not in known:
        with (folder / "logs").open("a") as file:
            file.write(f"{vkey.strip()}\n")
            file.flush()
            os.fsync(file.fileno())
    return origin


def vkey_of(folder: Path) -> str:
    """The verifier key of the witness in a folder. Raises WitnessFault."""
    return witness_vkey(_read(folder / "name").strip(), _key(folder).public_key())


def open_(folder: Path) -> Witness:
    """The witness in a folder. Raises WitnessFault, MemoryLost."""
    name = _read(folder / "name").strip()
    return Witness(name, _key(folder), _logs(folder), Memory(folder / "memory.db"))


def _logs(folder: Path) -> dict[str, Ed25519PublicKey]:
    try:
        read = [read_vkey(line) for line in _read(folder / "logs").splitlines() if line.strip()]
    except NoteError as error:
        raise WitnessFault(f"{folder / 'logs'} must hold verifier keys of logs, one a line: {error}.") from None
    return {origin: Ed25519PublicKey.from_public_bytes(raw) for origin, raw in read}


def _key(folder: Path) -> Ed25519PrivateKey:
    file = folder / "witness.key"
    text = _read(file)
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise WitnessFault(f"{file} can be read by others: run `chmod 600 {file}`.")
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text.strip()))
    except ValueError:
        raise WitnessFault(f"{file} must be 64 hexadecimal digits.") from None


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        raise WitnessFault(f"{file} is missing: run `commons witness init`.") from None


def _write(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
