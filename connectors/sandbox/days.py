# SPDX-License-Identifier: Apache-2.0
"""Days as ISO 8601 strings, seen from the one day on which the whole population is described."""

from __future__ import annotations

from datetime import date

from connectors.sandbox.draw import Draw

AS_OF = date(2026, 11, 1)
"""The day the records end. It does not move, so that the same seed gives the same bytes next year."""

_TODAY = AS_OF.toordinal()


def ago(days: int) -> str:
    """The day `days` before the records end."""
    return date.fromordinal(_TODAY - days).isoformat()


def within(draw: Draw, days: int) -> str:
    """A day of the last `days`."""
    return ago(draw.between(1, days))


def born(draw: Draw, youngest: int, oldest: int) -> str:
    """A birthday of somebody aged `youngest` to `oldest` whole years."""
    return ago(draw.between(youngest * 365 + youngest // 4 + 1, (oldest + 1) * 365 + oldest // 4))


def age(birth_date: str) -> int:
    """Whole years on the day the records end."""
    year, month, day = int(birth_date[:4]), int(birth_date[5:7]), int(birth_date[8:])
    return AS_OF.year - year - ((AS_OF.month, AS_OF.day) < (month, day))
