# SPDX-License-Identifier: Apache-2.0
"""Erasing what a citizen decided from the consent ledger, as two officers order it (UK GDPR Article 17).

The order is an entry of the log before it is carried out, and a crash between the two is made good. What was
decided is kept sealed as long as a claim can be brought, for whoever must show that consent was given (Article
7(1)); two officers open it, and that is an entry too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uuid_utils
from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, insert, select, update

from consent import erasing
from consent.erasing import Erased, NothingToErase, Ready, StillErasing, StillShared
from consent.tables import consent_erasure, consent_event, consent_proof
from gateway import db, keyring
from gateway.audit import erasure, proofs
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.audit.sealing import SealKey
from gateway.audit.seen import Seen
from gateway.audit.tables import data_key
from gateway.consents.recording import entry
from gateway.settings import Settings

REASONS = ("article-17", "erroneous-entry", "court-order")
"""Why decisions are erased: a request under UK GDPR Article 17, entries about the wrong person, an order. Only the
first keeps a proof; after the others nothing is left that must be shown."""


class DecisionsStay(Exception):  # noqa: N818  # a condition, told to the officer as they meet it
    """What was decided cannot be erased, or not yet. The text says why."""


class Told(Struct, frozen=True):
    """What the entry says: why, by whose authority, and the opaque ids of the two officers; never of whom."""

    reason: str
    authority: str
    requested_by: str
    approved_by: str
    events: int


class DecisionErasing:
    """The orders over one gateway's ledger; `log` is started."""

    def __init__(self, engine: Engine, log: Log, seal_key: SealKey, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._log = log
        self._seal_key = seal_key
        self._clock = clock

    async def erase(self, person: str, *, reason: str, authority: str, requested_by: str, approved_by: str) -> Told:
        """Erase all that a person decided. Raises DecisionsStay, AuditUnavailable (then `finish` does the rest)."""
        if reason not in REASONS:
            raise DecisionsStay(f"The reason must be one of {', '.join(REASONS)}.")
        _two(requested_by, approved_by)
        ordered = Told(reason, authority, requested_by, approved_by, 0)
        told = await db.write_apart(self._engine, self._decide, person, ordered)
        await self.finish()
        return told

    async def finish(self) -> int:
        """Log and carry out every erasure that was decided; gives how many. A hold set since then stops none."""
        with db.read(self._engine) as connection:
            waiting = connection.execute(
                select(consent_erasure).where(consent_erasure.c.done == 0).order_by(consent_erasure.c.id)
            ).all()
        for row in waiting:
            told = msgspec.json.decode(row.told, type=Told)
            await self._log.append(self._entry("ledger.erased", row.id, {"result": told}))
            done = await db.write_apart(self._engine, self._carry_out, row.id, row.person, told)
            if done is not None:
                for event, where in ((done.event, done.recorded), *done.restated):
                    await self._log.append(entry(event, where.hash))
        if waiting:
            db.scrub(self._engine, "main", consent_event.name, "consent_standing", "consent_request")
        return len(waiting)

    async def prove(self, person: str, *, authority: str, requested_by: str, approved_by: str) -> list[bytes]:
        """The links of a person's events that were erased and may still have to be shown, oldest first: the SHA-256
        of each is the hash that the ledger holds in its place. Raises DecisionsStay."""
        _two(requested_by, approved_by)
        told = {"authority": authority, "requested_by": requested_by, "approved_by": approved_by}
        await self._log.append(self._entry("proof.opened", str(uuid_utils.uuid7()), {"result": told}))
        return await asyncio.to_thread(self._links, person)

    def _links(self, person: str) -> list[bytes]:
        with db.read(self._engine) as connection:
            keys = proofs.keys_of(connection, self._seal_key.blind(person))
            rows = connection.execute(
                select(consent_proof).where(consent_proof.c.key.in_(keys)).order_by(consent_proof.c.id)
            ).all()
            opened = [proofs.open_(connection, self._seal_key, row.key, row.id, bytes(row.sealed)) for row in rows]
        return [link for content in opened if content for link in content.split(b"\n")]

    def _decide(self, connection: Connection, person: str, told: Told) -> Told:
        if erasure.is_held(connection, self._seal_key.blind(person)):
            raise DecisionsStay("A legal hold protects what is known of this person: it must be lifted first.")
        match erasing.readiness(connection, person, int(self._clock())):
            case NothingToErase():
                raise DecisionsStay("There is no decision of this person to erase.")
            case StillShared(recipients=number):
                raise DecisionsStay(
                    f"Consent to {number} recipients is in force: withdraw it first, so that they are told to stop."
                )
            case StillErasing(recipients=number):
                raise DecisionsStay(
                    f"{number} recipients were told to stop and have still time to say that they have erased what "
                    "they got: wait for them."
                )
            case Ready(events=number):
                told = msgspec.structs.replace(told, events=number)
        row = {"id": str(uuid_utils.uuid7()), "person": person, "done": 0}
        connection.execute(insert(consent_erasure), row | {"told": msgspec.json.encode(told).decode()})
        return told

    def _carry_out(self, connection: Connection, id: str, person: str, told: Told) -> Erased | None:
        now = self._clock()
        done = erasing.erase(connection, person, id=str(uuid_utils.uuid7()), actor=told.requested_by, now=int(now))
        if told.reason != REASONS[0]:
            proofs.forget(connection, self._seal_key.blind(person))
        elif done is not None:
            content = b"\n".join(done.links)
            key, sealed = proofs.seal(connection, self._seal_key, person, id, int(now * 1000), content)
            connection.execute(insert(consent_proof), {"id": id, "key": key, "sealed": sealed})
        connection.execute(delete(consent_proof).where(consent_proof.c.key.not_in(select(data_key.c.id))))
        finished = update(consent_erasure).where(consent_erasure.c.id == id)
        connection.execute(finished.values(person="", done=int(now)))
        return done

    def _entry(self, kind: str, id: str, groups: dict[str, Any]) -> Entry:
        """An entry about the gateway itself: nobody is its subject."""
        return Entry(id, kind, int(self._clock() * 1000), "", "erasing", "", "", "", 0, groups)


def _two(requested_by: str, approved_by: str) -> None:
    if not requested_by or not approved_by or requested_by == approved_by:
        raise DecisionsStay("One officer asks for it and another one approves it.")


@asynccontextmanager
async def decision_orders(settings: Settings) -> AsyncIterator[DecisionErasing]:
    """The orders over the gateway of `settings`, from outside it; what a crash left over is finished first."""
    keys = keyring.load(settings.keys)
    engine = db.connect(settings.url)
    deadline_ms, seen = settings.log_commit_deadline_ms, Seen(settings.log_seen).read()
    log = Log(engine, keys, settings.log_origin, deadline_ms=deadline_ms, seen=seen)
    try:
        await log.start()
        orders = DecisionErasing(engine, log, SealKey(keys.seal, keys.wrap.read))
        await orders.finish()
        yield orders
    finally:
        await log.close()
        engine.dispose()
