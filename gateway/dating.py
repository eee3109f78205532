# SPDX-License-Identifier: Apache-2.0
"""Which records lie in the period that a consent names (FHIR `provision.dataPeriod`). Pure.

A record without a date that can be read lies in no period: what is not known to be consented to stays behind.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from connectors.base import Record


def within(records: Iterable[Record], period: tuple[str, str], dated_by: str) -> tuple[Record, ...]:
    """The records whose field `dated_by` holds a date (ISO 8601, the first ten characters of a longer instant)
    between the first and the last of `period`, both included; an empty one is no bound."""
    return tuple(record for record in records if _lies(record.fields.get(dated_by), *period))


def _lies(written: object, first: str, last: str) -> bool:
    if not isinstance(written, str):
        return False
    try:
        day = datetime.date.fromisoformat(written[:10]).isoformat()
    except ValueError:
        return False
    return (not first or first <= day) and (not last or day <= last)
