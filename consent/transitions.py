# SPDX-License-Identifier: Apache-2.0
"""Which decision may follow which: the one table, from which the rules, their tests and their documentation come.

A row for each state that what the event names can be in, a column for each kind of event about consent. A cell is
the state afterwards, or the error that says why nothing is recorded; every such cell has an error of its own.
Objections, opt-outs and authority are smaller tables below.
"""

from __future__ import annotations

from typing import cast

from consent.errors import (
    AlreadyExpired,
    AlreadyRefused,
    AlreadyWithdrawn,
    GivenWithdrawInstead,
    NothingGiven,
    NothingGivenButRefused,
    TransitionRefused,
)
from consent.words import CONSENT, Kind, ObjectionState, State

Outcome = State | type[TransitionRefused]

_IS: dict[State, str] = {
    State.NONE: "Nothing was decided about this, or not about all of it",
    State.REQUESTED: "This has been asked and not yet answered",
    State.DEFERRED: "This was put off until later",
    State.AWAITING: "Somebody else must still agree to this",
    State.GIVEN: "There is consent for this",
    State.REFUSED: "This was refused",
    State.WITHDRAWN: "This consent was withdrawn",
    State.REVOKED: "This consent was ended by somebody else",
    State.INVALIDATED: "This consent was never valid",
    State.SUPERSEDED: "The agreement changed and ended this consent",
    State.EXPIRED: "This consent has run out",
}

_SO: dict[Kind, str] = {
    Kind.REQUESTED: "so it is not asked again",
    Kind.DEFERRED: "so there is no question to put off",
    Kind.REFUSED: "so there is no question to refuse",
    Kind.WITHDRAWN: "so there is nothing to withdraw",
    Kind.RENEWED: "so there is nothing to renew: give it anew",
    Kind.REVOKED: "so there is nothing to revoke",
    Kind.INVALIDATED: "so there is nothing to declare invalid",
    Kind.SUPERSEDED: "so there is nothing that the agreement could end",
    Kind.CARRIED_OVER: "so there is nothing to carry over",
}

_WRITTEN: dict[tuple[State, Kind], type[TransitionRefused]] = {
    (State.NONE, Kind.WITHDRAWN): NothingGiven,
    (State.REFUSED, Kind.WITHDRAWN): NothingGivenButRefused,
    (State.WITHDRAWN, Kind.WITHDRAWN): AlreadyWithdrawn,
    (State.EXPIRED, Kind.WITHDRAWN): AlreadyExpired,
    (State.REFUSED, Kind.REFUSED): AlreadyRefused,
    (State.GIVEN, Kind.REFUSED): GivenWithdrawInstead,
}
"""Noes with a class and a sentence of their own."""

_ENDED = (State.REFUSED, State.WITHDRAWN, State.REVOKED, State.INVALIDATED, State.SUPERSEDED, State.EXPIRED)

_MOVES: dict[Kind, dict[State, State]] = {
    # The same question is not asked twice while it is open, and not of what is given.
    Kind.REQUESTED: dict.fromkeys((State.NONE, *_ENDED), State.REQUESTED),
    Kind.DEFERRED: {State.REQUESTED: State.DEFERRED},
    # Giving is always possible; after an end it begins a new record, linked to the old one by `predecessor`.
    Kind.GIVEN: dict.fromkeys(State, State.GIVEN),
    Kind.REFUSED: {state: State.REFUSED for state in State if state not in (State.GIVEN, State.REFUSED)},
    Kind.WITHDRAWN: dict.fromkeys((State.GIVEN, State.AWAITING), State.WITHDRAWN),
    Kind.RENEWED: {State.GIVEN: State.GIVEN},
    Kind.REVOKED: dict.fromkeys((State.GIVEN, State.AWAITING), State.REVOKED),
    # What was never valid is so whatever became of it. A refusal beside it goes on refusing.
    Kind.INVALIDATED: {
        **{state: State.INVALIDATED for state in State if state not in (State.NONE, State.INVALIDATED)},
        State.REFUSED: State.REFUSED,
    },
    Kind.SUPERSEDED: dict.fromkeys(
        (State.GIVEN, State.AWAITING, State.REQUESTED, State.DEFERRED), State.SUPERSEDED
    ),
    Kind.CARRIED_OVER: {State.GIVEN: State.GIVEN, State.AWAITING: State.AWAITING},
}
"""Kind of event → state before → state afterwards: every move that there is."""


