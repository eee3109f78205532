# SPDX-License-Identifier: Apache-2.0
"""The chain of one person's events: canonical bytes, hashes, and the check that nobody changed them. Pure.

A link is the JSON object {event, previous, seq, v} in the canonical form of RFC 8785 (members sorted, no spaces,
UTF-8); its SHA-256 is the event's hash and the next link's `previous` (lower-case hexadecimal; empty for the
first). `v` is the version of this form. Members that hold their default are left out, so an optional member that
a later version adds does not change the bytes of what is already stored. `salt` is random: once the content of an
event is erased (`consent/erasing.py`), nobody can find it again by guessing and hashing.

Of an event that was erased the link is empty and the hash stays. Such events are the first of their chain, and the
event after them is the erasure, which commits to their hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from consent.errors import LedgerCorrupt
from consent.model import Event, Recorded
from consent.words import Kind

VERSION = 1
START = Recorded(0, "")
"""Where the chain of somebody who never decided anything ends."""


class Link(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One event in its place in the chain. `salt`: 32 hexadecimal digits; links of before it have none."""

    event: Event
    previous: str
    salt: str = ""
    seq: int
    v: int


class Verified(Struct, frozen=True):
    """The chain is whole and ends here."""

    head: Recorded


class Broken(Struct, frozen=True):
    """The chain is not what was written: at which sequence number it is first seen, and how."""

    seq: int
    reason: str


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(Link)


def link(event: Event, head: Recorded, salt: str = "") -> tuple[bytes, Recorded]:
    """The canonical bytes that join `event` to a chain that ends at `head`, and where it then ends."""
    content = _encoder.encode(Link(event=event, previous=head.hash, salt=salt, seq=head.seq + 1, v=VERSION))
    return content, Recorded(head.seq + 1, digest(content))


def digest(content: bytes) -> str:
    """SHA-256, lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def commitment(hashes: Iterable[str]) -> str:
    """What an erasure says of the events it erased: SHA-256 over their hashes, one after the other."""
    return hashlib.sha256(bytes.fromhex("".join(hashes))).hexdigest()


def event_of(content: bytes) -> Event:
    """The event in a link. Raises LedgerCorrupt: an event that cannot be read must not be passed over, since it
    could be the withdrawal."""
    return _parse(content).event


def verify(person: str, stored: Iterable[tuple[int, bytes, str]], head: Recorded) -> Verified | Broken:
    """Check the chain of `person`: `stored` rows (seq, link, hash) in order, and the `head` it must end at."""
    opened = events(person, stored, head)
    return opened if isinstance(opened, Broken) else Verified(head)


def events(person: str, stored: Iterable[tuple[int, bytes, str]], head: Recorded) -> list[Event] | Broken:
    """The events of `person` that were not erased, oldest first, if their chain is whole; takes what `verify`
    takes."""
    end, found, erased = START, list[Event](), list[str]()
    for seq, content, hash_ in stored:
        if not content and not found and seq == end.seq + 1:
            erased.append(hash_)
        else:
            for fault in _faults(person, seq, content, hash_, end, found):
                return Broken(end.seq + 1, fault)
        end = Recorded(seq, hash_)
    if erased and (not found or found[0].kind is not Kind.ERASED or found[0].erased != commitment(erased)):
        return Broken(len(erased), "events were taken away and no erasure says so")
    return found if end == head else Broken(end.seq, "the chain does not end where its head says")


def _faults(person: str, seq: int, content: bytes, hash_: str, end: Recorded, found: list[Event]) -> Iterator[str]:
    if seq != end.seq + 1:
        yield "an event is missing"
    if digest(content) != hash_:
        yield "the content does not have its hash"
    try:
        parsed = _parse(content)
    except LedgerCorrupt:
        yield "the content cannot be read"
        return
    if _encoder.encode(parsed) != content:
        yield "the content is not in canonical form"
    if parsed.previous != end.hash or parsed.seq != seq:
        yield "the event does not follow the one before"
    if parsed.event.person != person:
        yield "the event is another person's"
    found.append(parsed.event)


def _parse(content: bytes) -> Link:
    try:
        parsed = _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerCorrupt from error
    if parsed.v != VERSION:
        raise LedgerCorrupt
    return parsed
