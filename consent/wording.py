# SPDX-License-Identifier: Apache-2.0
"""The rules in words, made from the code itself: what the guide for privacy officers shows."""

from __future__ import annotations

from consent.errors import TransitionRefused
from consent.model import Kind, State
from consent.rules import TRANSITIONS

_WHAT_IS_NAMED = {
    State.NONE: "never decided, or only in part",
    State.GIVEN: "given, and in force",
    State.REFUSED: "refused",
    State.WITHDRAWN: "withdrawn",
    State.EXPIRED: "given, and run out",
}


def transition_table() -> str:
    """The table of transitions in Markdown: a row for each state, a column for each kind of event."""
    lines = [
        "| what the decision names is | " + " | ".join(f"`{kind}`" for kind in Kind) + " |",
        "|---|" + "---|" * len(Kind),
    ]
    for state, row in TRANSITIONS.items():
        cells = [_cell(row[kind]) for kind in Kind]
        lines.append(f"| {_WHAT_IS_NAMED[state]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(outcome: State | type[TransitionRefused]) -> str:
    if isinstance(outcome, State):
        return f"recorded: {outcome}"
    return f"not recorded (`{outcome.code}`): {outcome.sentence}"
