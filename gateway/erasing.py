# SPDX-License-Identifier: Apache-2.0
"""Forgetting, as an officer orders it: Article 17 erasures, the end of retention, legal holds, a new wrapping key.

Each is an entry of the log, and the entry comes first: nobody can erase in silence. What an erasure deletes cannot
be opened from the database from then on; that no older backup opens it either takes a new wrapping key (`rotate`),
after which a backup needs the keys' own, newer backup (`back_up_keys`, `put_back_keys`).
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import uuid_utils
from msgspec import Struct, structs
from sqlalchemy import Connection, Engine, func, select

from gateway import db, keyring
from gateway.audit import erasure, retention
from gateway.audit.erasure import Erasure, KeyRow, Told
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.audit.sealing import LOOK_S, SealKey
from gateway.audit.seen import Seen
from gateway.audit.tables import data_key, head
from gateway.settings import Settings

REASONS = ("article-17", "erroneous-entry", "court-order")
"""Why a person's payloads are erased before their time: UK GDPR Article 17, an entry made by mistake, an order."""

BATCH = 1000
SWEEP = 20_000

Progress = Callable[[int], None]
"""Told how many were done since the last time."""


class ErasureFault(Exception):  # noqa: N818  # a condition, told to the officer as they meet it
    """What was ordered cannot be done. The text says why."""


class _BackupHead(Struct, frozen=True):
    """First line of a backup of the keys: of which log, and how long that was."""

    origin: str
    size: int


class Forgetting:
    """The orders, over one gateway's database; `log` is started and appends beside what is done here."""

    def __init__(self, engine: Engine, log: Log, seal_key: SealKey, wraps: keyring.WrapKeys) -> None:
        self._engine = engine
        self._log = log
        self._seal_key = seal_key
        self._wraps = wraps

    async def erase(
        self,
        person: str,
        *,
        reason: str,
        authority: str,
        requested_by: str,
        approved_by: str,
        organisation: str = "",
    ) -> Told:
        """Erase what `organisation` (empty: everybody) saw of a person, the consent decisions logged for them
        included. Raises ErasureFault, AuditUnavailable (then it is finished by `finish`)."""
        if reason not in REASONS:
            raise ErasureFault(f"The reason must be one of {', '.join(REASONS)}.")
        if not requested_by or not approved_by or requested_by == approved_by:
            raise ErasureFault("One officer asks for an erasure and another one approves it.")
        told = Told(reason, authority, requested_by, approved_by, organisation, 0, 0)
        decided = Erasure(str(uuid_utils.uuid7()), self._seal_key.blind(person), organisation, told)
        decided = await db.write_apart(self._engine, _decide, decided)
        await self.finish()
        return decided.told

    async def finish(self) -> int:
        """Log and carry out every erasure that was decided; gives how many. A hold set since then stops none."""
        with db.read(self._engine) as connection:
            waiting = erasure.pending(connection)
        for one in waiting:
            await self._log.append(_entry("payload.erased", one.id, {"result": one.told}))
            await db.write_apart(self._engine, erasure.carry_out, one)
        if waiting:
            db.scrub(self._engine, "log", data_key.fullname, "log.payload")
        return len(waiting)

    async def hold(self, person: str, *, authority: str, officer: str, organisation: str = "") -> str:
        """Protect what was sealed about a person from erasure and the end of retention; gives the hold's id."""
        id_ = str(uuid_utils.uuid7())
        told = {"authority": authority, "officer": officer, "organisation": organisation}
        await self._log.append(_entry("hold.set", id_, {"result": told}))
        await db.write_apart(self._engine, erasure.set_hold, id_, self._seal_key.blind(person), organisation)
        return id_

    async def lift(self, hold: str, *, authority: str, officer: str) -> None:
        """End a legal hold. Raises ErasureFault."""
        if not await db.write_apart(self._engine, erasure.lift_hold, hold):
            raise ErasureFault("No legal hold of that id stands.")
        told = {"hold": hold, "authority": authority, "officer": officer}
        await self._log.append(_entry("hold.lifted", str(uuid_utils.uuid7()), {"result": told}))

    async def retain(
        self, today: datetime.date, officer: str, progress: Progress = lambda _: None
    ) -> dict[str, int]:
        """Erase every retention period that is over on `today`; gives period → keys deleted."""
        with db.read(self._engine) as connection:
            periods = erasure.ended(connection, today)
        done: dict[str, int] = {}
        for period in periods:
            told = {"reason": "retention-ended", "period": period, "officer": officer}
            await self._log.append(_entry("payload.erased", str(uuid_utils.uuid7()), {"result": told}))
            done[period] = 0
            while gone := await db.write_apart(self._engine, erasure.end_period, period, BATCH):
                done[period] += gone
                progress(gone)
            if period.startswith(retention.STAFF):
                await self._sweep_staff(int(period.partition(":")[2]))
        if done:
            db.scrub(self._engine, "log", data_key.fullname, "log.payload")
        return done

    async def _sweep_staff(self, year: int) -> None:
        with db.read(self._engine) as connection:
            among = erasure.places(connection, year)
        for start in range(among.start, among.stop, SWEEP):
            await db.write_apart(self._engine, erasure.sweep_staff, range(start, min(start + SWEEP, among.stop)))

    async def rotate(self, officer: str, progress: Progress = lambda _: None) -> int:
        """Wrap every data key anew, under a new wrapping key, and destroy the old ones; gives how many were.
        Gateways may run meanwhile: they use the new key within LOOK_S seconds, which are waited for."""
        old = list(self._wraps.read())
        new = self._wraps.add()
        self._seal_key.look()
        await asyncio.sleep(LOOK_S + 1)
        last, moved = "", 0
        while True:
            last, some = await db.write_apart(self._engine, erasure.rewrap, self._seal_key, last, BATCH)
            moved += some
            progress(some)
            if not last:
                break
        for id_ in old:
            self._wraps.destroy(id_)
        told = {"officer": officer, "new": new.hex(), "destroyed": [id_.hex() for id_ in old], "keys": moved}
        await self._log.append(_entry("key.rotated", str(uuid_utils.uuid7()), {"result": told}))
        db.scrub(self._engine, "log", data_key.fullname, "log.payload")
        return moved

    def back_up_keys(self, file: Path) -> int:
        """Write every data key, wrapped, into a new file (0600), a line each; gives how many."""
        file.touch(mode=0o600, exist_ok=False)
        with db.read(self._engine) as connection, file.open("wb") as out:
            row = connection.execute(select(head.c.origin, (head.c.start + head.c.size).label("size"))).first()
            if row is None:
                raise ErasureFault("There is no log yet.")
            out.write(msgspec.json.encode(_BackupHead(row.origin, row.size)) + b"\n")
            for key in erasure.keys(connection):
                out.write(msgspec.json.encode(key) + b"\n")
            return connection.execute(select(func.count()).select_from(data_key)).scalar_one()

    async def put_back_keys(self, file: Path, officer: str) -> tuple[int, int]:
        """Give a restored database the keys of their own backup, which must not be older than it; gives how many
        keys were put back and how many were forgotten, because they had been erased. Raises ErasureFault."""
        back, gone = await db.write_apart(self._engine, _put_back, file)
        told = {"officer": officer, "restored": back, "forgotten": gone}
        await self._log.append(_entry("key.restored", str(uuid_utils.uuid7()), {"result": told}))
        return back, gone


