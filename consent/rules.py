# SPDX-License-Identifier: Apache-2.0
"""The rules of consent: which decision may follow which, and what all decisions together say. Pure functions.

How one category is read:

1. A giving permits what it names, under its agreement, until its end. Permits add.
2. A refusal or a withdrawal ends every permit for exactly what it names, and nothing else.
3. An explicit no beats a yes of equal or narrower scope. A later yes takes back the no for what it names when both
   pick their fields and sources in the same way: a yes to x and y takes back the no to x; a yes to "all" does not
   take back a no to "this field", since it is not said that the citizen thought of it. A no never weakens a no.
4. A withdrawal only ends what was given, so a narrower yes may follow it; a refusal forbids, so a narrower yes
   must name it as its predecessor.
5. Only a giving permits anything; every other event can only take away.
6. A permit is in force while now < until. Nothing happens at the end: time is looked at when the question is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from msgspec.structs import replace

from consent.errors import (
    AlreadyExpired,
    AlreadyRefused,
    AlreadyWithdrawn,
    GivenWithdrawInstead,
    NothingGiven,
    NothingGivenButRefused,
    RefusalStands,
    TransitionRefused,
)
from consent.model import CategoryStanding, Event, Held, Kind, Scope, Standing, State

Statements = tuple[CategoryStanding, ...]
ByCategory = dict[str, Statements]
"""category → statements in the order of their events, for one person × organisation × purpose."""

TRANSITIONS: dict[State, dict[Kind, State | type[TransitionRefused]]] = {
    State.NONE: {
        Kind.GIVEN: State.GIVEN,
        Kind.REFUSED: State.REFUSED,
        Kind.WITHDRAWN: NothingGiven,
    },
    State.GIVEN: {
        Kind.GIVEN: State.GIVEN,
        Kind.REFUSED: GivenWithdrawInstead,
        Kind.WITHDRAWN: State.WITHDRAWN,
    },
    State.REFUSED: {
        Kind.GIVEN: State.GIVEN,
        Kind.REFUSED: AlreadyRefused,
        Kind.WITHDRAWN: NothingGivenButRefused,
    },
    State.WITHDRAWN: {
        Kind.GIVEN: State.GIVEN,
        Kind.REFUSED: State.REFUSED,
        Kind.WITHDRAWN: AlreadyWithdrawn,
    },
    State.EXPIRED: {
        Kind.GIVEN: State.GIVEN,
        Kind.REFUSED: State.REFUSED,
        Kind.WITHDRAWN: AlreadyExpired,
    },
}
"""State of what the event names × kind of event → state afterwards, or why it is refused. Nothing else moves."""

_TELLING = (State.GIVEN, State.EXPIRED, State.WITHDRAWN, State.REFUSED, State.NONE)
"""Which of several states a withdrawal is judged by: the first that is found anywhere in what it names."""

_OTHER = ""
"""Stands for every field or source that nobody has named: all of those are always in the same state."""


def admit(before: Mapping[str, Statements], event: Event) -> None:
    """Check `event` against the table. Raises the TransitionRefused of its cell, or RefusalStands.

    A giving or a refusal must be allowed in every category it names. A withdrawal must only find something in
    force: it may sweep wider than what is left to withdraw.
    """
    states = {
        category: state_of(before.get(category, ()), scope, event.at, whole=event.kind is not Kind.WITHDRAWN)
        for category, scope in scopes(event).items()
    }
    judged = list(states.values())
    if event.kind is Kind.WITHDRAWN:
        judged = [min(judged, key=_TELLING.index)]
    for state in judged:
        outcome = TRANSITIONS[state][event.kind]
        if not isinstance(outcome, State):
            raise outcome
    if event.kind is Kind.GIVEN:
        for category, scope in scopes(event).items():
            if _permit(before.get(category, ()), category, scope, event) is None:
                raise RefusalStands


def step(before: Mapping[str, Statements], event: Event) -> ByCategory:
    """The statements after `event`. Total: it also folds histories that `admit` would not have let through."""
    after = dict(before)
    for category, scope in scopes(event).items():
        statements = before.get(category, ())
        folded = (
            _give(statements, category, scope, event)
            if event.kind is Kind.GIVEN
            else _deny(statements, category, scope, event)
        )
        if folded:
            after[category] = folded
    return after


def fold(events: Iterable[Event]) -> dict[tuple[str, str], ByCategory]:
    """(organisation, purpose) → statements, from one person's events in order."""
    standings: dict[tuple[str, str], ByCategory] = {}
    for event in events:
        key = (event.organisation, event.purpose)
        standings[key] = step(standings.get(key, {}), event)
    return standings