def _no(state: State, kind: Kind) -> type[TransitionRefused]:
    """The error of one cell: a class of its own, so that whoever catches it knows the cell."""
    if written := _WRITTEN.get((state, kind)):
        return written
    name = f"{kind.title()}When{state.title()}".replace("-", "")
    members = {
        "__doc__": f"{state} → {kind}.",
        "__module__": __name__,
        "code": f"{kind}-when-{state}",
        "sentence": f"{_IS[state]}, {_SO[kind]}.",
    }
    return cast("type[TransitionRefused]", type(name, (TransitionRefused,), members))


TRANSITIONS: dict[State, dict[Kind, Outcome]] = {
    state: {kind: _MOVES[kind].get(state) or _no(state, kind) for kind in CONSENT} for state in State
}
"""State of what the event names × kind of event → state afterwards, or why it is refused. Nothing else moves."""


class ObjectionRefused(TransitionRefused):
    """The objection does not stand so that this could follow."""

    code = "objection-refused"
    sentence = "This does not follow from how the objection stands."


def _objection(code: str, sentence: str) -> type[ObjectionRefused]:
    name = code.title().replace("-", "")
    members = {"__doc__": sentence, "__module__": __name__, "code": code, "sentence": sentence}
    return cast("type[ObjectionRefused]", type(name, (ObjectionRefused,), members))


OBJECTIONS: dict[ObjectionState | None, dict[Kind, ObjectionState | type[ObjectionRefused] | None]] = {
    None: {
        Kind.OBJECTED: ObjectionState.PENDING,
        Kind.OBJECTION_UPHELD: _objection("upheld-when-none", "There is no objection to uphold."),
        Kind.OBJECTION_OVERRIDDEN: _objection("overridden-when-none", "There is no objection to override."),
        Kind.OBJECTION_TAKEN_BACK: _objection("taken-back-when-none", "There is no objection to take back."),
    },
    ObjectionState.PENDING: {
        Kind.OBJECTED: _objection("objected-when-pending", "This objection is being looked at already."),
        Kind.OBJECTION_UPHELD: ObjectionState.UPHELD,
        Kind.OBJECTION_OVERRIDDEN: ObjectionState.OVERRIDDEN,
        Kind.OBJECTION_TAKEN_BACK: None,
    },
    ObjectionState.UPHELD: {
        Kind.OBJECTED: _objection("objected-when-upheld", "This objection was upheld: the sharing has stopped."),
        Kind.OBJECTION_UPHELD: _objection("upheld-when-upheld", "This objection was upheld already."),
        Kind.OBJECTION_OVERRIDDEN: _objection("overridden-when-upheld", "This objection was upheld, so it stays."),
        Kind.OBJECTION_TAKEN_BACK: None,
    },
    ObjectionState.OVERRIDDEN: {
        Kind.OBJECTED: ObjectionState.PENDING,
        Kind.OBJECTION_UPHELD: ObjectionState.UPHELD,
        Kind.OBJECTION_OVERRIDDEN: _objection(
            "overridden-when-overridden", "This objection was overridden already."
        ),
        Kind.OBJECTION_TAKEN_BACK: None,
    },
}
"""How the objection stands (None: there is none) × kind → how it stands afterwards. UK GDPR Article 21: after it
was overridden a person may object anew, and a complaint may still uphold it."""


class AlreadyOptedOut(TransitionRefused):
    """out → out."""

    code = "already-opted-out"
    sentence = "This opt-out is in place already."


class NotOptedOut(TransitionRefused):
    """in → in."""

    code = "not-opted-out"
    sentence = "There is no opt-out of this kind to end."


class AuthorityNotHeld(TransitionRefused):
    """ended → ended, or never begun."""

    code = "authority-not-held"
    sentence = "There is no such authority to end."
