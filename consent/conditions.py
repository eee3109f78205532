# SPDX-License-Identifier: Apache-2.0
"""The conditions under which a consent permits: to whom at the recipient, which records, how, how often, until
when it is kept. Pure."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct

from consent.words import AccessMode, Unit

SECONDS: dict[Unit, int] = {
    Unit.HOUR: 3_600,
    Unit.DAY: 86_400,
    Unit.WEEK: 604_800,
    Unit.MONTH: 2_592_000,
    Unit.YEAR: 31_536_000,
}
"""Unit → seconds; a month counts 30 days and a year 365, so that the same frequency is the same everywhere."""


class Frequency(Struct, frozen=True, forbid_unknown_fields=True):
    """At most `times` accesses in any window of `every` × `unit`. ABDM `frequency`, DPV `hasFrequency`."""

    times: int
    every: int
    unit: Unit

    @property
    def window_s(self) -> int:
        """The window in seconds."""
        return self.every * SECONDS[self.unit]


class Conditions(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What narrows a consent beside its categories, fields and sources; what is left out does not narrow it.

    `roles`, `services` (DPV `hasRecipient`, FHIR `provision.actor`): who at the recipient, codes of the vocabulary
    and ids of its systems. `period_from`, `period_to` (FHIR `provision.dataPeriod`): ISO 8601 dates, both included,
    between which the record itself must be dated. `access_modes`, `frequency`: see their types. `erase_by` (ABDM
    `dataEraseAt`, DPV `hasStorageCondition`): the second by which the recipient must have erased what it got.
    """

    roles: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    period_from: str = ""
    period_to: str = ""
    access_modes: tuple[AccessMode, ...] = ()
    frequency: Frequency | None = None
    erase_by: int = 0

    @property
    def period(self) -> tuple[str, str]:
        """First and last date of the records it lets through; empty for no bound."""
        return self.period_from, self.period_to

    def covers(self, other: Conditions) -> bool:
        """Whether everything that `other` lets through, this lets through too."""
        return (
            _within(other.roles, self.roles)
            and _within(other.services, self.services)
            and _within(other.access_modes, self.access_modes)
            and (not self.period_from or self.period_from <= other.period_from)
            and (not self.period_to or "" < other.period_to <= self.period_to)
            and _no_more_often(other.frequency, self.frequency)
            and (not self.erase_by or 0 < other.erase_by <= self.erase_by)
        )

    def admits(self, role: str, service: str) -> bool:
        """Whether somebody in `role` asking through `service` is among the recipients; an unknown one is not."""
        return (not self.roles or role in self.roles) and (not self.services or service in self.services)


Name = TypeVar("Name", bound=str)

ANY = Conditions()
"""No conditions."""


def both(one: Conditions, other: Conditions) -> Conditions | None:
    """What lets through only what each of the two does; None when that is nothing."""
    roles, services = _shared(one.roles, other.roles), _shared(one.services, other.services)
    modes = _shared(one.access_modes, other.access_modes)
    first = max(one.period_from, other.period_from)
    last = min(one.period_to or "~", other.period_to or "~").rstrip("~")
    if roles is None or services is None or modes is None or (last and first > last):
        return None
    return Conditions(
        roles=roles,
        services=services,
        period_from=first,
        period_to=last,
        access_modes=modes,
        frequency=_rarer(one.frequency, other.frequency),
        erase_by=min(filter(None, (one.erase_by, other.erase_by)), default=0),
    )


def _within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return not outer or (bool(inner) and set(inner) <= set(outer))


def _shared(one: tuple[Name, ...], other: tuple[Name, ...]) -> tuple[Name, ...] | None:
    if not one or not other:
        return one or other
    return tuple(name for name in one if name in other) or None


def _no_more_often(rarer: Frequency | None, often: Frequency | None) -> bool:
    """Whether whoever keeps to `rarer` keeps to `often` too. Exact where the windows are the same; else only said
    where as few accesses are allowed in a window at least as long."""
    if often is None:
        return True
    return rarer is not None and rarer.times <= often.times and rarer.window_s >= often.window_s


def _rarer(one: Frequency | None, other: Frequency | None) -> Frequency | None:
    """A frequency that keeps to both."""
    if one is None or other is None:
        return one or other
    if _no_more_often(one, other):
        return one
    if _no_more_often(other, one):
        return other
    longer = max(one, other, key=lambda frequency: frequency.window_s)
    return Frequency(min(one.times, other.times), longer.every, longer.unit)
