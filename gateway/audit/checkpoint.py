# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-checkpoint in a C2SP signed note, with an Ed25519 log key (signature type 0x01)."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
DASH = "\u2014 "  # a signature line begins with an em dash and a space
MOST_SIGNATURES = 100


class Checkpoint(NamedTuple):
    """A signed tree head: the log's name, its number of entries, the 32-byte root over them."""

    origin: str
    size: int
    root: bytes


class NoteError(ValueError):
    """A note that is malformed or not signed as it must be. The text says which."""


def key_id(name: str, public: Ed25519PublicKey) -> bytes:
    """The four bytes by which a signature line names its key."""
    return sha256(name.encode() + b"\n" + _ED25519 + public.public_bytes_raw()).digest()[:4]


def vkey(name: str, public: Ed25519PublicKey) -> str:
    """The verifier key: name, key id and key in one line."""
    encoded = base64.b64encode(_ED25519 + public.public_bytes_raw()).decode()
    return f"{name}+{key_id(name, public).hex()}+{encoded}"


def text(checkpoint: Checkpoint) -> str:
    """The three lines that are signed."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n"


class Signer:
    """Signs the checkpoints of one log."""

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        self.origin = origin
        self.public = key.public_key()
        self._key = key
        self._id = key_id(origin, self.public)

    def sign(self, size: int, root: bytes) -> str:
        """The signed note over the tree of `size` entries with this root."""
        body = text(Checkpoint(self.origin, size, root))
        signature = base64.b64encode(self._id + self._key.sign(body.encode())).decode()
        return f"{body}\n{DASH}{self.origin} {signature}\n"


def open_note(note: str, origin: str, public: Ed25519PublicKey) -> Checkpoint:
    """The checkpoint of a note that this log key signed. Lines by unknown keys are passed over; a line by this
    key that does not verify spoils the note. Raises NoteError."""
    body, lines = split(note)
    ours, good = key_id(origin, public), False
    for line in lines:
        name, raw = signature(line)
        if name == origin and raw[:4] == ours:
            try:
                public.verify(raw[4:], body.encode())
            except InvalidSignature:
                raise NoteError("the log's signature does not verify") from None
            good = True
    if not good:
        raise NoteError("the note is not signed by the log key")
    found = parse(body)
    if found.origin != origin:
        raise NoteError("the checkpoint is of another log")
    return found


def split(note: str) -> tuple[str, list[str]]:
    """The text of a signed note (its last LF included) and its signature lines. Raises NoteError."""
    body, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in note):
        raise NoteError("a signed note is its text, an empty line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise NoteError("too many signature lines")
    return body + "\n", lines


def read_vkey(vkey: str) -> tuple[str, bytes]:
    """Origin and 32-byte public key of a log's verifier key. Raises NoteError."""
    name, _, rest = vkey.strip().partition("+")
    id_, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 33 or raw[:1] != _ED25519 or not is_key_name(name):
        raise NoteError("a verifier key is a name, a key id and the base64 of a log's Ed25519 key")
    if sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != id_:
        raise NoteError("the id of the verifier key is not that of its key")
    return name, raw[1:]


def is_key_name(name: str) -> bool:
    """Whether this can be the name of a key: not empty, without spaces and plus signs (C2SP signed-note)."""
    return bool(name) and "+" not in name and name.isprintable() and not any(c.isspace() for c in name)


def parse(body: str) -> Checkpoint:
    """Read the three lines. Raises NoteError."""
    lines = body.split("\n")
    try:
        origin, size, root, rest = lines
        if rest or not origin or str(int(size)) != size or int(size) < 0:
            raise ValueError
        decoded = base64.b64decode(root, validate=True)
    except ValueError:
        raise NoteError("a checkpoint is an origin, a size and a root, one line each") from None
    if len(decoded) != 32 or base64.b64encode(decoded).decode() != root:
        raise NoteError("the root must be 32 bytes in base64")
    return Checkpoint(origin, int(size), decoded)


def signature(line: str) -> tuple[str, bytes]:
    """Key name and bytes (key id, then the signature) of a signature line without its LF. Raises NoteError."""
    name, space, encoded = line.removeprefix(DASH).partition(" ")
    try:
        if not line.startswith(DASH) or not space:
            raise ValueError
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise NoteError("a signature line is an em dash, a key name and base64") from None
    if len(raw) < 5:
        raise NoteError("a signature has a key id and something after it")
    return name, raw
