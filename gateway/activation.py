# SPDX-License-Identifier: Apache-2.0
"""Putting a law in force: checked, recorded for every node, logged; and noticing that somebody did.

A refused attempt is logged too, and the law before stays in force.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import uuid_utils
from sqlalchemy import Connection, Engine, select

from gateway import db, keyring
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.audit.seen import Seen
from gateway.audit.tables import entry as log_entry
from gateway.db import Changes
from gateway.errors import CommonsError
from gateway.policy import activated, law, signing
from gateway.policy.activated import Activated
from gateway.policy.archive import Archive
from gateway.policy.documents import PolicyFolderError
from gateway.policy.law import Law
from gateway.policy.packing import BundleRefusedError
from gateway.policy.tables import policy_bundle
from gateway.policy.vocabulary import Agreement
from gateway.settings import Settings

log = logging.getLogger("commons.policy")

POLL_S = 0.25
"""Seconds between two looks; a look costs a system call or less while nothing was written."""


class Consents(Protocol):
    """What was agreed to, as far as a law that comes into force has to do with it: `gateway.consents.revisions`."""

    def unrevised(self, engine: Engine, keys: Path, coming: Mapping[str, Agreement]) -> Sequence[str]:
        """Which agreements of a law to come let more flow on consent than those who agreed were told; `keys`: the
        folder of those that are trusted."""
        ...

    def settle(self, connection: Connection, coming: Mapping[str, Agreement], now: int) -> None:
        """Note what the agreements say from now on (seconds since 1970)."""
        ...


async def activate(settings: Settings, raw: bytes, by: str, consents: Consents | None = None) -> Law:
    """Put the law in a bundle's file in force for every node of this commons. `by`: who activates it (a staff id).
    Raises BundleRefusedError, which is logged; AuditUnavailable when it is in force but could not be logged yet
    (then it is at the next start)."""
    engine = db.connect(settings.url)
    seen = Seen(settings.log_seen).read()
    access_log = Log(engine, keyring.load(settings.keys), settings.log_origin, deadline_ms=5000, seen=seen)
    try:
        await access_log.start()
        try:
            found = await asyncio.to_thread(put_in_force, engine, settings, raw, by, consents)
        except PolicyFolderError as error:
            await access_log.append(_refusal(error, by, "", 0))
            raise
        await log_missing(engine, access_log)
        return found
    finally:
        await access_log.close()
        engine.dispose()


def put_in_force(engine: Engine, settings: Settings, raw: bytes, by: str, consents: Consents | None = None) -> Law:
    """As `activate`, leaving the log entry to the next start (`log_missing`)."""
    keys = signing.trusted(settings.policy_keys)
    found = law.examine(raw, keys)
    archive = Archive(settings.policy_archive)
    law.require_not_older(found, archive, keys)
    law.require_consistent(found)
    law.prove(found)
    agreements = found.vocabulary.agreements
    if consents is not None and (wider := consents.unrevised(engine, settings.policy_keys, agreements)):
        raise BundleRefusedError(
            "not-revised",
            f"more would flow than was agreed to under {', '.join(wider)}: ask those again first, for each with "
            "`commons consent revise ID --policies FOLDER`",
        )
    made = Activated(found.sequence, found.revision, found.keyid, str(uuid_utils.uuid7()), int(time.time()), by)
    with db.write(engine) as connection:
        activated.record(connection, made, raw)
        if consents is not None:
            consents.settle(connection, agreements, made.at)
    archive.keep(found.packed, raw)
    return found


async def log_missing(engine: Engine, access_log: Log) -> int:
    """Log every activation that is not in the log yet; gives how many. The id makes logging twice logging once."""
    with db.read(engine) as connection:
        logged = select(log_entry.c.id).where(log_entry.c.id == policy_bundle.c.event)
        missing = set(connection.execute(select(policy_bundle.c.event).where(~logged.exists())).scalars())
        rows = [row for row in activated.history(connection) if row.event in missing] if missing else []
    for row in rows:
        result = {"sequence": row.sequence, "revision": row.revision, "keyid": row.keyid}
        await access_log.append(_entry("policy.activated", row.event, row.at * 1000, row.revision, row.by, result))
    return len(rows)


class Watch:
    """Notices that another law was put in force, and has it adopted; belongs to the event loop of the server.

    `serving` is the law that is served already. `adopt` is given a law that is signed, newer, and refuses every
    canary; while it raises, the law before stays and it is asked again. What is refused is logged once.
    """

    def __init__(
        self,
        engine: Engine,
        changes: Changes,
        settings: Settings,
        access_log: Log,
        serving: Law | None,
        adopt: Callable[[Law], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._changes = changes
        self._settings = settings
        self._log = access_log
        self._serving = serving
        self._adopt = adopt
        self._seen: int | None = None
        self._refused: tuple[int, str] | None = None
        self._task = asyncio.create_task(self._run(), name="law")

    async def close(self) -> None:
        """Stop looking."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self._look()
            except CommonsError as error:
                log.warning("the law in force could not be read or loaded: %s", error.code)
            except Exception as error:  # the watch must go on: without it a new law would go unnoticed
                log.error("the law could not be looked after: %s", type(error).__name__)

    async def _look(self) -> None:
        generation = self._changes.generation()
        if generation is not None and generation == self._seen:
            return
        newest = await asyncio.to_thread(self._newest)
        if self._serving is None or newest != self._serving.sequence:
            await self._take(newest)
        self._seen = generation

    async def _take(self, sequence: int) -> None:
        archive = Archive(self._settings.policy_archive)
        try:
            found = await asyncio.to_thread(law.to_serve, self._engine, self._settings.policy_keys, archive)
            await self._adopt(found)
        except PolicyFolderError as error:
            code = error.code if isinstance(error, BundleRefusedError) else "malformed"
            if self._refused != (sequence, code):
                await self._log.append(
                    _refusal(error, "", self._serving.revision if self._serving else "", sequence)
                )
                self._refused = (sequence, code)
                log.error("law %d is refused (%s); the one before stays", sequence, code)
            return
        self._serving = found

    def _newest(self) -> int:
        with db.read(self._engine) as connection:
            return activated.newest(connection)


def _refusal(error: PolicyFolderError, by: str, revision: str, sequence: int) -> Entry:
    code = error.code if isinstance(error, BundleRefusedError) else "malformed"
    result = {"reason": code, "sequence": sequence}
    return _entry("policy.refused", str(uuid_utils.uuid7()), time.time_ns() // 1_000_000, revision, by, result)


def _entry(kind: str, id_: str, at_ms: int, revision: str, by: str, result: Mapping[str, object]) -> Entry:
    groups = {"result": dict(result)} | ({"actor": {"id": by}} if by else {})
    return Entry(id_, kind, at_ms, "", "policy", "", "", revision, 0, groups)
