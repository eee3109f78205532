# SPDX-License-Identifier: Apache-2.0
"""The circumstances of one query, joined from where they are known: the register, break-glass, the clock, the log.

Only what a query can need is read: an override when one is cited, the local time and the count of earlier accesses
when the agreement has hours or a frequency. For all others this is one look into memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import structs

from consent.model import Standing
from gateway.audit.log import Log
from gateway.errors import OverrideNotInForce
from gateway.evidence import Asked
from gateway.identity.circumstances import Found, Register, at
from gateway.identity.relationships import SELF_CLAIMED
from gateway.model import Override
from gateway.overrides import Overrides
from gateway.policy.agreements import Agreement
from gateway.policy.conditions import DAY_S, NONE

LONDON = ZoneInfo("Europe/London")


class Surroundings:
    """Finds circumstances; one for each worker."""

    def __init__(
        self, register: Register, overrides: Overrides, log: Log, agreements: Mapping[str, Agreement]
    ) -> None:
        self._register = register
        self._overrides = overrides
        self._log = log
        self._agreements = agreements

    async def of(self, asked: Asked, standing: Standing, now: int) -> Found:
        """The circumstances at `now` (epoch seconds). Raises OverrideNotInForce for an override that is cited and
        is not there for this person, organisation and user; DatabaseUnavailable."""
        known = await self._register.of(asked.person.id)
        found = at(known, asked.caller.organisation, now)
        if asked.query.relationship:
            found = structs.replace(found, relationships=(*found.relationships, SELF_CLAIMED))
        if asked.query.override:
            found = structs.replace(found, override=await self._override(asked, now))
        agreement = self._agreements.get(asked.query.agreement)
        conditions = NONE if agreement is None else agreement.conditions
        if conditions.hours is not None:
            minute, weekday = local(now)
            found = structs.replace(found, local_minute=minute, local_weekday=weekday)
        if conditions.frequency is not None:
            recent = await self._count(asked, now - conditions.frequency.days * DAY_S)
            found = structs.replace(found, recent=recent)
        if windows := narrowed(asked, standing):
            counted = {window: await self._count(asked, now - window) for window in windows}
            found = structs.replace(found, counted=counted)
        return Found(known, found)

    async def stands(self, asked: Asked, found: Found) -> bool:
        """Whether what the register said of the person is what it says still. Costs a look into memory while
        nothing in the register moved. Raises DatabaseUnavailable."""
        return await self._register.of(asked.person.id) == found.known

    async def _count(self, asked: Asked, since: int) -> int:
        """Answers this organisation had about this person for this purpose since an instant (epoch seconds)."""
        who = (asked.person.id, asked.caller.organisation, asked.query.purpose)
        return await asyncio.to_thread(self._log.count, *who, since * 1000)

    async def _override(self, asked: Asked, now: int) -> Override:
        user = asked.caller.user
        found = None
        if user is not None:
            found = await self._overrides.in_force(
                asked.query.override, asked.person.id, asked.caller.organisation, user.id, now
            )
        if found is None:
            raise OverrideNotInForce
        return found


def narrowed(asked: Asked, standing: Standing) -> frozenset[int]:
    """The windows (seconds) of all consents to what is asked that let somebody look so often only."""
    if not standing.by_category:
        return frozenset()
    statements = [one for pair in asked.pairs for one in standing.by_category.get(pair.category, ())]
    every = [one.conditions.frequency for one in statements if one.conditions is not None]
    return frozenset([one.window_s for one in every if one is not None])


def local(now: int) -> tuple[int, int]:
    """Minute of the day and weekday (0 is Monday) in Europe/London at `now` (epoch seconds)."""
    there = datetime.fromtimestamp(now, UTC).astimezone(LONDON)
    return there.hour * 60 + there.minute, there.weekday()
