# SPDX-License-Identifier: Apache-2.0
"""C2SP signed-note, tlog-checkpoint and tlog-cosignature: whose signature stands under a tree head."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG, WITNESS = b"\x01", b"\x04"
"""Signature types: a log's Ed25519 key, a witness's (with the time in what it signs)."""


class Finding(ValueError):  # noqa: N818  it is what was found, and the text says where
    """Something that does not hold."""


class Head(NamedTuple):
    """A checkpoint whose signatures were verified, with the witnesses of the policy that cosigned it."""

    origin: str
    size: int
    root: bytes
    witnesses: tuple[str, ...] = ()


class Key:
    """A verifier key, `name+id+base64(type || Ed25519 public key)`, of a log or (`kind`) of a witness."""

    def __init__(self, vkey: str, kind: bytes = LOG) -> None:
        name, _, rest = vkey.strip().partition("+")
        id_, _, encoded = rest.partition("+")
        raw = unbase64(encoded, "the verifier key")
        self.name, self.kind, self.public = name, kind, raw[1:]
        self.id = sha256(name.encode() + b"\n" + raw).digest()[:4]
        if not name or len(raw) != 33 or raw[:1] != kind or id_ != self.id.hex():
            raise Finding("the verifier key is not the name, id and base64 of an Ed25519 key of its type")
        self._verifier = Ed25519PublicKey.from_public_bytes(self.public)

    def of_year(self, origin: str) -> Key:
        """The key of another shard of the same log: one key signs all years, each under its own name."""
        raw = self.kind + self.public
        id_ = sha256(origin.encode() + b"\n" + raw).digest()[:4].hex()
        return Key(f"{origin}+{id_}+{base64.b64encode(raw).decode()}", self.kind)

    def signed(self, body: str, signatures: Sequence[tuple[str, bytes]]) -> bool:
        """Whether this log key signed. Raises Finding when a signature in its name does not verify."""
        mine = [raw[4:] for name, raw in signatures if (name, raw[:4]) == (self.name, self.id)]
        if not all(self._verifies(signature, body.encode()) for signature in mine):
            raise Finding("checkpoint: the signature of the log key does not verify")
        return bool(mine)

    def cosigned(self, body: str, signatures: Sequence[tuple[str, bytes]]) -> tuple[int, bytes] | None:
        """The newest valid cosignature of this witness: when it was made (seconds since 1970), and its bytes as the
        line has them. One that does not verify counts for nothing."""
        newest: tuple[int, bytes] | None = None
        for name, raw in signatures:
            if (name, raw[:4]) == (self.name, self.id) and len(raw) == 76:
                at_s = int.from_bytes(raw[4:12], "big")
                message = f"cosignature/v1\ntime {at_s}\n{body}".encode()
                if (newest is None or at_s > newest[0]) and self._verifies(raw[12:], message):
                    newest = at_s, raw
        return newest

    def _verifies(self, signature: bytes, message: bytes) -> bool:
        try:
            self._verifier.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Demand(Protocol):
    """What must hold of the witnesses of a checkpoint (a Policy)."""

    @property
    def logs(self) -> Sequence[Key]:
        """The logs it trusts."""
        ...

    def require(self, body: str, signatures: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
        """The witnesses that cosigned. Raises Finding when they are too few."""
        ...


class Trust:
    """Whose checkpoints are believed: those of the keys, and, with a policy, only if enough witnesses cosigned."""

    def __init__(self, vkeys: Sequence[str] = (), demand: Demand | None = None) -> None:
        self._keys = [Key(vkey) for vkey in vkeys] + list(demand.logs if demand else ())
        self._demand = demand
        if not self._keys:
            raise Finding("the log's verifier key is needed: give it, or a policy that has it")

    def open(self, note: str, *, witnessed: bool = True) -> Head:
        """The checkpoint in a note that is signed as it must be; without `witnessed` the witnesses are not asked
        for. Raises Finding."""
        body, signatures = split(note)
        origin, size, root = three_lines(body)
        key = self._key(origin)
        if key is None or not key.signed(body, signatures):
            raise Finding("checkpoint: not signed by the log key")
        witnesses = self._demand.require(body, signatures) if self._demand and witnessed else ()
        return Head(origin, size, root, witnesses)

    def _key(self, origin: str) -> Key | None:
        """The key of a log; that of another year of the same log is made from it."""
        for key in self._keys:
            if key.name == origin:
                return key
        family, _, year = origin.rpartition("/")
        for key in self._keys:
            stem, _, of = key.name.rpartition("/")
            if year.isdigit() and of.isdigit() and stem == family:
                return key.of_year(origin)
        return None


def split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a signed note (its last LF included), and its signatures: key name, key id and what follows it.
    Raises Finding."""
    body, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in note):
        raise Finding("checkpoint: not a signed note")
    return body + "\n", signature_lines(tail)


def signature_lines(tail: str) -> list[tuple[str, bytes]]:
    """Signature lines, each ended by LF, as they stand in a note or come from a witness. Raises Finding."""
    signatures = []
    for line in tail[:-1].split("\n"):
        dash, name, encoded = (*line.split(" "), "", "")[:3]
        raw = unbase64(encoded, "checkpoint: a signature line")
        if dash != "\u2014" or not name or len(raw) < 5 or line.count(" ") != 2:
            raise Finding("checkpoint: a signature line is malformed")
        signatures.append((name, raw))
    return signatures


def three_lines(body: str) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint's text. Raises Finding."""
    lines = body.split("\n")
    root = unbase64(lines[2], "checkpoint: the root") if len(lines) == 4 else b""
    if len(root) != 32 or not lines[0] or not is_decimal(lines[1]):
        raise Finding("checkpoint: it must be the log's name, a size and a root of 32 bytes")
    return lines[0], int(lines[1]), root


def is_decimal(text: str) -> bool:
    """Whether this is a whole number without needless zeros, under 10**19."""
    return len(text) < 20 and text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def unbase64(text: str, what: str) -> bytes:
    """Bytes of standard, padded base64 that has no bit nobody reads. Raises Finding naming `what`."""
    with contextlib.suppress(ValueError):
        raw = base64.b64decode(text, validate=True)
        if base64.b64encode(raw).decode() == text:
            return raw
    raise Finding(f"{what} is not base64")
