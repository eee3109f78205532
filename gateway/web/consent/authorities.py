# SPDX-License-Identifier: Apache-2.0
"""Who may decide for a citizen, and for whom a citizen may decide.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from consent import authorities
from consent.authority import Authority
from consent.deciding import REASONS
from consent.words import By
from gateway import db
from gateway.consents.errors import DecisionNotYours
from gateway.errors import NotFound
from gateway.identity.citizens import Citizen
from gateway.web.consent import examples
from gateway.web.consent.parts import Parts, private, shown
from gateway.web.session import session


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/consent/authorities", tags=["citizens: authority"])
    signed_in = Annotated[Citizen, Depends(session(parts.citizens))]
    engine, keys = parts.desk.engine, parts.desk.keys

    def handle(person: str) -> str:
        """By what a citizen tells one person from another: it means nothing outside these two lists."""
        return keys.handle("authorities", person)

    def of(person: str) -> tuple[list[Authority], list[Authority]]:
        with db.read(engine) as connection:
            over = list(authorities.subject(connection, person).authorities)
            return over, authorities.held_by(connection, person)

    @routes.get(
        "",
        summary="Who may decide for you, and for whom you may decide",
        responses={
            200: shown(
                "Name one of `held_by_you` as `authority` to act by it.",
                {"over_you": [examples.AUTHORITY], "held_by_you": []},
            )
        },
    )
    def both(who: signed_in) -> Response:
        over, held = of(who.person)
        told_over = [_told(one, holder=handle(one.holder)) for one in over]
        return private(
            {"over_you": told_over, "held_by_you": [_told(one, person=handle(one.person)) for one in held]}
        )

    @routes.delete(
        "/{id}",
        summary="End what you gave yourself; every consent that rests on it ends with it",
        responses={200: shown("Ended.", {"ended": examples.AUTHORITY["id"], "consents_ended": 1})},
    )
    async def end(id: str, who: signed_in) -> Response:
        over, held = await asyncio.to_thread(of, who.person)
        mine = next((one for one in (*over, *held) if one.id == id and not one.ended), None)
        if mine is None:
            raise NotFound
        if mine.person == who.person and mine.by is not By.CHOSEN:
            raise DecisionNotYours("This authority comes from the law or from a court, which alone can end it.")
        reason = "revoked-by-person" if mine.person == who.person else "relationship-changed"
        fallen = await parts.desk.authorities.end(id, reason, actor=who.person)
        return private({"ended": id, "consents_ended": len(fallen)})

    return routes


def _told(one: Authority, **who: str) -> dict[str, Any]:
    """An authority as either of the two may know it; `who`: the name, among authorities, of the other."""
    now = int(time.time())
    reason = one.out_of_force(now)
    return who | {
        "id": one.id,
        "by": one.by,
        "since": one.since,
        "until": one.until,
        "categories": one.categories,
        "purposes": one.purposes,
        "jointly": one.jointly,
        "shown_by": one.evidence.type,
        "shown_at": one.evidence.verified_at,
        "restrictions": [
            {"may_not": "see" if held.see else "decide", "categories": held.categories, "until": held.until}
            for held in one.restrictions
            if held.bites(held.categories, now)
        ],
        "in_force": not reason,
        "why_not": REASONS.get(reason, ""),
    }
