# SPDX-License-Identifier: Apache-2.0
"""The rules of consent: which decision may follow which, and what all decisions together say. Pure functions.

How one category is read:

1. A giving permits what it names, under its agreement and conditions, until its end. Permits add.
2. A refusal or a withdrawal ends every permit for exactly what it names, and nothing else.
3. An explicit no beats a yes of equal or narrower scope. A later yes takes back the no for what it names when both
   pick their fields and sources in the same way: a yes to x and y takes back the no to x; a yes to "all" does not
   take back a no to "this field", since it is not said that the citizen thought of it. A no never weakens a no.
4. A withdrawal only ends what was given, so a narrower yes may follow it; a refusal forbids, so a narrower yes
   must name it as its predecessor. Whoever decides for somebody else takes back no one else's no unless they name
   it so.
5. Only a giving permits anything; every other event can only take away. A renewal is a giving of what is in force.
6. A permit is in force while now < until. Nothing happens at the end: time is looked at when the question is.
7. Where several must give, nothing is permitted until all have, and then only what all of them named; any one of
   them can withdraw it alone.
8. What others end (revoked, superseded) ends permits under that agreement only, and no later yes has to mind it.
   What was invalidated counts as never given: all is folded as if it had not been, so that whatever it displaced
   stands again, be it a no or an older yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from consent.carving import carve, overlap, pieces, remains
from consent.conditions import ANY, both
from consent.errors import RefusalStands, RequestNotOpen, TargetUnknown, WiderThanAsked, WiderThanGiven
from consent.model import CategoryStanding, Event, Held, Kind, Scope, State
from consent.reading import NOES, Statements, held, state_of, word
from consent.transitions import TRANSITIONS
from consent.words import CONSENT, PERMITTING

__all__ = [
    "TRANSITIONS", "ByCategory", "Held", "Scope", "Statements", "admit", "fold", "held", "scopes", "state_of",
    "step", "word",
]  # fmt: skip

ByCategory = dict[str, Statements]
"""category → statements in the order of their events, for one person × organisation × purpose."""

_TELLING = (
    State.GIVEN, State.AWAITING, State.REQUESTED, State.DEFERRED, State.EXPIRED, State.WITHDRAWN, State.SUPERSEDED,
    State.REVOKED, State.REFUSED, State.INVALIDATED, State.NONE,
)  # fmt: skip
"""Which of several states an event that sweeps is judged by: the first found anywhere in what it names."""

_ASKED_FIRST = (State.REQUESTED, *_TELLING)

_SWEEPING = {
    Kind.DEFERRED: _ASKED_FIRST,
    Kind.WITHDRAWN: _TELLING,
    Kind.REVOKED: _TELLING,
    Kind.INVALIDATED: _TELLING,
    Kind.SUPERSEDED: _TELLING,
    Kind.CARRIED_OVER: _TELLING,
}
"""Kinds that may sweep wider than what is there for them to find → by which state they are judged."""

_ASKS = frozenset({State.REQUESTED, State.DEFERRED})
_ENDS = {Kind.REVOKED: State.REVOKED, Kind.SUPERSEDED: State.SUPERSEDED}


def admit(before: Mapping[str, Statements], event: Event, earlier: Iterable[Event] = ()) -> None:
    """Check `event` against the table and the rules. Raises the TransitionRefused that says why not.

    A giving or a refusal must be allowed in every category it names; what sweeps must only find something.
    `earlier`: the events so far about the same person, organisation and purpose; only an invalidation needs them.
    """
    agreement = "" if event.kind in (Kind.REFUSED, Kind.WITHDRAWN) else event.agreement
    telling = _SWEEPING.get(event.kind, ())
    judged = [
        state_of(before.get(category, ()), scope, event.at, telling=telling, agreement=agreement)
        for category, scope in scopes(event).items()
    ]
    if telling:
        judged = [min(judged, key=telling.index)]
    for state in judged:
        outcome = TRANSITIONS[state][event.kind]
        if not isinstance(outcome, State):
            raise outcome
    if event.request:
        _admit_answer(before, event)
    if event.kind in PERMITTING:
        _admit_giving(before, event)
    if event.target:
        _admit_target(before, event, earlier)


def _admit_answer(before: Mapping[str, Statements], event: Event) -> None:
    """An answer is to an open question, and a yes to no more than it asked, in every respect."""
    asks = [
        one
        for statements in before.values()
        for one in statements
        if one.event == event.request and one.state in _ASKS and event.at < one.until
    ]
    if not asks or asks[0].agreement != event.agreement:
        raise RequestNotOpen
    if event.kind is not Kind.GIVEN:
        return
    conditions = event.provision.conditions or ANY
    for category, scope in scopes(event).items():
        if not any(
            ask.category == category and ask.scope.covers(scope) and (ask.conditions or ANY).covers(conditions)
            for ask in asks
        ):
            raise WiderThanAsked


def _admit_giving(before: Mapping[str, Statements], event: Event) -> None:
    for category, scope in scopes(event).items():
        statements = before.get(category, ())
        if event.kind is Kind.RENEWED and not _renews(statements, scope, event):
            raise WiderThanGiven
        if _permit(statements, _yes(category, scope, event), event) is None:
            raise RefusalStands


def _admit_target(before: Mapping[str, Statements], event: Event, earlier: Iterable[Event]) -> None:
    """An invalidation is of a giving or a question that was not invalidated yet, under the same agreement and of
    the same scope; a revocation of one record finds it in force."""
    if event.kind is Kind.REVOKED:
        if not any(one.event == event.target for statements in before.values() for one in statements):
            raise TargetUnknown
        return
    known = {one.id: one for one in earlier}
    aimed = known.get(event.target)
    if (
        aimed is None
        or aimed.kind not in (*PERMITTING, Kind.REQUESTED)
        or aimed.agreement != event.agreement
        or scopes(aimed) != scopes(event)
        or any(one.kind is Kind.INVALIDATED and one.target == event.target for one in known.values())
    ):
        raise TargetUnknown


def step(before: Mapping[str, Statements], event: Event) -> ByCategory:
    """The statements after `event`. Total: it also folds histories that `admit` would not have let through. What
    an invalidation undoes is undone by `fold`, which alone sees what came before."""
    after = dict(before)
    for category, scope in scopes(event).items():
        after[category] = _fold_one(before.get(category, ()), category, scope, event)
    if event.request and event.kind in (Kind.GIVEN, Kind.REFUSED):
        _close(after, event)
    return {category: statements for category, statements in after.items() if statements}


def _fold_one(statements: Statements, category: str, scope: Scope, event: Event) -> Statements:
    kind = event.kind
    if kind in PERMITTING:
        return _give(statements, category, scope, event)
    if kind in (Kind.REFUSED, Kind.WITHDRAWN):
        return _deny(statements, category, scope, event)
    if kind in _ENDS:
        return _end(statements, category, scope, event)
    if kind in (Kind.REQUESTED, Kind.DEFERRED):
        return _ask(statements, category, scope, event)
    if kind is Kind.INVALIDATED:
        # First, since whatever else stands here tells more.
        return (replace(_yes(category, scope, event), state=State.INVALIDATED, until=0), *statements)
    return statements


def _ask(statements: Statements, category: str, scope: Scope, event: Event) -> Statements:
    if event.kind is Kind.REQUESTED:
        asked = replace(_yes(category, scope, event), state=State.REQUESTED)
        return (*(one for one in statements if one.state not in _ASKS or event.at < one.until), asked)
    return tuple(replace(one, state=State.DEFERRED) if one.event == event.request else one for one in statements)


def _close(after: ByCategory, event: Event) -> None:
    """Take the question that was answered off; it stays open while others must still answer."""
    if any(one.event == event.id and one.state is State.AWAITING for some in after.values() for one in some):
        return
    for category, statements in after.items():
        after[category] = tuple(one for one in statements if one.event != event.request)


def fold(events: Iterable[Event]) -> dict[tuple[str, str], ByCategory]:
    """(organisation, purpose) → statements, from one person's events in order. What was invalidated later is left
    out from the beginning."""
    events = [event for event in events if event.kind in CONSENT]
    void = {event.target for event in events if event.kind is Kind.INVALIDATED}
    standings: dict[tuple[str, str], ByCategory] = {}
    for event in events:
        key = (event.organisation, event.purpose)
        before = standings.get(key, {})
        standings[key] = before if event.id in void else step(before, event)
    return standings


def scopes(event: Event) -> dict[str, Scope]:
    """category → what the event names of it."""
    fields: dict[str, list[str]] = {category: [] for category in event.provision.categories}
    for full in event.provision.fields:
        category, _, name = full.partition("/")
        fields[category].append(name)
    sources = tuple(sorted(event.provision.sources))
    return {category: Scope(tuple(sorted(names)), sources) for category, names in fields.items()}


def _yes(category: str, scope: Scope, event: Event) -> CategoryStanding:
    """The statement that an event makes, before anything else is looked at."""
    return CategoryStanding(
        category, State.GIVEN, event.expires_at, event.id, scope.fields, scope.sources, event.agreement, (),
        event.by, event.authoriser, event.authority, event.provision.conditions,
    )  # fmt: skip


def _give(statements: Statements, category: str, scope: Scope, event: Event) -> Statements:
    if event.kind is Kind.RENEWED and not _renews(statements, scope, event):
        return statements
    yes = _yes(category, scope, event)
    if event.parties:
        joint = _joint(statements, yes, event)
        if joint is None:
            mine = (one for one in statements if not _awaits(one, event) or one.party != event.party)
            return (*mine, replace(yes, state=State.AWAITING, parties=event.parties, party=event.party))
        statements = tuple(one for one in statements if not _awaits(one, event))
        yes = joint
    permit = _permit(statements, yes, event)
    if permit is None:
        return statements
    kept: list[CategoryStanding] = []
    for statement in statements:
        left: CategoryStanding | None = statement
        if statement.state in NOES:
            left = statement if _stands(statement, yes.scope, event) else carve(statement, yes.scope)
        elif statement.agreement == event.agreement:
            if statement.state is State.GIVEN:
                left = None if _superseded(statement, permit) else statement
            elif statement.state is not State.AWAITING:
                left = carve(statement, yes.scope)
        if left is not None:
            kept.append(left)
    return (*kept, permit)


def _awaits(statement: CategoryStanding, event: Event) -> bool:
    """Whether a statement waits for the same people to agree under the same agreement."""
    return statement.agreement == event.agreement and set(statement.parties) == set(event.parties)


def _joint(statements: Statements, yes: CategoryStanding, event: Event) -> CategoryStanding | None:
    """What all who must give have given, now that this one did too; None while somebody has not."""
    waiting = {one.party: one for one in statements if _awaits(one, event) and event.at < one.until}
    scope, until, conditions = yes.scope, yes.until, yes.conditions or ANY
    holes: list[Scope] = []
    for party in event.parties:
        if party == event.party:
            continue
        other = waiting.get(party)
        if other is None or not other.scope.meets(scope):
            return None
        shared = both(conditions, other.conditions or ANY)
        if shared is None:
            return None
        scope, until, conditions = overlap(scope, other.scope), min(until, other.until), shared
        holes.extend(other.holes)
    joint: CategoryStanding | None = replace(
        yes,
        fields=scope.fields,
        sources=scope.sources,
        until=until,
        conditions=conditions if conditions != ANY else None,
    )
    for hole in holes:
        joint = joint and carve(joint, hole)
    return joint


def _renews(statements: Statements, scope: Scope, event: Event) -> bool:
    """Whether all that a renewal names is in force under its agreement, under conditions at least as wide."""
    conditions = event.provision.conditions or ANY
    permits = [
        one
        for one in statements
        if one.state is State.GIVEN
        and one.agreement == event.agreement
        and event.at < one.until
        and (one.conditions or ANY).covers(conditions)
    ]
    return all(any(one.says(*piece) for one in permits) for piece in pieces(scope, statements))


def _deny(statements: Statements, category: str, scope: Scope, event: Event) -> Statements:
    state = State.REFUSED if event.kind is Kind.REFUSED else State.WITHDRAWN
    bites = state is State.REFUSED
    kept: list[CategoryStanding] = []
    for statement in statements:
        left: CategoryStanding | None = statement
        if statement.state in (State.GIVEN, State.AWAITING):
            left = carve(statement, scope)
            bites = bites or left is not statement
        elif statement.state in NOES:
            left = None if _taken_in(statement, scope, state, event) else statement
        elif state is State.REFUSED:
            left = carve(statement, scope)
        if left is not None:
            kept.append(left)
    if not bites:
        return statements
    return (*kept, replace(_yes(category, scope, event), state=state, until=0, conditions=None))


def _end(statements: Statements, category: str, scope: Scope, event: Event) -> Statements:
    """What somebody else ends: permits of this agreement, or one of them; questions too when it is superseded."""
    state = _ENDS[event.kind]
    ended = {State.GIVEN, State.AWAITING} | (_ASKS if state is State.SUPERSEDED else frozenset())
    bites = False
    kept: list[CategoryStanding] = []
    for statement in statements:
        left: CategoryStanding | None = statement
        if statement.agreement == event.agreement:
            if statement.state in ended and event.target in ("", statement.event):
                left = carve(statement, scope)
                bites = bites or left is not statement
            elif statement.state in (State.REVOKED, State.SUPERSEDED) and scope.covers(statement.scope):
                left = None
        if left is not None:
            kept.append(left)
    if not bites:
        return statements
    return (*kept, replace(_yes(category, scope, event), state=state, until=0, conditions=None))


def _taken_in(older: CategoryStanding, scope: Scope, state: State, event: Event) -> bool:
    """Whether an older no has nothing to add to a new one. Otherwise a no never weakens another no."""
    if older.state is State.REFUSED and state is State.WITHDRAWN:
        return False
    if older.authoriser != event.authoriser:
        return False
    return scope.covers(older.scope) and not older.scope.finer(scope)


def _permit(statements: Statements, yes: CategoryStanding, event: Event) -> CategoryStanding | None:
    """What a yes comes to beside the noes that stand against it; None when nothing is left of it."""
    permit: CategoryStanding | None = yes
    for denial in statements:
        if denial.state in NOES and _stands(denial, yes.scope, event):
            part = remains(denial, yes.scope)
            if permit is not None and part is not None:
                permit = carve(permit, part)
    return permit


def _stands(denial: CategoryStanding, given: Scope, event: Event) -> bool:
    """Whether a no stays in spite of a later giving of `given`."""
    if denial.event == event.predecessor:
        return False
    if event.authoriser and denial.authoriser != event.authoriser:
        return True
    if denial.scope.finer(given):
        return True
    return denial.state is State.REFUSED and given.finer(denial.scope)


def _superseded(older: CategoryStanding, permit: CategoryStanding) -> bool:
    """Whether an older permit has nothing to add: the same person gave again for the same, or covered it for at
    least as long under conditions no narrower."""
    if (older.by, older.authoriser) != (permit.by, permit.authoriser) or not permit.scope.covers(older.scope):
        return False
    if permit.scope == older.scope:
        return True
    return (
        older.until <= permit.until
        and (permit.conditions or ANY).covers(older.conditions or ANY)
        and not any(hole.meets(older.scope) for hole in permit.holes)
    )
