# SPDX-License-Identifier: Apache-2.0
"""Embargoes, as an officer orders them: of which entries, until when, on whose authority, why. Each is an entry
of the log, and so is its end before the date."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uuid_utils
from sqlalchemy import Engine

from gateway import db, keyring
from gateway.audit import embargo
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.audit.seen import Seen
from gateway.settings import Settings

LONGEST_S = 2 * 366 * 86_400
"""Seconds an embargo may last at most; a longer one is set anew, by somebody who looks at it again."""


class EmbargoFault(Exception):  # noqa: N818  # a condition, told to the officer as they meet it
    """What was ordered cannot be done. The text says why."""


class Embargoes:
    """The orders, over one gateway's database; `log` is started."""

    def __init__(self, engine: Engine, log: Log) -> None:
        self._engine = engine
        self._log = log

    async def set(self, entries: Sequence[str], *, until_s: int, reason: str, authority: str, officer: str) -> str:
        """Withhold entries (ids, as in a receipt's) from their citizen until an instant (seconds since 1970), with
        the decisions they follow; gives the embargo's id. Raises EmbargoFault, AuditUnavailable."""
        now_s = int(time.time())
        if not now_s < until_s <= now_s + LONGEST_S:
            raise EmbargoFault("An embargo ends in the future, and within two years.")
        if not (reason and authority and officer and entries):
            raise EmbargoFault("An embargo is of some entries, and has a reason, an authority and an officer.")
        wanted = await asyncio.to_thread(self._with_decisions, [one.removeprefix("rc_") for one in entries])
        id_ = str(uuid_utils.uuid7())
        await asyncio.to_thread(self._write, embargo.prepare, id_, wanted, until_s)
        told = {"entries": wanted, "until_s": until_s, "reason": reason, "authority": authority, "officer": officer}
        await self._log.append(_entry("embargo.set", id_, told))
        return id_

    async def lift(self, id: str, *, reason: str, authority: str, officer: str) -> None:
        """End an embargo before its date. Raises EmbargoFault, AuditUnavailable."""
        now_s = int(time.time())
        with db.read(self._engine) as connection:
            if not embargo.holds(connection, id, now_s):
                raise EmbargoFault("No embargo of that id holds.")
        told = {"embargo": id, "reason": reason, "authority": authority, "officer": officer}
        await self._log.append(_entry("embargo.lifted", str(uuid_utils.uuid7()), told))
        await asyncio.to_thread(self._write, embargo.lift, id, now_s)

    def _with_decisions(self, ids: Sequence[str]) -> list[str]:
        """The entries, and the one before each answer that says what was asked and decided."""
        wanted: dict[str, None] = {}
        for id_ in ids:
            if self._log.entry_by_id(id_) is None:
                raise EmbargoFault("There is no entry of that id.")
            wanted[id_] = None
            result = self._log.open_groups(id_).get("result")
            if result is not None and (decision := result.value.get("decision")):
                wanted[str(decision)] = None
        return list(wanted)

    def _write(self, order: Any, *arguments: Any) -> None:
        with db.write(self._engine) as connection:
            order(connection, *arguments)


@asynccontextmanager
async def orders(settings: Settings) -> AsyncIterator[Embargoes]:
    """The orders over the gateway of `settings`, from outside it."""
    engine = db.connect(settings.url)
    deadline_ms, seen = settings.log_commit_deadline_ms, Seen(settings.log_seen).read()
    log = Log(engine, keyring.load(settings.keys), settings.log_origin, deadline_ms=deadline_ms, seen=seen)
    try:
        await log.start()
        yield Embargoes(engine, log)
    finally:
        await log.close()
        engine.dispose()


def _entry(kind: str, id: str, told: dict[str, Any]) -> Entry:
    return Entry(id, kind, int(time.time() * 1000), "", "embargo", "", "", "", 0, {"result": told})
