# SPDX-License-Identifier: Apache-2.0
"""The rules in words, made from the tables of the code: what the reference for privacy officers shows."""

from __future__ import annotations

from collections.abc import Iterable

from consent.errors import TransitionRefused
from consent.reasons import REASONS
from consent.transitions import OBJECTIONS, TRANSITIONS
from consent.words import (
    CONSENT,
    DPV_STATUS,
    FHIR_STATUS,
    GOVSTACK_OPT_IN,
    GOVSTACK_STATE,
    OBJECTION,
    OPEN_BANKING_STATUS,
    State,
)

WHAT_IS_NAMED = {
    State.NONE: "never decided, or not all of it in one way",
    State.REQUESTED: "asked, and not yet answered",
    State.DEFERRED: "put off until later",
    State.AWAITING: "given by some of those who all must give",
    State.GIVEN: "given, and in force",
    State.REFUSED: "refused",
    State.WITHDRAWN: "withdrawn",
    State.REVOKED: "ended by somebody else",
    State.INVALIDATED: "found never to have been valid",
    State.SUPERSEDED: "ended by a change of the agreement",
    State.EXPIRED: "given, and run out",
}


def transition_table() -> str:
    """Markdown: a row for each state, a column for each kind of event; a dash where nothing is recorded."""
    rows = [
        (f"{WHAT_IS_NAMED[state]} (`{state}`)", *(_short(row[kind]) for kind in CONSENT))
        for state, row in TRANSITIONS.items()
    ]
    return _table(("what the decision names is", *(f"`{kind}`" for kind in CONSENT)), rows)


def refusals() -> str:
    """Markdown: every move that is refused, its code and its sentence."""
    rows = [
        (f"`{state}`", f"`{kind}`", f"`{outcome.code}`", outcome.sentence)
        for state, row in TRANSITIONS.items()
        for kind, outcome in row.items()
        if not isinstance(outcome, State)
    ]
    return _table(("it is", "and somebody wants it", "code", "answer"), rows)


def objection_table() -> str:
    """Markdown: how an objection stands × what happens."""
    rows = [
        (
            f"`{state}`" if state else "no objection",
            *(
                f"**{cell}**" if isinstance(cell, str) else cell.sentence if cell else "no objection"
                for cell in found
            ),
        )
        for state, row in OBJECTIONS.items()
        for found in [[row[kind] for kind in OBJECTION]]
    ]
    return _table(("it is", *(f"`{kind}`" for kind in OBJECTION)), rows)


def statuses() -> str:
    """Markdown: what each state is called elsewhere."""
    rows = [
        (
            f"`{state}`",
            DPV_STATUS[state].rpartition("#")[2],
            f"`{FHIR_STATUS[state]}`",
            f"optIn {str(GOVSTACK_OPT_IN[state]).lower()}, {GOVSTACK_STATE[state]}",
            OPEN_BANKING_STATUS.get(state, "–"),
        )
        for state in State
    ]
    return _table(("State", "DPV 2.3", "FHIR R4 `status`", "GovStack", "Open Banking"), rows)


def reasons() -> str:
    """Markdown: the reasons that each kind of event may carry."""
    rows = [
        (f"`{kind}`", f"`{code}`", sentence) for kind, codes in REASONS.items() for code, sentence in codes.items()
    ]
    return _table(("Kind", "Code", "What the citizen is told"), rows)


def _short(outcome: State | type[TransitionRefused]) -> str:
    return f"**{outcome}**" if isinstance(outcome, State) else "–"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)) + "\n"
