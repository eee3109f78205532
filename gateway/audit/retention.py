# SPDX-License-Identifier: Apache-2.0
"""How long what an entry commits to is kept: classes with years, and the period a data key is made for.

A period is a class and the calendar year (UTC) of its entries, `access:2026`. One data key serves one period, so
that the end of a period is the deletion of its keys: what is older goes whole, and nothing newer goes with it. The
leaves and their proofs are never deleted.
"""

from __future__ import annotations

import datetime
import functools

from msgspec import Struct

from gateway.audit.events import TYPES


class RetentionClass(Struct, frozen=True):
    """`years` are counted from the end of the year of the entry; `reason` says whose rule that is."""

    name: str
    years: int
    reason: str


STAFF = "staff"

PROOF = "proof"
"""Of what was decided before an erasure of the consent ledger (`proofs.py`); no entry seals anything in it."""

CLASSES: tuple[RetentionClass, ...] = (
    RetentionClass(
        "access", 8, "Who saw a record is kept as long as most adult health records (NHS Records Management Code)."
    ),
    RetentionClass(
        "consent",
        8,
        "What a citizen decided is kept as long as the accesses that rest on it (UK GDPR Article 7(1)).",
    ),
    RetentionClass(
        STAFF,
        6,
        "Which member of staff it was is kept for as long as a claim can be brought (Limitation Act 1980).",
    ),
    RetentionClass(
        PROOF,
        6,
        "That a consent was given and withdrawn can be shown after its erasure for as long as a claim can be "
        "brought (UK GDPR Articles 7(1) and 17(3)(e), Limitation Act 1980).",
    ),
    RetentionClass("control", 20, "How the gateway itself was run is kept as a corporate record."),
)

_CLASSES = dict.fromkeys(("access", "attempt", "audit", "connector", "override"), "access") | {"consent": "consent"}
_DAY_MS = 86_400_000
_LAST_DAY = 2_932_896  # 9999-12-31, where calendars of this kind end


def class_of(event_type: str) -> str:
    """The class of an event's payload, by the subject of its name (`subject.verb`)."""
    return _CLASSES.get(event_type.partition(".")[0], "control")


def types(name: str) -> list[str]:
    """The types of event whose payloads are of a class."""
    return [kind.name for kind in TYPES if class_of(kind.name) == name]


def bounds(year: int) -> tuple[int, int]:
    """The first and the last millisecond of a calendar year (UTC), since the epoch."""
    first, next_ = (datetime.datetime(y, 1, 1, tzinfo=datetime.UTC).timestamp() for y in (year, year + 1))
    return int(first * 1000), int(next_ * 1000) - 1


def period(name: str, at_ms: int) -> str:
    """The period of an entry made at `at_ms` (milliseconds since the epoch)."""
    return _period(name, at_ms // _DAY_MS)


@functools.lru_cache(maxsize=64)
def _period(name: str, day: int) -> str:
    return f"{name}:{(datetime.date(1970, 1, 1) + datetime.timedelta(days=min(day, _LAST_DAY))).year}"


def ended(stored: str, today: datetime.date) -> bool:
    """Whether everything of a stored period is older than its class keeps it. Raises ValueError for a period that
    is not one of ours: nothing is deleted on a guess."""
    name, _, year = stored.partition(":")
    for one in CLASSES:
        if one.name == name:
            return today.year > int(year) + one.years
    raise ValueError(f"{name} is not a retention class")
