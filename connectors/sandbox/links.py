# SPDX-License-Identifier: Apache-2.0
"""Who is who across the three systems: what the gateway links, and what it may verify a question against."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from connectors.sandbox.person import Citizen
from connectors.sandbox.stories import identifiers


class Link(Struct, frozen=True):
    """One person. `identifiers` maps identifier system → value as everybody but the NHS knows them, so a
    replaced NHS number is still the old one here; `verify` has `birth_date` and `family_name`."""

    number: int
    identifiers: dict[str, str]
    verify: dict[str, str]

    def __repr__(self) -> str:
        return f"Link(number={self.number}, identifiers={sorted(self.identifiers)})"


def link(citizen: Citizen) -> Link:
    """The link of one citizen."""
    return Link(
        number=citizen.number,
        identifiers=identifiers(citizen),
        verify={"birth_date": citizen.birth_date, "family_name": citizen.family},
    )


class Writer:
    """Writes links as JSON lines, for our eyes alone."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self._encoder = msgspec.json.Encoder()

    def add(self, citizens: Sequence[Citizen]) -> None:
        """Writes the links of those citizens."""
        self._file.write(self._encoder.encode_lines([link(citizen) for citizen in citizens]))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read(path: Path) -> Iterator[Link]:
    """The links in that file, in the order of the population."""
    decoder = msgspec.json.Decoder(Link)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
