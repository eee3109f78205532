# SPDX-License-Identifier: Apache-2.0
"""What will end by the passing of time alone, and when somebody has to be told of it. Pure.

A consent ends at its expiry; an authority lapses at its own end, when it has to be looked at again, and over a
child at 18. Each is told some days before, so that nobody finds out by being refused. What was renewed, is covered
for longer by another consent, was withdrawn, or is refused by somebody else, does not end then.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from consent.authority import Authority, Matter, chain_of
from consent.carving import pieces
from consent.conditions import ANY
from consent.model import CategoryStanding, State
from consent.reading import word
from consent.rules import ByCategory
from consent.words import By

DAY_S = 86_400

DAYS = (30, 7)
"""How many days before an end it is told, the longest first."""


class Why(StrEnum):
    """What happens at the end of an authority: it runs out, somebody must look at it again, the child is 18."""

    END = "end"
    REVIEW = "review"
    OF_AGE = "of-age"


class ConsentEnding(Struct, frozen=True, kw_only=True, tag="consent"):
    """A consent that will end: the categories in which something stops at `ends_at` (seconds since 1970). `about`:
    the event that gave it; `by`: in which right it was given."""

    about: str
    person: str
    organisation: str
    purpose: str
    agreement: str
    categories: tuple[str, ...]
    by: By
    ends_at: int

    @property
    def matter(self) -> Matter:
        """What it is about, for whoever acts for the person."""
        return Matter(self.purpose, self.categories)


class AuthorityEnding(Struct, frozen=True, kw_only=True, tag="authority"):
    """An authority that will lapse. `about`: its id."""

    about: str
    person: str
    holder: str
    by: By
    why: Why
    ends_at: int


Ending = ConsentEnding | AuthorityEnding


def due(begun: int, ends_at: int, now: int) -> int:
    """How many days before the end it is to be told of at `now`, one of DAYS; 0 for not now. Of several whose
    moment has passed the last: a gateway that was down tells once. What began later than a moment has none there:
    whoever agreed to ten days knows."""
    if not now < ends_at:
        return 0
    passed = [days for days in DAYS if begun < ends_at - days * DAY_S <= now]
    return min(passed, default=0)


def consents(
    person: str, organisation: str, purpose: str, standing: ByCategory, now: int
) -> tuple[ConsentEnding, ...]:
    """The consents of a person to one recipient for one purpose that are in force at `now`, each with its end and
    the categories in which that end stops anything."""
    found: dict[tuple[str, int], list[CategoryStanding]] = {}
    for statements in standing.values():
        for one in statements:
            if one.state is State.GIVEN and now < one.until and _stops(one, statements, now):
                found.setdefault((one.event, one.until), []).append(one)
    return tuple(
        ConsentEnding(
            about=event,
            person=person,
            organisation=organisation,
            purpose=purpose,
            agreement=some[0].agreement,
            categories=tuple(sorted({one.category for one in some})),
            by=some[0].by,
            ends_at=until,
        )
        for (event, until), some in found.items()
    )


def authorities(held: Iterable[Authority], now: int) -> tuple[AuthorityEnding, ...]:
    """Of all authorities over one person those that are in force at `now` and will lapse: at their own end, or at
    that of one which they were handed on from."""
    known = tuple(held)
    found = []
    for one in known:
        line = chain_of(one, known)
        if line is None or any(link.out_of_force(now) for link in line):
            continue
        if ends := [(end, link) for link in line if (end := link.good_until())]:
            end, link = min(ends, key=lambda pair: pair[0])
            found.append(
                AuthorityEnding(
                    about=one.id, person=one.person, holder=one.holder, by=one.by, why=_why(link, end), ends_at=end
                )
            )
    return tuple(found)


def _stops(one: CategoryStanding, statements: Iterable[CategoryStanding], now: int) -> bool:
    """Whether anything that flows because of `one` stops at its end: a part of it that nobody said no to and that
    no other consent covers for longer."""
    every = tuple(statements)
    longer = [
        other
        for other in every
        if other.state is State.GIVEN
        and other.until > one.until
        and other.agreement == one.agreement
        and (other.conditions or ANY).covers(one.conditions or ANY)
    ]
    return any(
        one.says(*piece)
        and word(every, *piece, now, one.agreement) is State.GIVEN
        and not any(other.says(*piece) for other in longer)
        for piece in pieces(one.scope, every)
    )


def _why(authority: Authority, end: int) -> Why:
    if authority.reviews and end == authority.reviews[-1]:
        return Why.OF_AGE
    return Why.END if end == authority.until else Why.REVIEW
