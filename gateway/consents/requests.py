# SPDX-License-Identifier: Apache-2.0
"""What asking and answering share: a request as an event of the ledger, and its moves."""

from __future__ import annotations

import uuid_utils
from sqlalchemy import Connection

from consent import requests
from consent.errors import RequestNotOpen
from consent.model import Event
from consent.requests import Answer, Request
from consent.words import Channel, Kind
from gateway.consents.errors import RequestClosed


def event(
    made: Request,
    kind: Kind,
    actor: str,
    now: int = 0,
    *,
    channel: Channel = Channel.WEB,
    target: str = "",
    reason: str = "",
    request: str = "",
) -> Event:
    """An event about a request; the asking itself has the request's id."""
    asking = kind is Kind.REQUESTED
    return Event(
        id=made.id if asking else str(uuid_utils.uuid7()),
        kind=kind,
        person=made.person,
        organisation=made.organisation,
        purpose=made.asked.purpose,
        agreement=made.asked.agreement,
        provision=made.asked.provision,
        at=made.made_at if asking else now,
        actor=actor,
        channel=channel,
        expires_at=made.expires_at if asking else 0,
        target=target,
        reason=reason,
        request=request,
    )


def moved(
    connection: Connection, made: Request, to: requests.State, now: int, answer: Answer | None = None
) -> Request:
    """Take a request to another state. Raises RequestClosed when it is no longer open."""
    try:
        return requests.move(connection, made, to, now, answer)
    except RequestNotOpen:
        raise RequestClosed from None
