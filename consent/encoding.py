# SPDX-License-Identifier: Apache-2.0
"""What all decisions of a person come to, as it is stored: JSON, members sorted. Every reader raises LedgerCorrupt
for bytes that this version does not write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from consent.errors import LedgerCorrupt
from consent.model import CategoryStanding, Standing
from consent.rules import ByCategory
from consent.wide import Wide

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(tuple[CategoryStanding, ...])
_wide_decoder = msgspec.json.Decoder(Wide)


def encode(said: ByCategory) -> bytes:
    """Statements about one recipient and purpose, to be stored."""
    return _encoder.encode([one for some in said.values() for one in some])


def decode(stored: bytes | None) -> ByCategory:
    """Statements as they were stored, by category; none for None."""
    said: ByCategory = {}
    if stored is None:
        return said
    try:
        for statement in _decoder.decode(stored):
            said[statement.category] = (*said.get(statement.category, ()), statement)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerCorrupt from error
    return said


def encode_wide(about: Wide) -> bytes:
    """Objections, opt-outs and authorities of a person, to be stored."""
    return _encoder.encode(about)


def decode_wide(stored: bytes) -> Wide:
    """Objections, opt-outs and authorities as they were stored."""
    try:
        return _wide_decoder.decode(stored)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerCorrupt from error


def standing(organisation: str, purpose: str, row: Sequence[Any] | Row[Any] | None) -> Standing:
    """What stands about a recipient and purpose, from a row (seq, statements, wide) however it was read; None for a
    person about whom there is nothing."""
    if row is None:
        return Standing(0, {})
    seq, said, about = row
    if about is None:
        return Standing(int(seq), decode(said))
    found = decode_wide(about)
    return Standing(int(seq), decode(said), found.about(organisation, purpose), found.opt_outs)
