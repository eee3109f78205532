# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-cosignature, Ed25519 (signature type 0x04): what a witness adds to a checkpoint that it found to be
consistent with all it saw before. Imports nothing of ours but `checkpoint`."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit.checkpoint import DASH, NoteError, read_vkey, signature, split

TYPE = b"\x04"
_TIME = 8  # bytes of the time before the signature: seconds since 1970, big-endian


class Cosignature(NamedTuple):
    """One valid cosignature: the line as it stands in the note, and when the witness made it (seconds, UTC)."""

    line: str
    at_s: int


class WitnessKey(NamedTuple):
    """The name and public key of a witness; the key id is in the name's line of a note."""

    name: str
    public: Ed25519PublicKey

    @property
    def id(self) -> bytes:
        """The four bytes by which a cosignature line names this key."""
        return sha256(self.name.encode() + b"\n" + TYPE + self.public.public_bytes_raw()).digest()[:4]

    @property
    def vkey(self) -> str:
        """The verifier key: name, key id and key in one line."""
        encoded = base64.b64encode(TYPE + self.public.public_bytes_raw()).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    def find(self, text: str, lines: list[str]) -> Cosignature | None:
        """The newest valid cosignature of this witness over a checkpoint's three lines. A line that names this key
        and does not verify counts for nothing. Raises NoteError for a line that is none."""
        found: Cosignature | None = None
        for line in lines:
            name, raw = signature(line)
            if (name, raw[:4]) != (self.name, self.id) or len(raw) != 4 + _TIME + 64:
                continue
            at_s = int.from_bytes(raw[4 : 4 + _TIME])
            try:
                self.public.verify(raw[4 + _TIME :], message(text, at_s))
            except InvalidSignature:
                continue
            if found is None or at_s > found.at_s:
                found = Cosignature(line, at_s)
        return found


def message(text: str, at_s: int) -> bytes:
    """What a witness signs over a checkpoint's three lines."""
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def key(vkey: str) -> WitnessKey:
    """The key of a witness's verifier key. Raises NoteError."""
    name, raw = read_vkey(vkey, TYPE)
    return WitnessKey(name, Ed25519PublicKey.from_public_bytes(raw))


def cosign(name: str, private: Ed25519PrivateKey, text: str, at_s: int) -> str:
    """The line of a witness over a checkpoint's three lines, at a time in seconds since 1970; ends with LF."""
    stamped = at_s.to_bytes(_TIME) + private.sign(message(text, at_s))
    encoded = base64.b64encode(WitnessKey(name, private.public_key()).id + stamped).decode()
    return f"{DASH}{name} {encoded}\n"


def found_in(note: str, keys: list[WitnessKey]) -> list[Cosignature | None]:
    """The cosignature of each of these witnesses in a note, None where there is none. Raises NoteError."""
    text, lines = split(note)
    return [each.find(text, lines) for each in keys]


__all__ = ["Cosignature", "NoteError", "WitnessKey", "cosign", "found_in", "key", "message"]
