# SPDX-License-Identifier: Apache-2.0
"""A rehearsal as text for a terminal and as JSON for a pipeline. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.policy.comparison import Group, totals
from gateway.rehearsing.rehearsal import Rehearsed

MEMBERS = ("agency", "purpose", "category", "rule")
WORDS = {
    "opened": "refused before, shared now",
    "widened": "more fields than before",
    "narrowed": "fewer fields than before",
    "closed": "shared before, refused now",
}


def day(since_ms: int) -> str:
    """The day of an instant (milliseconds since 1970), UTC."""
    return f"{datetime.datetime.fromtimestamp(since_ms / 1000, datetime.UTC):%Y-%m-%d}"


def counted(found: Rehearsed) -> Iterator[str]:
    """What was looked at, in sentences."""
    decisions = _many(found.decisions, "decision")
    yield f"{decisions} since {day(found.since_ms)}, judged again under revision {found.revision}."
    accesses = _many(found.accesses, "access", "es")
    yield f"{found.flipped} would have been decided otherwise, in {accesses} (a category of a source each)."
    if found.erased:
        yield f"{found.erased} could not be judged: their facts were erased."
    if found.unknown:
        yield f"{found.unknown} could not be judged: their facts are of a form this version does not know."
    if found.unjudged:
        yield f"{found.unjudged} could not be judged under the new law: it fails on them."
    for one in found.unmet:
        named = ", ".join(f"{name}={value}" for name, value in msgspec.to_builtins(one).items() if value)
        yield f"Said to be meant, and not found: {named}."


def verdict(found: Rehearsed) -> str:
    """Whether the change may go on, in one sentence."""
    if found.unjudged:
        return "Stop: the new law does not answer every question."
    if found.unexpected:
        kinds = "1 kind of access widens" if len(found.unexpected) == 1 else f"{len(found.unexpected)} kinds widen"
        return f"Stop: {kinds}, and nobody said that it was meant."
    if not found.judged:
        return f"Go on, but nothing was tried: no decision since {day(found.since_ms)} could be judged."
    return "Go on: nothing widens but what was said to be meant."


def text(found: Rehearsed) -> str:
    """The report for a terminal."""
    lines = [*counted(found), ""]
    unexpected = set(found.unexpected)
    for one in found.groups:
        mark = "UNEXPECTED " if one in unexpected else ""
        lines.append(f"{mark}{one.key.direction}: {WORDS[one.key.direction]} ({_size(one)})")
        lines.append(f"    {one.key.category} for {one.key.agency}, {one.key.purpose}, by {one.key.rule}")
        lines += [f"    {said}" for said in _fields(one)]
        lines.append(f"    such as {', '.join(one.examples)}")
    for member in MEMBERS:
        counts = totals(found.groups, member)  # type: ignore[arg-type]  # one of the four
        if counts:
            lines += ["", f"Accesses by {member}:", *(f"    {number:>7} {name}" for name, number in counts.items())]
    return "\n".join([*lines, "", verdict(found)])


def _size(one: Group) -> str:
    """How many decisions, and accesses where they are more."""
    decisions = _many(one.decisions, "decision")
    return decisions if one.accesses == one.decisions else f"{decisions}, {one.accesses} accesses"


def _many(number: int, what: str, ending: str = "s") -> str:
    return f"{number} {what}{'' if number == 1 else ending}"


def _fields(one: Group) -> Iterator[str]:
    if one.reasons:
        yield f"refused for: {', '.join(one.reasons)}"
    if one.gained:
        yield f"gained: {', '.join(one.gained)}"
    if one.lost:
        yield f"lost: {', '.join(one.lost)}"


def document(found: Rehearsed) -> dict[str, Any]:
    """The report as one JSON object."""
    unexpected = set(found.unexpected)
    return {
        "revision": found.revision,
        "since": day(found.since_ms),
        "passes": found.passes,
        "verdict": verdict(found),
        "decisions": found.decisions,
        "flipped": found.flipped,
        "accesses": found.accesses,
        "erased": found.erased,
        "unknown": found.unknown,
        "unjudged": found.unjudged,
        "unmet": msgspec.to_builtins(found.unmet),
        "groups": [
            msgspec.to_builtins(one.key)
            | {
                "decisions": one.decisions,
                "accesses": one.accesses,
                "gained": list(one.gained),
                "lost": list(one.lost),
                "reasons": list(one.reasons),
                "examples": list(one.examples),
                "widens": one.widens,
                "unexpected": one in unexpected,
            }
            for one in found.groups
        ],
    }
