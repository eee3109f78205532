# SPDX-License-Identifier: Apache-2.0
"""Searching and exporting the access log, as an auditor does it: with a reason, and on the record.

The entry that says who looked, for what and why is in the log before anything is shown; one about a citizen is
among that citizen's own entries, so that they see who reviewed the accesses to their record.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import uuid_utils
from msgspec import Struct, structs
from sqlalchemy import Engine

from gateway import db, keyring
from gateway.audit import search
from gateway.audit.events import Entry
from gateway.audit.log import Log, StoredEntry
from gateway.audit.sealing import SealKey
from gateway.audit.search import Search
from gateway.settings import Settings


class Auditor(Struct, frozen=True):
    """Who looks, by an opaque id, and why: a case, a complaint, a sample."""

    id: str
    reason: str


class AuditFault(Exception):  # noqa: N818  # a condition, told to the auditor as they meet it
    """What was asked cannot be done. The text says why."""


class Review:
    """The log under review; `log` is started, and appends what the auditor does."""

    def __init__(self, engine: Engine, log: Log, seal_key: SealKey) -> None:
        self._engine = engine
        self._log = log
        self._seal_key = seal_key

    async def search(self, auditor: Auditor, wanted: Search, person: str = "") -> list[StoredEntry]:
        """The entries that fit. Raises AuditFault without a reason, AuditUnavailable when it cannot be logged."""
        await self._tell("audit.searched", auditor, {"search": wanted}, person)
        return await self._find(wanted, person)

    async def open(self, auditor: Auditor, entry: str) -> dict[str, Any]:
        """The groups of one entry (id of its event) that can still be opened. Raises as `search`, and AuditFault
        when there is no such entry."""
        if self._log.entry_by_id(entry) is None:
            raise AuditFault("There is no entry of that id.")
        await self._tell("audit.opened", auditor, {"entry": entry})
        return {name: group.value for name, group in self._log.open_groups(entry).items()}

    async def export(self, auditor: Auditor, wanted: Search, file: Path, person: str = "") -> int:
        """Write every entry that fits, from `wanted.after` on and without its limit, into a new file (0600), one
        JSON object with its inclusion proof a line; gives how many. The entry says the SHA-256 of the file, and is
        in the log before the file has its name. Raises as `search`, and AuditFault when the file is there."""
        digest, number = hashlib.sha256(), 0
        part, out = _begun(file)
        with out:
            while found := await self._find(structs.replace(wanted, limit=search.CHUNK), person):
                for line in self._lines(found):
                    out.write(line)
                    digest.update(line)
                number += len(found)
                wanted = structs.replace(wanted, after=found[-1].place)
        said = {"search": wanted, "entries": number, "sha256": digest.hexdigest()}
        try:
            await self._tell("audit.exported", auditor, said, person)
        except BaseException:
            part.unlink()  # one system call
            raise
        part.rename(file)  # one system call
        return number

    def _lines(self, found: list[StoredEntry]) -> Iterator[bytes]:
        for one in found:
            row = {
                "origin": one.origin,
                "index": one.index,
                "entry": base64.b64encode(one.entry).decode(),
                "tlog_proof": self._log.proof(one).text,
            }
            yield msgspec.json.encode(row) + b"\n"

    async def _find(self, wanted: Search, person: str) -> list[StoredEntry]:
        return await asyncio.to_thread(self._found, wanted, person)

    def _found(self, wanted: Search, person: str) -> list[StoredEntry]:
        """On a thread: the index is brought up to date first, under the log's lock, a little at a time."""
        full = search.CHUNK
        while full == search.CHUNK:
            with db.write(self._engine) as connection:
                full = search.catch_up(connection)
        with db.read(self._engine) as connection:
            places = search.find(connection, self._seal_key, wanted, person)
        return self._log.reader.entries(places)

    async def _tell(self, kind: str, auditor: Auditor, said: dict[str, Any], person: str = "") -> None:
        if not auditor.id or len(auditor.reason.strip()) < 8:
            raise AuditFault("Say who looks and why, in a few words: it is written into the log.")
        groups: dict[str, dict[str, Any]] = {"actor": {"id": auditor.id}}
        if person:
            groups["subject"] = {"person": person}
        groups["request"] = {"reason": auditor.reason} | {
            name: msgspec.to_builtins(value) for name, value in said.items()
        }
        await self._log.append(
            Entry(
                id=str(uuid_utils.uuid7()),
                type=kind,
                at_ms=time.time_ns() // 1_000_000,
                org="",
                svc="audit",
                purpose="",
                decision="",
                policy="",
                subjects=1 if person else 0,
                groups=groups,
                subject_key=person,
            )
        )


def _begun(file: Path) -> tuple[Path, BinaryIO]:
    """The file under another name, opened for writing. Raises AuditFault."""
    if file.exists():
        raise AuditFault(f"{file} is there already; exports are never overwritten")
    part = file.with_name(file.name + ".part")
    return part, os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


@asynccontextmanager
async def review(settings: Settings) -> AsyncIterator[Review]:
    """The log of the gateway of `settings`, from outside a running one."""
    keys = keyring.load(settings.keys)
    engine = db.connect(settings.url)
    log = Log(engine, keys, settings.log_origin, deadline_ms=settings.log_commit_deadline_ms)
    try:
        await log.start()
        yield Review(engine, log, SealKey(keys.seal, keys.wrap.read))
    finally:
        await log.close()
        engine.dispose()
