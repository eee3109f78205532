# SPDX-License-Identifier: Apache-2.0
"""What came, what did not, and why: the typed completeness table. Pure.

A pair whose disclosure is `silent` has a row only when records were really returned; withheld, empty, unknown
there and out of reach all look alike, namely absent, so that nobody can tell "withheld" from "never held".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from msgspec import Struct, structs

from connectors.base import Envelope, Outcome
from gateway.model import Completeness, Item, Pair, Row, State, Verdict, WithheldReason

_DELIVERED = frozenset({State.RETURNED, State.REDACTED, State.EMPTY})
_FAILED = frozenset({State.UNAVAILABLE, State.LATE, State.WITHHELD})
_SUPERSEDED = "identifier-superseded"
_AMBIGUOUS = "identifier-ambiguous"
_NOT_KNOWN_THERE = "no-identifier"


class Part(Struct, frozen=True):
    """All that is known of one (source, category) when the answer is made: `envelope` is None when it was not
    asked, `items` are already minimised. `dated`: the consent is to the records of a period alone; that is told
    whether or not there are others, since the others are not theirs to know of."""

    pair: Pair
    verdict: Verdict
    envelope: Envelope | None
    items: tuple[Item, ...]
    dated: bool = False


def table(parts: Sequence[Part], critical: frozenset[str], remedies: Mapping[str, str]) -> Completeness:
    """The table of one answer. `critical`: categories that are not safe to be without; `remedies`: withheld
    reason → what would help, in one sentence."""
    shown = [(part, row) for part in parts if (row := _row(part, remedies)) is not None]
    needs: dict[str, str] = {part.pair.category: part.pair.need for part in parts}
    states: dict[str, list[State]] = {category: [] for category in needs}
    for part, row in shown:
        states[part.pair.category].append(row.state)
    met = {category: _is_met(found) for category, found in states.items()}
    optional = [met[category] for category, need in needs.items() if need == "optional"]
    unsafe = any(not met[category] for category in needs if category in critical)
    clean = all(met.values()) and not any(
        row.state in (State.REDACTED, State.STALE) or any(item.conflicts for item in part.items)
        for part, row in shown
    )
    return Completeness(
        required="met" if all(met[c] for c, need in needs.items() if need == "required") else "not-met",
        optional="none-asked" if not optional else "met" if all(optional) else "not-met",
        safe_to_rely="no" if unsafe else "yes" if clean else "with-caution",
        summary=tuple(row for _, row in shown),
    )


def refusal_rows(parts: Iterable[Part], remedies: Mapping[str, str]) -> tuple[Row, ...]:
    """The rows of a query that was refused whole."""
    return tuple(row for part in parts if (row := _row(part, remedies)) is not None)


def _is_met(states: list[State]) -> bool:
    return any(state in _DELIVERED for state in states) and not any(state in _FAILED for state in states)


def _row(part: Part, remedies: Mapping[str, str]) -> Row | None:
    verdict = part.verdict
    if verdict.disclosure == "silent":
        return _row_allowed(part) if verdict.allow and part.items else None
    if verdict.allow:
        return _row_allowed(part)
    pair = part.pair
    if not pair.source:  # nobody serves it, or whoever asked left out all who do
        return Row(pair.category, pair.source, State.NOT_ASKED)
    if verdict.reason == WithheldReason.NO_AGREEMENT:
        return Row(pair.category, pair.source, State.NOT_ASKED, reason=verdict.reason)
    if verdict.disclosure == "generic":
        return Row(pair.category, pair.source, State.WITHHELD)
    help_ = remedies.get(verdict.reason)
    remedy = {"type": "text", "text": help_} if help_ else None
    return Row(pair.category, pair.source, State.WITHHELD, reason=verdict.reason, remedy=remedy)


def _row_allowed(part: Part) -> Row:
    pair, envelope, count = part.pair, part.envelope, len(part.items)
    if envelope is None:
        return Row(pair.category, pair.source, State.UNMATCHED, reason=_NOT_KNOWN_THERE)
    elapsed = envelope.elapsed_ms
    narrowed = WithheldReason.CONSENT_SCOPE.value if part.dated and part.verdict.disclosure == "explain" else ""
    match envelope.outcome:
        case Outcome.FOUND | Outcome.STALE if not count:
            state, reason = State.EMPTY, narrowed
        case Outcome.FOUND:
            redacted = bool(narrowed) or any(item.fields_withheld for item in part.items)
            state, reason = (State.REDACTED if redacted else State.RETURNED), narrowed
        case Outcome.STALE:
            state, reason = State.STALE, narrowed
        case Outcome.NONE:
            state, reason = State.EMPTY, narrowed
        case Outcome.WITHHELD if part.verdict.disclosure == "generic":
            return Row(pair.category, pair.source, State.WITHHELD)  # as if we withheld it: no reason, no time
        case Outcome.WITHHELD:
            state, reason = State.WITHHELD, WithheldReason.SOURCE_WITHHELD.value
        case Outcome.SUPERSEDED:
            state, reason = State.UNMATCHED, _SUPERSEDED
        case Outcome.AMBIGUOUS:
            state, reason = State.UNMATCHED, _AMBIGUOUS
        case Outcome.UNAVAILABLE:
            state, reason = (State.LATE if envelope.late else State.UNAVAILABLE), envelope.reason
    return Row(
        pair.category,
        pair.source,
        state,
        items=count,
        reason=reason,
        retry_after_s=envelope.retry_after_s,
        elapsed_ms=elapsed,
        as_of=envelope.as_of,
    )


def compared(parts: Sequence[Part], singular: frozenset[str]) -> list[Part]:
    """Mark duplicates and conflicts, never merging: equal data in two items of one category may be one record
    held twice; in a `singular` category (one record per citizen) different values of one field conflict."""
    by_category: dict[str, list[Item]] = {}
    for part in parts:
        for item in part.items:
            by_category.setdefault(item.category, []).append(item)
    if all(len(items) < 2 for items in by_category.values()):
        return list(parts)
    twins: dict[str, list[str]] = {}
    clashes: dict[str, list[dict[str, object]]] = {}
    for category, items in by_category.items():
        for one, other in combinations(items, 2):
            if one.provenance.source == other.provenance.source:
                continue
            if one.data == other.data:
                twins.setdefault(one.id, []).append(other.id)
                twins.setdefault(other.id, []).append(one.id)
            elif category in singular:
                for name in sorted(one.data.keys() & other.data.keys()):
                    if one.data[name] != other.data[name]:
                        clashes.setdefault(one.id, []).append({"path": f"/{name}", "with": other.id})
                        clashes.setdefault(other.id, []).append({"path": f"/{name}", "with": one.id})
    return [
        structs.replace(
            part,
            items=tuple(
                structs.replace(
                    item,
                    possible_duplicate_of=tuple(twins.get(item.id, ())),
                    conflicts=tuple(clashes.get(item.id, ())),
                )
                for item in part.items
            ),
        )
        for part in parts
    ]
