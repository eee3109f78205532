# SPDX-License-Identifier: Apache-2.0
"""Requests: an agency asks a person to agree. What may be asked when, and the requests as they are stored.

A request has no default and gives no access. It is `requested`, put off (`deferred`), `answered`, `cancelled` by
whoever asked, or `expired`, by the clock: time is looked at when the question is. A request that must not
reach the person is kept `muted`: whoever asked sees it wait and run out, as if nobody had answered.

The rules are pure; the functions that take a connection read or write in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from consent.conditions import ANY
from consent.errors import LedgerCorrupt, RequestNotOpen
from consent.model import Provision
from consent.tables import consent_request

DAY_S = 86_400
LIFETIME_S = 28 * DAY_S
"""For how long a request may be answered."""

PEACE_S = 90 * DAY_S
"""For how long nobody is asked again what they said no to."""

State = Literal["requested", "deferred", "answered", "cancelled", "expired"]
OPEN: tuple[State, ...] = ("requested", "deferred")


class Asked(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked: under which agreement and for which purpose, of what, for how many days, and why, in a
    sentence that the person reads."""

    agreement: str
    purpose: str
    provision: Provision
    reason: str
    days: int


class Answer(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What was answered: yes to `provision` until `expires_at` (never more than was asked), or no. `event`: id of
    the decision in the ledger."""

    given: bool
    event: str
    at: int
    provision: Provision | None = None
    expires_at: int = 0


class Content(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A request's stored part. Members may be added with a default, none renamed."""

    asked: Asked
    answer: Answer | None = None


class Request(Struct, frozen=True, kw_only=True):
    """One request. `asked_as`: a keyed digest of the identifier that the asker used, which is the same whether it
    leads to anybody or not: what an asker is told rests on it alone, so that it cannot be asked who exists.
    `person`: whom it reaches, or a stranger. `key`, `digest`: SHA-256 of the caller's X-Request-ID and of the body
    that came with it. `stored` is the state without the clock; see `state`."""

    id: str
    asked_as: str
    person: str
    organisation: str
    system: str
    service: str
    key: bytes
    digest: bytes
    stored: State
    muted: bool
    asked: Asked
    made_at: int
    expires_at: int
    changed_at: int
    answer: Answer | None = None

    def state(self, now: int) -> State:
        """How it stands at `now`."""
        return "expired" if self.stored in OPEN and now >= self.expires_at else self.stored


class New(Struct, frozen=True):
    """It may be asked. `muted`: it must not reach the person."""

    muted: bool = False


class OpenAlready(Struct, frozen=True):
    """The person is being asked for this service already; `id` is that request."""

    id: str


class AskedLately(Struct, frozen=True):
    """They said no to (part of) this, and are left in peace until `until`."""

    until: int


def may_ask(
    earlier: Iterable[Request], asked: Asked, service: str, *, muted: bool, now: int
) -> New | OpenAlready | AskedLately:
    """Whether an organisation may ask a person this for one of its services. `earlier`: all it has asked under the
    same identifier.

    A no weighs on what it was a no to, whatever service it is asked for next; so that one cannot ask again under
    another name.
    """
    said_no: list[int] = []
    for one in earlier:
        if one.service == service and one.state(now) in OPEN:
            return OpenAlready(one.id)
        refused = _refused(one)
        if now < one.changed_at + PEACE_S and _meet(refused, _pieces(asked.provision)):
            said_no.append(one.changed_at + PEACE_S)
    return AskedLately(max(said_no)) if said_no else New(muted)


def mute(request: Request) -> Request:
    """The request, kept from the person."""
    return replace(request, muted=True)


def narrows(answer: Provision, asked: Provision) -> bool:
    """Whether an answer is within what was asked: the same or fewer categories, fields and sources, under the same
    or narrower conditions."""
    if not (asked.conditions or ANY).covers(answer.conditions or ANY):
        return False
    if not set(answer.categories) <= set(asked.categories):
        return False
    if asked.sources and not (answer.sources and set(answer.sources) <= set(asked.sources)):
        return False
    whole = set(asked.categories) - {full.partition("/")[0] for full in asked.fields}
    listed = {full.partition("/")[0] for full in answer.fields}
    unlisted = set(answer.categories) - listed
    return unlisted <= whole and all(
        full in asked.fields or full.partition("/")[0] in whole for full in answer.fields
    )


def _refused(request: Request) -> set[str]:
    """The pieces that an answered request was told no to: all of them, or those that were left out."""
    answer = request.answer
    if answer is None:
        return set()
    asked = _pieces(request.asked.provision)
    return asked if answer.provision is None else asked - _pieces(answer.provision)


def _pieces(provision: Provision) -> set[str]:
    """Fields in full where a category lists them, else the category with a star."""
    listed = {full.partition("/")[0] for full in provision.fields}
    return {*provision.fields, *(f"{category}/*" for category in provision.categories if category not in listed)}


def _meet(some: set[str], others: set[str]) -> bool:
    """Whether any piece of the one is, or lies in, or takes in a piece of the other."""
    return any(
        one == other
        or (
            one.partition("/")[0] == other.partition("/")[0]
            and "*" in (one.partition("/")[2], other.partition("/")[2])
        )
        for one in some
        for other in others
    )


# -- as stored ---------------------------------------------------------------------------------------------


def add(connection: Connection, request: Request) -> None:
    """Write a new request."""
    connection.execute(insert(consent_request), _row(request))


def find(connection: Connection, id: str) -> Request | None:
    """The request of an id."""
    row = connection.execute(select(consent_request).where(consent_request.c.id == id)).first()
    return None if row is None else _request(row)


def repeated(connection: Connection, system: str, key: bytes) -> Request | None:
    """The request that a system made with this X-Request-ID."""
    wanted = select(consent_request).where(consent_request.c.system == system, consent_request.c.key == key)
    row = connection.execute(wanted).first()
    return None if row is None else _request(row)


def asked_as(connection: Connection, subject: str, organisation: str) -> list[Request]:
    """Everything that an organisation has asked under one identifier, oldest first."""
    return _read(connection, consent_request.c.asked_as == subject, organisation)


def asked_of(connection: Connection, person: str, organisation: str) -> list[Request]:
    """Everything that an organisation has asked a person, under whatever identifier, oldest first."""
    return _read(connection, consent_request.c.person == person, organisation)


def inbox(connection: Connection, person: str, now: int) -> list[Request]:
    """What a person is being asked at `now`, oldest first; nothing that is muted."""
    wanted = select(consent_request).where(
        consent_request.c.person == person,
        consent_request.c.muted.is_(False),
        consent_request.c.state.in_(OPEN),
        consent_request.c.expires_at > now,
    )
    return [_request(row) for row in connection.execute(wanted.order_by(consent_request.c.id))]


def made_since(connection: Connection, organisation: str, since: int) -> int:
    """How many requests an organisation's systems have made since an instant; not those that a revision made."""
    wanted = select(func.count()).where(
        consent_request.c.organisation == organisation,
        consent_request.c.made_at >= since,
        consent_request.c.system != "",
    )
    return int(connection.execute(wanted).scalar_one())


def move(connection: Connection, request: Request, to: State, now: int, answer: Answer | None = None) -> Request:
    """Take an open request to another state. Raises RequestNotOpen when it is no longer open, also when somebody
    else was first."""
    if request.state(now) not in OPEN:
        raise RequestNotOpen
    moved = replace(request, stored=to, answer=answer, changed_at=now)
    open_ = (consent_request.c.id == request.id, consent_request.c.state.in_(OPEN))
    if not connection.execute(update(consent_request).where(*open_).values(_row(moved))).rowcount:
        raise RequestNotOpen
    return moved


def close_expired(connection: Connection, earlier: Iterable[Request], now: int) -> None:
    """Free the place of those that ran out, so that a new request can take it."""
    for one in earlier:
        if one.stored in OPEN and one.state(now) == "expired":
            connection.execute(
                update(consent_request).where(consent_request.c.id == one.id).values(state="expired")
            )


def _read(connection: Connection, whom: ColumnElement[bool], organisation: str) -> list[Request]:
    wanted = select(consent_request).where(whom, consent_request.c.organisation == organisation)
    return [_request(row) for row in connection.execute(wanted.order_by(consent_request.c.id))]


def _row(request: Request) -> dict[str, object]:
    row = {name: getattr(request, name) for name in request.__struct_fields__}
    content = Content(row.pop("asked"), row.pop("answer"))
    return row | {"state": row.pop("stored"), "content": msgspec.json.encode(content)}


def _request(row: Row[tuple[object, ...]]) -> Request:
    held = dict(row._mapping)
    try:
        content = msgspec.json.decode(held.pop("content"), type=Content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerCorrupt from error
    held |= {"stored": held.pop("state"), "key": bytes(held["key"]), "digest": bytes(held["digest"])}
    return Request(**held, asked=content.asked, answer=content.answer)
