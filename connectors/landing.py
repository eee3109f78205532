# SPDX-License-Identifier: Apache-2.0
"""From what each category became to envelopes, with the rules that speak for a whole source.

A record of somebody else refuses everything the source sent for this citizen: a system that mixes up one record
is not believed about the others. A superseded identifier likewise, without alarm.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from connectors.base import Envelope, Outcome, Read, ReadError, Reason
from connectors.manifest import Manifest
from connectors.mapping import Applied

Result = Applied | ReadError


class Effort(Struct):
    """What a read took; `started` is on the event loop's clock."""

    started: float
    calls: int = 0
    bytes: int = 0


def land(
    manifest: Manifest, mapping: str, read: Read, results: Mapping[str, Result], effort: Effort, now: float
) -> list[Envelope]:
    """One envelope per wanted category, in the order asked. `now` is on the event loop's clock."""
    results = _as_a_whole(results)
    elapsed = round((now - effort.started) * 1000)
    wall = time.time()
    out: list[Envelope] = []
    for category in read.wants:
        result = results.get(category)
        if result is None:
            result = ReadError(Reason.NOT_SERVED)
        if isinstance(result, ReadError):
            out.append(
                Envelope(
                    source=manifest.id,
                    category=category,
                    outcome=result.outcome,
                    reason=result.reason,
                    alarm=result.alarm,
                    late=result.late,
                    retry_after_s=result.retry_after_s,
                    elapsed_ms=elapsed,
                    retrieved_at=int(wall * 1000),
                    connector=manifest.connector,
                    mapping=mapping,
                    calls=effort.calls,
                    bytes=effort.bytes,
                    replaced_by=result.replaced_by,
                )
            )
            continue
        stale = result.outcome is Outcome.FOUND and _is_stale(manifest, read.max_age_s, result.as_of, wall)
        out.append(
            Envelope(
                source=manifest.id,
                category=category,
                outcome=Outcome.STALE if stale else result.outcome,
                records=result.records,
                elapsed_ms=elapsed,
                retrieved_at=int(wall * 1000),
                as_of=result.as_of,
                connector=manifest.connector,
                mapping=mapping,
                calls=effort.calls,
                bytes=effort.bytes,
            )
        )
    return out


def refused(
    manifest: Manifest, mapping: str, read: Read, error: ReadError, effort: Effort, now: float
) -> list[Envelope]:
    """The same outcome for every wanted category."""
    return land(manifest, mapping, read, dict.fromkeys(read.wants, error), effort, now)


def _as_a_whole(results: Mapping[str, Result]) -> Mapping[str, Result]:
    moved: ReadError | None = None
    for result in results.values():
        if isinstance(result, ReadError):
            if result.reason is Reason.IDENTITY_MISMATCH:
                rest = ReadError(Reason.IDENTITY_MISMATCH)
                return {category: one if _lied(one) else rest for category, one in results.items()}
            if result.outcome is Outcome.SUPERSEDED and not (moved and moved.replaced_by):
                moved = result  # of several, one that says by what
    return results if moved is None else dict.fromkeys(results, moved)


def _lied(result: Result) -> bool:
    return isinstance(result, ReadError) and result.reason is Reason.IDENTITY_MISMATCH


def _is_stale(manifest: Manifest, asked_s: int, as_of: str, wall: float) -> bool:
    if manifest.freshness.mode == "live":
        return False
    bounds = [bound for bound in (asked_s, manifest.freshness.max_age_s) if bound > 0]
    if not bounds:
        return False
    try:
        made = datetime.fromisoformat(as_of)
    except ValueError:
        return True  # an extract of unknown age
    if made.tzinfo is None:
        made = made.replace(tzinfo=UTC)
    return wall - made.timestamp() > min(bounds)
