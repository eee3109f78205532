# SPDX-License-Identifier: Apache-2.0
"""What workers and their leader say to each other over a Unix socket: frames of a length (4 bytes) and MessagePack.

Both ends are one installation on one machine; the socket lies in the data folder, for its owner alone.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode

import msgspec
from msgspec import Struct

from gateway.audit.sequencer import Item

VERSION = 1
LARGEST = 1 << 26


class Hello(Struct, frozen=True, array_like=True):
    """First frame of the leader: which log it writes, with which key (Ed25519 public key)."""

    version: int
    name: str
    public: bytes


class Sent(Struct, frozen=True, array_like=True):
    """One entry to be appended; `n` is how the worker calls it, `age_ms` how long it has waited there."""

    n: int
    item: Item
    urgent: bool
    age_ms: int


class Ask(Struct, frozen=True, array_like=True):
    """What a worker says: entries to be appended, and those that nobody waits for any more."""

    sent: list[Sent]
    gone: list[int]


class At(Struct, frozen=True, array_like=True):
    """A checkpoint that one or more entries were committed under."""

    size: int
    origin: str
    checkpoint: str

    @property
    def b64(self) -> bytes:
        """The checkpoint as a header has it."""
        return b64encode(self.checkpoint.encode())


class Told(Struct, frozen=True, array_like=True):
    """What became of entries: (n, index, place in `heads`) of those committed; (n, seq) of those whose consent
    moved; (n, query id, same request) of those whose key was claimed; and those that could not be written."""

    heads: list[At]
    committed: list[tuple[int, int, int]]
    moved: list[tuple[int, int]]
    claimed: list[tuple[int, str, bool]]
    failed: list[int]


_encoder = msgspec.msgpack.Encoder()
hello = msgspec.msgpack.Decoder(Hello)
ask = msgspec.msgpack.Decoder(Ask)
told = msgspec.msgpack.Decoder(Told)


def frame(message: Struct) -> bytes:
    """A message as it is sent."""
    content = _encoder.encode(message)
    return len(content).to_bytes(4, "big") + content


async def receive(reader: asyncio.StreamReader) -> bytes:
    """The content of the next frame. Raises EOFError (the other end is gone), ConnectionError, ValueError."""
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > LARGEST:
        raise ValueError("a frame is too long")
    return await reader.readexactly(length)
