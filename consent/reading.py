# SPDX-License-Identifier: Apache-2.0
"""Reading what stands: the state of a piece of data at one instant, and the answer a query rests on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from consent.carving import OTHER, pieces
from consent.conditions import ANY, Conditions, both
from consent.model import CategoryStanding, Held, Scope, Standing, State

Statements = tuple[CategoryStanding, ...]

NOES = frozenset({State.REFUSED, State.WITHDRAWN})
"""What a citizen said no to: it counts under every agreement. Every other state belongs to one agreement."""

_LOUDNESS = {
    state: place
    for place, state in enumerate(
        (
            State.GIVEN,
            State.AWAITING,
            State.DEFERRED,
            State.REQUESTED,
            State.REFUSED,
            State.WITHDRAWN,
            State.REVOKED,
            State.SUPERSEDED,
            State.EXPIRED,
            State.INVALIDATED,
            State.NONE,
        )
    )
}
"""Which of several states of one piece is told: the first. An open question is told before the no it follows."""


def word(statements: Iterable[CategoryStanding], field: str, source: str, now: int, agreement: str = "") -> State:
    """What the statements say of one field from one source at `now`; under one agreement where it is named.

    A refusal says more than a withdrawal, and either would win over a yes that spoke of the same.
    """
    said, no = State.NONE, State.NONE
    for statement in statements:
        if not statement.says(field, source):
            continue
        state = _at(statement, now, agreement)
        if _LOUDNESS[state] < _LOUDNESS[said]:
            said = state
        if state in NOES and _LOUDNESS[state] < _LOUDNESS[no]:
            no = state
    return no if said is State.GIVEN and no is not State.NONE else said


def _at(statement: CategoryStanding, now: int, agreement: str) -> State:
    """The state a statement speaks of at `now`; none when it does not count there or then."""
    state = statement.state
    if state in NOES:
        return state
    if agreement not in ("", statement.agreement):
        return State.NONE
    if statement.until and now >= statement.until:
        return State.EXPIRED if state is State.GIVEN else State.NONE
    return state


def state_of(
    statements: Statements, scope: Scope, at: int, *, telling: Sequence[State] = (), agreement: str = ""
) -> State:
    """How `scope` stands at `at`: the state that all of it is in, `none` when it is in several; or, with
    `telling`, the first of those that any of it is in."""
    found = {word(statements, field, source, at, agreement) for field, source in pieces(scope, statements)}
    if telling:
        return min(found, key=telling.index)
    return found.pop() if len(found) == 1 else State.NONE


def held(
    standing: Standing, category: str, source: str, now: int, agreement: str = "", role: str = "", service: str = ""
) -> Held:
    """How one category stands from one source at `now`, under `agreement` where it is named, for somebody in `role`
    who asks through `service`: a permit that names its recipients more closely does not count for others."""
    statements = [
        statement
        for statement in standing.by_category.get(category, ())
        if statement.state in NOES
        or (
            agreement in ("", statement.agreement)
            and (statement.conditions is None or statement.conditions.admits(role, service))
        )
    ]
    names = {OTHER}
    for statement in statements:
        names.update(statement.fields)
        for hole in statement.holes:
            names.update(hole.fields)
    given = {name for name in names if word(statements, name, source, now) is State.GIVEN}
    if not given:
        return _not_held(statements, names, source, now)
    speaking = [
        statement
        for statement in statements
        if now < statement.until
        and statement.state is State.GIVEN
        and any(statement.says(name, source) for name in given)
    ]
    decided, conditions, given = _terms(speaking, given, source)
    everything = OTHER in given
    return Held(
        State.GIVEN,
        () if everything else tuple(sorted(given)),
        tuple(sorted(names - given)) if everything else (),
        min(statement.until for statement in speaking),
        tuple(statement.event for statement in speaking),
        decided.by,
        conditions,
    )


def _terms(
    speaking: Sequence[CategoryStanding], given: set[str], source: str
) -> tuple[CategoryStanding, Conditions, set[str]]:
    """Whose permit the answer rests on, under which conditions, and for which of the fields that are given.

    One without conditions is looked at first, then the newest. What those already say needs no other permit; where
    several are needed the conditions of all of them hold, and one that contradicts those before it is left out.
    """
    if len(speaking) == 1:
        return speaking[0], speaking[0].conditions or ANY, given
    free = [statement for statement in speaking if statement.conditions is None]
    ordered = [*free[::-1], *speaking[::-1]]
    said: set[str] = set()
    conditions = ANY
    for statement in ordered:
        more = {name for name in given - said if statement.says(name, source)}
        together = both(conditions, statement.conditions or ANY)
        if more and together is not None:
            conditions, said = together, said | more
    return ordered[0], conditions, said


def _not_held(statements: Iterable[CategoryStanding], names: Iterable[str], source: str, now: int) -> Held:
    last: CategoryStanding | None = None
    for statement in statements:
        if any(statement.says(name, source) for name in names) and _at(statement, now, "") is not State.NONE:
            last = statement
    if last is None:
        return Held(State.NONE)
    return Held(_at(last, now, ""), events=(last.event,))
