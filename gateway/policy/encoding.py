# SPDX-License-Identifier: Apache-2.0
"""The facts as JSON, which is what a judge reads, a decision is remembered by and a replay judges again.

Many pairs stand alike: nothing was decided about most of what is asked. How they stand is written once, and each
pair says by its index which of the standings is its own. So a judge compares numbers where it would compare
documents, and reads a third of the text.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from gateway.policy.facts import (
    CallerFacts,
    ConsentFacts,
    Facts,
    Names,
    Objection,
    PairFacts,
    PersonFacts,
    RequestFacts,
    Text,
)


class StandingFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """How a pair stands: the members of PairFacts beside what it is."""

    fields: Names = ()
    consent: ConsentFacts = field(default_factory=ConsentFacts)
    restrictions: Names = ()
    objection: Objection = "none"


class EncodedPair(Struct, frozen=True, forbid_unknown_fields=True):
    """One (source, category); `standing` is an index into the standings."""

    n: Annotated[int, Meta(ge=0, le=100_000)] = 0
    source: Text = ""
    category: Text = ""
    standing: Annotated[int, Meta(ge=0, lt=10_000)] = 0


class EncodedFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """The input of the rules. `now` comes first, so that all after it is what a decision is remembered by."""

    now: Annotated[int, Meta(ge=0, lt=7_258_118_400)] = 0
    caller: CallerFacts = field(default_factory=CallerFacts)
    person: PersonFacts = field(default_factory=PersonFacts)
    request: RequestFacts = field(default_factory=RequestFacts)
    standings: Annotated[tuple[StandingFacts, ...], Meta(max_length=10_000)] = ()
    pairs: Annotated[tuple[EncodedPair, ...], Meta(max_length=10_000)] = ()


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(EncodedFacts, strict=True)


def shared(given: Facts) -> EncodedFacts:
    """The same facts, what pairs share written once; standings come in the order of their first pair."""
    numbers: dict[StandingFacts, int] = {}
    pairs = []
    for pair in given.pairs:
        standing = StandingFacts(pair.fields, pair.consent, pair.restrictions, pair.objection)
        number = numbers.setdefault(standing, len(numbers))
        pairs.append(EncodedPair(pair.n, pair.source, pair.category, number))
    return EncodedFacts(given.now, given.caller, given.person, given.request, tuple(numbers), tuple(pairs))


def whole(said: EncodedFacts) -> Facts:
    """The same facts, each pair with its own. Raises msgspec.ValidationError for a standing that is not there."""
    standings = said.standings
    if any(pair.standing >= len(standings) for pair in said.pairs):
        raise msgspec.ValidationError("a pair has a standing that is not there")
    pairs = []
    for pair in said.pairs:
        own = standings[pair.standing]
        told = (own.fields, own.consent, own.restrictions, own.objection)
        pairs.append(PairFacts(pair.n, pair.source, pair.category, *told))
    return Facts(said.now, said.caller, said.person, said.request, tuple(pairs))


def encode(given: Facts) -> bytes:
    """Facts as JSON, the same bytes for the same facts."""
    return _ENCODER.encode(shared(given))


def checked(text: bytes) -> Facts:
    """Facts from JSON, strictly: a boolean that is a number, a time that is text, a member that is unknown or a
    standing that is not there raises msgspec.ValidationError. Values built in Python are not checked when they are
    made; this does it."""
    return whole(_DECODER.decode(text))


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the facts; `policies/schema/facts.schema.json` is this."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Facts",
        **msgspec.json.schema(EncodedFacts),
    }