def scopes(event: Event) -> dict[str, Scope]:
    """category → what the event names of it."""
    fields: dict[str, list[str]] = {category: [] for category in event.provision.categories}
    for full in event.provision.fields:
        category, _, name = full.partition("/")
        fields[category].append(name)
    sources = tuple(sorted(event.provision.sources))
    return {category: Scope(tuple(sorted(names)), sources) for category, names in fields.items()}


def word(statements: Iterable[CategoryStanding], field: str, source: str, now: int, agreement: str = "") -> State:
    """What the statements say of one field from one source at `now`; under one agreement where it is named.

    A refusal says more than a withdrawal, and either would win over a yes that spoke of the same.
    """
    state = State.NONE
    for statement in statements:
        if not statement.says(field, source):
            continue
        if statement.state is State.REFUSED:
            return State.REFUSED
        if statement.state is State.WITHDRAWN:
            state = State.WITHDRAWN
        elif state in (State.NONE, State.EXPIRED) and agreement in ("", statement.agreement):
            state = State.GIVEN if now < statement.until else State.EXPIRED
    return state


def state_of(statements: Statements, scope: Scope, at: int, *, whole: bool) -> State:
    """How `scope` stands at `at`: the state that all of it is in, `none` when it is in several; or, not `whole`,
    the most telling state that any of it is in."""
    found = {word(statements, field, source, at) for field, source in _pieces(scope, statements)}
    if whole:
        return found.pop() if len(found) == 1 else State.NONE
    return min(found, key=_TELLING.index)


def held(standing: Standing, category: str, source: str, now: int, agreement: str = "") -> Held:
    """How one category stands from one source at `now`, under `agreement` where it is named."""
    statements = [
        statement
        for statement in standing.by_category.get(category, ())
        if statement.state is not State.GIVEN or agreement in ("", statement.agreement)
    ]
    names = {_OTHER}
    for statement in statements:
        names.update(statement.fields)
        for hole in statement.holes:
            names.update(hole.fields)
    given = {name for name in names if word(statements, name, source, now) is State.GIVEN}
    if not given:
        return _not_held(statements, names, source)
    speaking = [
        statement
        for statement in statements
        if now < statement.until and any(statement.says(name, source) for name in given)
    ]
    everything = _OTHER in given
    return Held(
        State.GIVEN,
        () if everything else tuple(sorted(given)),
        tuple(sorted(names - given)) if everything else (),
        min(statement.until for statement in speaking),
        tuple(statement.event for statement in speaking),
    )


def _not_held(statements: Iterable[CategoryStanding], names: Iterable[str], source: str) -> Held:
    spoken = [statement for statement in statements if any(statement.says(name, source) for name in names)]
    if not spoken:
        return Held(State.NONE)
    last = spoken[-1]
    return Held(State.EXPIRED if last.state is State.GIVEN else last.state, events=(last.event,))


def _give(statements: Statements, category: str, scope: Scope, event: Event) -> Statements:
    permit = _permit(statements, category, scope, event)
    if permit is None:
        return statements
    kept: list[CategoryStanding] = []
    for statement in statements:
        if statement.state is not State.GIVEN:
            left = statement if _stands(statement, scope, event) else _carve(statement, scope)
        else:
            left = None if _superseded(statement, permit) else statement
        if left is not None:
            kept.append(left)
    return (*kept, permit)


