# SPDX-License-Identifier: Apache-2.0
"""What a witness does with a checkpoint it is sent (C2SP tlog-witness, add-checkpoint).

It cosigns a checkpoint of a log it knows exactly if that proves to continue what it cosigned before: it remembers
first, in the transaction in which it compared, and answers then.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.audit import checkpoint, merkle
from gateway.audit.checkpoint import Checkpoint, NoteError
from gateway.audit.cosignature import cosign
from gateway.witness.memory import Memory, Seen

MOST_PROOF_LINES = 63
LARGEST = 64 * 1024
"""Bytes a request may have: 63 proof lines and a hundred signatures fit."""

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"


class Answer(NamedTuple):
    """A reply over HTTP: status, body, media type."""

    status: int
    body: str
    media_type: str = TEXT


class Asked(NamedTuple):
    """A request as it was read: the size the sender thinks we are at, the consistency proof, the signed note."""

    old: int
    path: tuple[bytes, ...]
    note: str


class Witness:
    """One witness: its name and key, the logs it knows (origin → public key) and what it remembers."""

    def __init__(
        self,
        name: str,
        key: Ed25519PrivateKey,
        logs: Mapping[str, Ed25519PublicKey],
        memory: Memory,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._key = key
        self._logs = logs
        self._memory = memory
        self._clock = clock

    @property
    def origins(self) -> tuple[str, ...]:
        """The logs it knows."""
        return tuple(self._logs)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one request: 200 with our cosignature, or 400, 403, 404, 409 (with the size we are at), 422."""
        try:
            asked = read(body)
            origin = asked.note.partition("\n")[0]
        except NoteError as error:
            return Answer(400, f"{error}\n")
        public = self._logs.get(origin)
        if public is None:
            return Answer(404, "this witness does not know the log\n")
        try:
            sent = checkpoint.open_note(asked.note, origin, public)
        except NoteError as error:
            return Answer(403, f"{error}\n")
        if asked.old > sent.size:
            return Answer(400, "the old size is above that of the checkpoint\n")
        return self._decide(asked, sent)

    def newest(self, origin: str) -> str | None:
        """The newest checkpoint of a log that was cosigned, with the cosignature; None when there is none."""
        return self._memory.seen(origin).note or None

    def _decide(self, asked: Asked, sent: Checkpoint) -> Answer:
        with self._memory.turn(sent.origin) as (seen, keeper):
            if asked.old != seen.size:
                return Answer(409, f"{seen.size}\n", SIZE)
            if not _continues(seen, sent, asked.path):
                return Answer(422, "the checkpoint is not proven to continue the one cosigned before\n")
            at_s = int(self._clock())
            line = cosign(self._name, self._key, checkpoint.text(sent), at_s)
            keeper.keep(Seen(sent.size, sent.root, asked.note + line))
        return Answer(200, line)


def read(body: bytes) -> Asked:
    """Read a request: `old` and a size, up to 63 hashes, an empty line, the signed note. Raises NoteError."""
    try:
        before, gap, note = body.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise NoteError("the request is not text") from None
    first, *lines = before.split("\n")
    old = first.removeprefix("old ")
    if not gap or old == first or not _is_size(old):
        raise NoteError("the request must begin with the old size, and have an empty line before the checkpoint")
    if len(lines) > MOST_PROOF_LINES:
        raise NoteError("a consistency proof has at most 63 hashes")
    return Asked(int(old), tuple(_hash(line) for line in lines), note)


def _is_size(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and (text == "0" or text[0] != "0")


def _hash(line: str) -> bytes:
    try:
        hash_ = base64.b64decode(line, validate=True)
    except ValueError:
        hash_ = b""
    if len(hash_) != 32 or base64.b64encode(hash_).decode() != line:
        raise NoteError("a line of the consistency proof is not the base64 of 32 bytes")
    return hash_


def _continues(seen: Seen, sent: Checkpoint, path: tuple[bytes, ...]) -> bool:
    """Whether a checkpoint is proven to contain all that the one seen before had."""
    if seen.size == 0:  # nothing was cosigned but, perhaps, the empty tree
        return not path and (sent.size > 0 or sent.root == merkle.EMPTY_ROOT)
    return merkle.is_consistent(seen.size, sent.size, seen.root, sent.root, path)
