# SPDX-License-Identifier: Apache-2.0
"""What somebody who acts for a person must not see: not the row, not its count, not a notice of it. Pure.

Young people and people at risk rely on it: a clinic a parent must not hear of, a refuge an abuser must not find.
A list for a proxy is made by `visible` before anything is counted, so that a gap cannot be told from nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from consent.authority import Authority, Matter
from consent.deciding import Subject, lacks_capacity
from consent.model import Event
from consent.words import By

T = TypeVar("T")


class Concealment(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What is kept from proxies. `holders` () means from all; `categories` () means all. `set_by`: opaque id of the
    person, of a clinician or of a safeguarding lead. Stored: members may be added with a default."""

    id: str
    person: str
    set_by: str
    since: int
    until: int = 0
    holders: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def hides(self, holder: str, categories: Iterable[str], now: int) -> bool:
        """Whether any of these categories is kept from `holder` at `now`."""
        if now < self.since or (self.until and now >= self.until) or (self.holders and holder not in self.holders):
            return False
        return not self.categories or not set(self.categories).isdisjoint(categories)


def may_see(
    subject: Subject, hidden: Iterable[Concealment], viewer: str, matter: Matter, now: int, *, own: bool = False
) -> bool:
    """Whether `viewer` (opaque id) may see that something about `matter` is there. `own`: the person decided it
    themself, which is not shown to whoever has parental responsibility."""
    if viewer == subject.person:
        return True
    if any(one.hides(viewer, matter.categories, now) for one in hidden):
        return False
    return any(
        _lets_see(authority, subject, matter, now, own)
        for authority in subject.authorities
        if authority.holder == viewer
    )


def visible(
    rows: Sequence[T],
    about: Callable[[T], Matter],
    subject: Subject,
    hidden: Sequence[Concealment],
    viewer: str,
    now: int,
) -> list[T]:
    """Those rows that `viewer` may see, in their order."""
    return [row for row in rows if may_see(subject, hidden, viewer, about(row), now, own=_own(row))]


def about_event(event: Event) -> Matter:
    """What an event is about."""
    return Matter(event.purpose, event.provision.categories)


def _own(row: object) -> bool:
    return isinstance(row, Event) and row.by is By.SELF


def _lets_see(authority: Authority, subject: Subject, matter: Matter, now: int, own: bool) -> bool:
    if authority.by is By.BEST_INTEREST and not lacks_capacity(subject, matter, now):
        return False
    if authority.out_of_force(now) or not authority.reaches(matter) or (own and authority.by is By.PARENT):
        return False
    return not any(one.see and one.bites(matter.categories, now) for one in authority.restrictions)
