# SPDX-License-Identifier: Apache-2.0
"""What a change of the law would have changed: two verdicts on a pair compared, and many changes grouped. Pure.

A change is a widening when anything goes out that did not, whatever else is held back instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, Protocol

from msgspec import Struct, structs

Direction = Literal["opened", "widened", "narrowed", "closed"]
WIDENING: frozenset[Direction] = frozenset({"opened", "widened"})
EXAMPLES = 5
NONE: Mapping[str, int] = MappingProxyType({})


class Verdictlike(Protocol):
    """A verdict: model.Verdict, or one as it stands in the log."""

    @property
    def allow(self) -> bool:
        """Whether anything goes out."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what goes out."""
        ...

    @property
    def grounds(self) -> tuple[str, ...]:
        """The names of the grounds that carry it."""
        ...

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the limits that do not hold and may be told of; the first gives the reason."""
        ...

    @property
    def hidden(self) -> tuple[str, ...]:
        """The names of the limits that do not hold and may not be told of."""
        ...

    @property
    def reason(self) -> str:
        """Code of the public reason of a refusal."""
        ...


class Change(Struct, frozen=True):
    """How one (source, category) differs. `gained` and `lost` are fields; `rule` is the one that makes the
    difference: `limits/NAME`, `grounds/NAME`, or `terms` where only the fields differ. `reason`: the code by which
    one of both refuses."""

    direction: Direction
    rule: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    reason: str = ""


def compare(before: Verdictlike, after: Verdictlike, order: Mapping[str, int] = NONE) -> Change | None:
    """The difference of two verdicts on the same pair; None where the same fields go out, or none. `order`: limit →
    its place among those that name a reason; the first of several is the one that makes the difference."""
    gained = tuple(sorted(set(after.fields) - set(before.fields)))
    lost = tuple(sorted(set(before.fields) - set(after.fields)))
    if not gained and not lost:
        return None
    if not before.allow:
        return Change("opened", _cause(before, after, order), gained, lost, before.reason)
    if not after.allow:
        return Change("closed", _cause(after, before, order), gained, lost, after.reason)
    return Change("widened" if gained else "narrowed", "terms", gained, lost)


def _cause(refused: Verdictlike, allowed: Verdictlike, order: Mapping[str, int]) -> str:
    """Which rule stands between a refusal and a permission: a limit that one of them broke, one that is kept from
    the agency before the one it was told of; else every limit held, and the other had a ground."""
    if broken := refused.hidden or refused.broken:
        return f"limits/{min(broken, key=lambda name: order.get(name, len(order)))}"
    return f"grounds/{allowed.grounds[0]}" if allowed.grounds else "terms"


class Key(Struct, frozen=True, order=True):
    """What changes are grouped by."""

    agency: str
    purpose: str
    category: str
    rule: str
    direction: Direction


class Group(Struct, frozen=True):
    """All changes of one key: how many decisions, and in them how many accesses (a category of a source each),
    which fields, for which reasons one of both laws refuses, and some decisions to look at."""

    key: Key
    decisions: int
    accesses: int
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    examples: tuple[str, ...]
    reasons: tuple[str, ...] = ()

    @property
    def widens(self) -> bool:
        """Whether anything goes out that did not."""
        return self.key.direction in WIDENING


class Tally:
    """Groups changes as they come, all of one decision after each other."""

    def __init__(self) -> None:
        self._groups: dict[Key, Group] = {}
        self._last: dict[Key, str] = {}

    def add(self, agency: str, purpose: str, category: str, decision: str, change: Change) -> None:
        """Count one change of one decision."""
        key = Key(agency, purpose, category, change.rule, change.direction)
        found = self._groups.get(key) or Group(key, 0, 0, (), (), ())
        another = self._last.get(key) != decision
        self._last[key] = decision
        self._groups[key] = structs.replace(
            found,
            decisions=found.decisions + another,
            accesses=found.accesses + 1,
            gained=tuple(sorted({*found.gained, *change.gained})),
            lost=tuple(sorted({*found.lost, *change.lost})),
            reasons=tuple(sorted({*found.reasons, change.reason} - {""})),
            examples=(*found.examples, decision)[:EXAMPLES] if another else found.examples,
        )

    def groups(self) -> tuple[Group, ...]:
        """Widenings first, each kind with the most decisions first."""
        return tuple(sorted(self._groups.values(), key=lambda one: (not one.widens, -one.decisions, one.key)))


class Expected(Struct, frozen=True, forbid_unknown_fields=True):
    """A widening that is meant: what is left empty matches all."""

    agency: str = ""
    purpose: str = ""
    category: str = ""
    rule: str = ""

    def covers(self, key: Key) -> bool:
        """Whether changes of this key are meant. A category covers all below it."""
        below = not self.category or key.category == self.category or key.category.startswith(self.category + ".")
        return (
            below
            and self.agency in ("", key.agency)
            and self.purpose in ("", key.purpose)
            and self.rule in ("", key.rule)
        )


def unexpected(groups: Iterable[Group], expected: Iterable[Expected]) -> Iterator[Group]:
    """The widenings that nobody said were meant."""
    meant = tuple(expected)
    return (one for one in groups if one.widens and not any(wanted.covers(one.key) for wanted in meant))


def totals(groups: Iterable[Group], member: Literal["agency", "purpose", "category", "rule"]) -> Mapping[str, int]:
    """Accesses that change by one member of their keys, the most first."""
    counts: dict[str, int] = {}
    for one in groups:
        name = str(getattr(one.key, member))
        counts[name] = counts.get(name, 0) + one.accesses
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