def _entry(kind: str, id_: str, groups: Mapping[str, dict[str, Any] | Struct]) -> Entry:
    """An entry about the gateway itself: nobody is its subject, so nothing of a person is sealed in it."""
    return Entry(id_, kind, time.time_ns() // 1_000_000, "", "erasing", "", "", "", 0, groups)


def _decide(connection: Connection, wanted: Erasure) -> Erasure:
    """The erasure with its numbers, written down. Raises ErasureFault when a legal hold stands."""
    if erasure.is_held(connection, wanted.subject, wanted.organisation):
        raise ErasureFault("A legal hold protects what was sealed about this person: it must be lifted first.")
    keys, entries = erasure.count(connection, wanted.subject, wanted.organisation)
    decided = structs.replace(wanted, told=structs.replace(wanted.told, keys=keys, entries=entries))
    erasure.decide(connection, decided)
    return decided


def _put_back(connection: Connection, file: Path) -> tuple[int, int]:
    with file.open("rb") as lines:
        try:
            first = msgspec.json.decode(next(lines, b""), type=_BackupHead)
            size = connection.execute(select(head.c.start + head.c.size)).scalar_one()
            if first.size < size:
                raise ErasureFault(
                    f"The backup of the keys is older than the database ({first.size} entries, not {size}): keys "
                    "made since then would be lost. Take the newest one."
                )
            return erasure.put_back(connection, (msgspec.json.decode(line, type=KeyRow) for line in lines))
        except msgspec.DecodeError as error:
            raise ErasureFault(f"{file} is not a backup of the keys.") from error


@asynccontextmanager
async def orders(settings: Settings) -> AsyncIterator[Forgetting]:
    """The orders over the gateway of `settings`, from outside it; what a crash left over is finished first."""
    keys = keyring.load(settings.keys)
    engine = db.connect(settings.url)
    deadline_ms, seen = settings.log_commit_deadline_ms, Seen(settings.log_seen).read()
    log = Log(engine, keys, settings.log_origin, deadline_ms=deadline_ms, seen=seen)
    try:
        await log.start()
        forgetting = Forgetting(engine, log, SealKey(keys.seal, keys.wrap.read), keys.wrap)
        await forgetting.finish()
        yield forgetting
    finally:
        await log.close()
        engine.dispose()