def _deny(statements: Statements, category: str, scope: Scope, event: Event) -> Statements:
    state = State.REFUSED if event.kind is Kind.REFUSED else State.WITHDRAWN
    bites = state is State.REFUSED
    kept: list[CategoryStanding] = []
    for statement in statements:
        if statement.state is State.GIVEN:
            left = _carve(statement, scope)
            bites = bites or left is not statement
        else:
            left = None if _taken_in(statement, scope, state) else statement
        if left is not None:
            kept.append(left)
    if not bites:
        return statements
    denial = CategoryStanding(category, state, 0, event.id, scope.fields, scope.sources, event.agreement)
    return (*kept, denial)


def _taken_in(older: CategoryStanding, scope: Scope, state: State) -> bool:
    """Whether an older no has nothing to add to a new one. Otherwise a no never weakens another no."""
    if older.state is State.REFUSED and state is State.WITHDRAWN:
        return False
    return scope.covers(older.scope) and not older.scope.finer(scope)


def _permit(statements: Statements, category: str, scope: Scope, event: Event) -> CategoryStanding | None:
    """What a giving comes to beside the noes that stand against it; None when nothing is left of it."""
    permit: CategoryStanding | None = CategoryStanding(
        category, State.GIVEN, event.expires_at, event.id, scope.fields, scope.sources, event.agreement
    )
    standing = [one for one in statements if one.state is not State.GIVEN and _stands(one, scope, event)]
    for denial in standing:
        part = _remains(denial, scope)
        if permit is not None and part is not None:
            permit = _carve(permit, part)
    return permit


def _stands(denial: CategoryStanding, given: Scope, event: Event) -> bool:
    """Whether a no stays in spite of a later giving of `given`."""
    if denial.event == event.predecessor:
        return False
    if denial.scope.finer(given):
        return True
    return denial.state is State.REFUSED and given.finer(denial.scope)


def _superseded(older: CategoryStanding, permit: CategoryStanding) -> bool:
    """Whether an older permit has nothing to add: given again for the same, or covered for at least as long."""
    if older.agreement != permit.agreement or not permit.scope.covers(older.scope):
        return False
    if permit.scope == older.scope:
        return True
    return older.until <= permit.until and not any(hole.meets(older.scope) for hole in permit.holes)


def _carve(statement: CategoryStanding, scope: Scope) -> CategoryStanding | None:
    """The statement without `scope`; None when nothing is left, the same object when they do not meet."""
    if not scope.meets(statement.scope) or any(hole.covers(scope) for hole in statement.holes):
        return statement
    holes = (*(hole for hole in statement.holes if not scope.covers(hole)), scope)
    carved = replace(statement, holes=holes)
    if any(carved.says(field, source) for field, source in _pieces(carved.scope, (carved,))):
        return carved
    return None


def _remains(denial: CategoryStanding, within: Scope) -> Scope | None:
    """What a no still speaks of inside `within`, as one rectangle: never less than that, and exactly that where
    what was taken back of it goes right across."""
    if not denial.scope.meets(within):
        return None
    both = Scope(_both(denial.fields, within.fields), _both(denial.sources, within.sources))
    fields, sources = set(both.fields), set(both.sources)
    for hole in denial.holes:
        if Scope((), hole.sources).covers(Scope((), both.sources)):
            fields -= set(hole.fields)
        elif Scope(hole.fields).covers(Scope(both.fields)):
            sources -= set(hole.sources)
    left = Scope(tuple(sorted(fields)), tuple(sorted(sources)))
    return left if both.covers(left) and not any(hole.covers(left) for hole in denial.holes) else None


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in one if name in other) if one and other else one or other


def _pieces(scope: Scope, statements: Iterable[CategoryStanding]) -> Iterator[tuple[str, str]]:
    """One (field, source) for each piece of `scope` that the statements could treat differently."""
    spoken = [part for statement in statements for part in (statement.scope, *statement.holes)]
    fields = scope.fields or {_OTHER}.union(*(part.fields for part in spoken))
    sources = scope.sources or {_OTHER}.union(*(part.sources for part in spoken))
    return product(fields, sources)
