# SPDX-License-Identifier: Apache-2.0
"""Taking a part out of a statement: rectangles of fields × sources, with holes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from msgspec.structs import replace

from consent.model import CategoryStanding, Scope

OTHER = ""
"""Stands for every field or source that nobody has named: all of those are always in the same state."""


def carve(statement: CategoryStanding, scope: Scope) -> CategoryStanding | None:
    """The statement without `scope`; None when nothing is left, the same object when they do not meet."""
    if not scope.meets(statement.scope) or any(hole.covers(scope) for hole in statement.holes):
        return statement
    holes = (*(hole for hole in statement.holes if not scope.covers(hole)), scope)
    carved = replace(statement, holes=holes)
    return carved if any(carved.says(*piece) for piece in pieces(carved.scope, (carved,))) else None


def remains(denial: CategoryStanding, within: Scope) -> Scope | None:
    """What a no still speaks of inside `within`, as one rectangle: never less than that, and exactly that where
    what was taken back of it goes right across."""
    if not denial.scope.meets(within):
        return None
    both = overlap(denial.scope, within)
    fields, sources = set(both.fields), set(both.sources)
    for hole in denial.holes:
        if Scope((), hole.sources).covers(Scope((), both.sources)):
            fields -= set(hole.fields)
        elif Scope(hole.fields).covers(Scope(both.fields)):
            sources -= set(hole.sources)
    left = Scope(tuple(sorted(fields)), tuple(sorted(sources)))
    return left if both.covers(left) and not any(hole.covers(left) for hole in denial.holes) else None


def overlap(one: Scope, other: Scope) -> Scope:
    """What two scopes that meet share."""
    return Scope(_both(one.fields, other.fields), _both(one.sources, other.sources))


def pieces(scope: Scope, statements: Iterable[CategoryStanding]) -> Iterator[tuple[str, str]]:
    """One (field, source) for each piece of `scope` that the statements could treat differently."""
    spoken = [part for statement in statements for part in (statement.scope, *statement.holes)]
    fields = scope.fields or {OTHER}.union(*(part.fields for part in spoken))
    sources = scope.sources or {OTHER}.union(*(part.sources for part in spoken))
    return product(fields, sources)


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in one if name in other) if one and other else one or other
