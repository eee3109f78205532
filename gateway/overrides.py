# SPDX-License-Identifier: Apache-2.0
"""Break-glass: an override for one person, by one user, for an hour, that is looked at afterwards.

An override is logged before it exists, so that there is none without its entry. It lifts what the rules let it
lift, and never a court order or a safeguarding restriction. The data protection officer reviews each within three
days; the citizen is told at once, or from a dated day on that two officers have put their names to.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any

import uuid_utils
from msgspec import Struct
from sqlalchemy import Engine, Row, insert, select

from gateway import db
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.errors import OverrideNotPermitted
from gateway.identity.tables import override
from gateway.keyring import Keyring
from gateway.model import Caller, DeclaredReason, Override, Person, User

LIFE_S = 3600
REVIEW_S = 72 * 3600


class Asking(Struct, frozen=True):
    """What is asked for: a code, the reason in words, and the categories it is limited to."""

    reason_code: DeclaredReason
    text: str
    categories: tuple[str, ...]


class Overrides:
    """Opens and finds overrides. Methods that write wait for the database in a thread."""

    def __init__(self, engine: Engine, log: Log, keyring: Keyring) -> None:
        self._engine = engine
        self._log = log
        self._key = keyring.index

    async def open(self, caller: Caller, person: Person, asking: Asking) -> Override:
        """Log the override, then make it: one hour from now, for `caller.user` alone. Raises OverrideNotPermitted
        when the token names no user or the caller is not active; AuditUnavailable, DatabaseUnavailable."""
        user = caller.user
        if user is None or not (caller.organisation_active and caller.system_active):
            raise OverrideNotPermitted
        now = int(time.time())
        id_ = str(uuid_utils.uuid7())
        await self._log.append(_opened(id_, caller, user, person, asking, now), urgent=True)
        row = {
            "id": id_,
            "person": person.id,
            "organisation": caller.organisation,
            "system": caller.system,
            "user_digest": self._digest(caller.organisation, user.id),
            "reason_code": str(asking.reason_code),
            "categories": " ".join(sorted(asking.categories)),
            "opened_at": now,
            "until_at": now + LIFE_S,
            "review_by": now + REVIEW_S,
            "reviewed_at": 0,
            "outcome": "",
            "notice_at": now,
            "deferred_by": "",
        }
        await asyncio.to_thread(self._insert, row)
        return Override(id_, asking.reason_code, now + LIFE_S, tuple(sorted(asking.categories)))

    async def in_force(self, id_: str, person: str, organisation: str, user: str, now: int) -> Override | None:
        """The override of that id, if it is in force for exactly this person, organisation and user at `now`."""
        row = await asyncio.to_thread(self._row, id_.removeprefix("ov_"))
        if row is None or row.person != person or row.organisation != organisation or now >= row.until_at:
            return None
        if not hmac.compare_digest(bytes(row.user_digest), self._digest(organisation, user)):
            return None
        return Override(row.id, row.reason_code, row.until_at, tuple(row.categories.split()))

    def deferred(self, id_: str, now: int) -> bool:
        """Whether the citizen is not to be told of an override yet. Waits for the database."""
        row = self._row(id_.removeprefix("ov_"))
        return row is not None and now < row.notice_at

    def _insert(self, row: dict[str, object]) -> None:
        with db.write(self._engine) as connection:
            connection.execute(insert(override).values(row))

    def _row(self, id_: str) -> Row[Any] | None:
        with db.read(self._engine) as connection:
            return connection.execute(select(override).where(override.c.id == id_)).one_or_none()

    def _digest(self, organisation: str, user: str) -> bytes:
        return hmac.digest(self._key, f"override user\0{organisation}\0{user}".encode(), "sha256")


def _opened(id_: str, caller: Caller, user: User, person: Person, asking: Asking, now: int) -> Entry:
    return Entry(
        id=id_,
        type="override.opened",
        at_ms=time.time_ns() // 1_000_000,
        org=caller.organisation,
        svc=caller.system,
        purpose="",
        decision="break_glass",
        policy="",
        subjects=1,
        groups={
            "actor": {
                "system": caller.system,
                "token": caller.token_id,
                "user": user.id,
                "role": user.role,
                "acr": user.acr,
                "auth_time": user.auth_time,
            },
            "subject": {"handle": person.handle},
            "request": {
                "reason_code": str(asking.reason_code),
                "text": asking.text,
                "categories": list(asking.categories),
            },
            "result": {"until": now + LIFE_S, "review_by": now + REVIEW_S},
        },
        subject_key=person.id,
    )
