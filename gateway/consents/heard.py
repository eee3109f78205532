# SPDX-License-Identifier: Apache-2.0
"""How staff heard what a citizen decided: on the telephone, on paper, in person, read back and confirmed. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from consent.model import Event
from consent.words import Channel
from gateway.errors import FieldFault, Invalid


class Heard(Struct, frozen=True, kw_only=True):
    """How a citizen said it, and who wrote it down. `staff`: opaque id; `evidence`: SHA-256 (hexadecimal) of paper
    or recording."""

    staff: str
    channel: Channel
    read_back: bool = False
    evidence: str = ""


def faults(heard: Heard) -> Iterator[FieldFault]:
    """What is missing before anything is written down."""
    if not heard.read_back:
        yield FieldFault("/read_back", "not-read-back", "true: read it back, and hear a yes")
    if heard.channel is Channel.PAPER and not heard.evidence:
        yield FieldFault("/evidence", "missing", "the SHA-256 of the paper")
    if heard.channel is Channel.WEB:
        yield FieldFault("/channel", "unknown-code", "phone, paper or in-person")


def require(heard: Heard) -> None:
    """Raises Invalid when something is missing."""
    if found := list(faults(heard)):
        raise Invalid(errors=found)


def written(event: Event, heard: Heard | None) -> Event:
    """The event with who wrote it down and how; as it is where the citizen decided alone."""
    if heard is None:
        return event
    return replace(
        event, actor=heard.staff, channel=heard.channel, read_back=heard.read_back, evidence=heard.evidence
    )
