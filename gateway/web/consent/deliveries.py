# SPDX-License-Identifier: Apache-2.0
"""A system looks at the notices written to it, also where no webhook takes them, and has one delivered again.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import json
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from consent.receipts import instant
from gateway import db
from gateway.errors import NotFound
from gateway.model import Caller
from gateway.notices import outbox
from gateway.notices.outbox import Notice
from gateway.web.bearer import active
from gateway.web.consent import examples
from gateway.web.consent.parts import Parts, private, shown


def router(parts: Parts) -> APIRouter:
    """The routes, bound to their parts."""
    routes = APIRouter(prefix="/v1/webhook-deliveries", tags=["agencies: webhooks"])
    caller = Annotated[Caller, Depends(active(parts.agencies))]
    engine = parts.desk.engine

    @routes.get(
        "",
        summary="Notices to your system, oldest first",
        responses={200: shown("At most 50; go on after the last.", {"deliveries": [examples.DELIVERY]})},
    )
    def deliveries(
        who: caller, after: Annotated[str, Query(max_length=36, description="Id of the last one seen.")] = ""
    ) -> Response:
        with db.read(engine) as connection:
            found = outbox.of_system(connection, who.system, after=after)
        return private({"deliveries": [_told(one) for one in found]})

    @routes.post(
        "/{id}/redelivery",
        status_code=202,
        summary="Have a notice delivered again",
        responses={202: shown("It goes out at once.", examples.DELIVERY | {"state": "waiting"})},
    )
    def again(id: str, who: caller) -> Response:
        with db.write(engine) as connection:
            if not outbox.again(connection, who.system, id, int(time.time() * 1000)):
                raise NotFound
            found = outbox.find(connection, [id])[id]
        return private(_told(found), 202)

    return routes


def _told(one: Notice) -> dict[str, Any]:
    return {
        "id": one.id,
        "type": one.kind,
        "state": one.state,
        "attempts": one.attempts,
        "status": one.status,
        "made_at": instant(one.created_at),
        "ended_at": instant(one.ended_at) if one.ended_at else None,
        "notice": json.loads(one.payload),
    }
