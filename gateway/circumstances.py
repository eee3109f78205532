# SPDX-License-Identifier: Apache-2.0
"""The circumstances of one query, joined from where they are known: the register, break-glass, the clock, the log.

Only what a query can need is read: an override when one is cited, the local time and the count of earlier accesses
when the agreement has hours or a frequency. For all others this is one look into memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import structs

from gateway.errors import OverrideNotInForce
from gateway.evidence import Asked
from gateway.identity.circumstances import Found, Register, at
from gateway.identity.relationships import SELF_CLAIMED
from gateway.model import Override
from gateway.overrides import Overrides
from gateway.policy.agreements import Agreement

LONDON = ZoneInfo("Europe/London")


class Surroundings:
    """Finds circumstances; one for each worker."""

    def __init__(self, register: Register, overrides: Overrides, agreements: Mapping[str, Agreement]) -> None:
        self._register = register
        self._overrides = overrides
        self._agreements = agreements

    async def of(self, asked: Asked, now: int) -> Found:
        """The circumstances at `now` (epoch seconds). Raises OverrideNotInForce for an override that is cited and
        is not there for this person, organisation and user; DatabaseUnavailable."""
        known = await self._register.of(asked.person.id)
        found = at(known, asked.caller.organisation, now)
        if asked.query.relationship:
            found = structs.replace(found, relationships=(*found.relationships, SELF_CLAIMED))
        if asked.query.override:
            found = structs.replace(found, override=await self._override(asked, now))
        agreement = self._agreements.get(asked.query.agreement)
        if agreement is not None and agreement.conditions.hours is not None:
            minute, weekday = local(now)
            found = structs.replace(found, local_minute=minute, local_weekday=weekday)
        return Found(known, found)

    async def stands(self, asked: Asked, found: Found) -> bool:
        """Whether what the register said of the person is what it says still. Costs a look into memory while
        nothing in the register moved. Raises DatabaseUnavailable."""
        return await self._register.of(asked.person.id) == found.known

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


def local(now: int) -> tuple[int, int]:
    """Minute of the day and weekday (0 is Monday) in Europe/London at `now` (epoch seconds)."""
    there = datetime.fromtimestamp(now, UTC).astimezone(LONDON)
    return there.hour * 60 + there.minute, there.weekday()
