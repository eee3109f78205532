# SPDX-License-Identifier: Apache-2.0
"""What officers do from outside a running gateway: circumstances of a citizen, and the review of overrides.

A change is written and then logged; a restriction counts from the next query on every node. What an officer enters
about a citizen is sealed beside its entry, and the officer's opaque id stands in the group about staff.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import uuid_utils
from msgspec import Struct
from sqlalchemy import Connection, Engine, func, select, update

from gateway import db, keyring
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.errors import Malformed, NotFound
from gateway.identity import circumstances, relationships, restrictions
from gateway.identity.sealing import PersonKeys, person_keys
from gateway.identity.tables import override, person_identifier
from gateway.model import Identifier
from gateway.settings import Settings

LONGEST_DEFERRAL_S = 30 * 86_400
OUTCOMES = ("justified", "not-justified")

T = TypeVar("T")


class Queued(Struct, frozen=True):
    """One override as the data protection officer's queue shows it. Times in epoch seconds; `reviewed_at` 0: not
    yet. `by_user`: how many this user has opened in all. `deferred`: the citizen is told from `notice_at` on."""

    id: str
    organisation: str
    system: str
    reason_code: str
    categories: tuple[str, ...]
    opened_at: int
    review_by: int
    reviewed_at: int
    outcome: str
    notice_at: int
    deferred: bool
    by_user: int

    def overdue(self, now: int) -> bool:
        """Whether its review should have been."""
        return not self.reviewed_at and now >= self.review_by


@dataclass(frozen=True, slots=True)
class Office:
    """A gateway's register and log, as an officer reaches them."""

    engine: Engine
    keys: PersonKeys
    log: Log

    def person(self, citizen: Identifier) -> str:
        """The opaque id of a citizen. Raises NotFound."""
        wanted = person_identifier.c.blind_index == self.keys.blind_index(citizen)
        with db.read(self.engine) as connection:
            found = connection.execute(
                select(person_identifier.c.person).where(wanted, person_identifier.c.identifying)
            ).scalar()
        if found is None:
            raise NotFound("Nobody here has that identifier.")
        return str(found)

    async def note(self, person: str, *, born: str | None, deceased: bool, officer: str) -> None:
        """Record a month of birth (`YYYY-MM`) and whether the person has died. Raises RegistryFault."""
        now = int(time.time())
        await self._written(
            lambda c: circumstances.note(c, self.keys, person, born=born, deceased=deceased, now=now)
        )
        said = {"deceased": deceased, "born": born or "not changed"}
        await self._log("person.noted", person, officer, said)

    async def restrict(
        self, person: str, kind: str, *, viewer: str, categories: Sequence[str], until: int, reference: str,
        officer: str,
    ) -> str:  # fmt: skip
        """Enter a restriction and give its id. Raises RegistryFault."""
        id_ = await self._written(
            lambda c: restrictions.restrict(
                c, self.keys, person, kind, viewer=viewer, categories=categories, until=until, reference=reference,
                officer=officer, now=int(time.time()),
            )
        )  # fmt: skip
        said = {
            "restriction": id_,
            "kind": kind,
            "viewer": viewer,
            "categories": sorted(categories),
            "until": until,
        }
        await self._log("person.restricted", person, officer, said | {"reference": reference})
        return id_

    async def lift(self, restriction: str, *, officer: str) -> None:
        """Lift a restriction. Raises RegistryFault."""
        person = await self._written(
            lambda c: restrictions.lift(c, restriction, officer=officer, now=int(time.time()))
        )
        await self._log("person.unrestricted", person, officer, {"restriction": restriction})

    async def relate(self, person: str, organisation: str, kind: str, *, until: int, officer: str) -> str:
        """Record a relationship and give its id. Raises RegistryFault."""
        id_ = await self._written(
            lambda c: relationships.relate(
                c, person, organisation, kind, until=until, officer=officer, now=int(time.time())
            )
        )
        said = {"relationship": id_, "organisation": organisation, "kind": kind, "until": until}
        await self._log("person.related", person, officer, said)
        return id_

    async def end(self, relationship: str, *, officer: str) -> None:
        """Record that a relationship is over. Raises RegistryFault."""
        person = await self._written(
            lambda c: relationships.end(c, relationship, officer=officer, now=int(time.time()))
        )
        await self._log("person.unrelated", person, officer, {"relationship": relationship})

    # -- overrides -------------------------------------------------------------------------------------------

    def queue(self, *, every: bool = False) -> list[Queued]:
        """Overrides that wait for their review, the longest waiting first; or all."""
        table = override.c
        counts = (
            select(table.user_digest, func.count().label("opened")).group_by(table.user_digest).subquery("counts")
        )
        query = (
            select(override, counts.c.opened)
            .join(counts, counts.c.user_digest == table.user_digest)
            .order_by(table.opened_at, table.id)
        )
        with db.read(self.engine) as connection:
            rows = connection.execute(query if every else query.where(table.reviewed_at == 0)).all()
        return [
            Queued(
                row.id, row.organisation, row.system, row.reason_code, tuple(row.categories.split()), row.opened_at,
                row.review_by, row.reviewed_at, row.outcome, row.notice_at, bool(row.deferred_by), row.opened,
            )
            for row in rows
        ]  # fmt: skip

    async def review(self, id_: str, outcome: str, said: str, *, officer: str) -> None:
        """Say whether an override was justified, once. Raises Malformed, NotFound."""
        if outcome not in OUTCOMES or not said.strip():
            raise Malformed(f"A review is one of {', '.join(OUTCOMES)}, with the reason in words.")
        row = await asyncio.to_thread(self._open_row, id_)
        await self._log(
            "override.reviewed", row.person, officer, {"override": row.id, "outcome": outcome, "text": said},
            organisation=row.organisation,
        )  # fmt: skip
        change = {"reviewed_at": int(time.time()), "outcome": outcome}
        await self._written(lambda c: c.execute(update(override).where(override.c.id == row.id).values(**change)))

    async def defer(self, id_: str, until: int, reason: str, *, officer: str, second: str) -> None:
        """Tell the citizen from `until` (epoch seconds) on only; two officers put their names to it. Raises
        Malformed, NotFound."""
        row = await asyncio.to_thread(self._open_row, id_)
        if not officer.strip() or not second.strip() or officer.strip() == second.strip():
            raise Malformed("Two different officers put off the day on which a citizen is told.")
        if not time.time() < until <= row.opened_at + LONGEST_DEFERRAL_S or not reason.strip():
            raise Malformed("It is put off with a reason, to a day within 30 days of the override.")
        await self._log(
            "override.deferred", row.person, officer,
            {"override": row.id, "until": until, "second": second, "text": reason}, organisation=row.organisation,
        )  # fmt: skip
        change = {"notice_at": until, "deferred_by": f"{officer} {second}"}
        await self._written(lambda c: c.execute(update(override).where(override.c.id == row.id).values(**change)))

    def _open_row(self, id_: str) -> Any:
        with db.read(self.engine) as connection:
            wanted = select(override).where(override.c.id == id_.removeprefix("ov_"), override.c.reviewed_at == 0)
            row = connection.execute(wanted).one_or_none()
        if row is None:
            raise NotFound("No override of that id waits for its review.")
        return row

    async def _written(self, change: Callable[[Connection], T]) -> T:
        def write() -> T:
            with db.write(self.engine) as connection:
                return change(connection)

        return await asyncio.to_thread(write)

    async def _log(
        self, kind: str, person: str, officer: str, said: dict[str, Any], *, organisation: str = ""
    ) -> None:
        await self.log.append(
            Entry(
                id=str(uuid_utils.uuid7()),
                type=kind,
                at_ms=time.time_ns() // 1_000_000,
                org=organisation,
                svc="officers",
                purpose="",
                decision="",
                policy="",
                subjects=1,
                groups={"actor": {"id": officer}, "subject": {"person": person}, "request": said},
                subject_key=person,
            )
        )


@contextlib.asynccontextmanager
async def office(settings: Settings) -> AsyncIterator[Office]:
    """The office of one gateway, beside the gateway that runs."""
    keys = keyring.load(settings.keys)
    engine = db.connect(settings.url)
    log = Log(engine, keys, settings.log_origin, deadline_ms=settings.log_commit_deadline_ms)
    try:
        await log.start()
        yield Office(engine, person_keys(keys), log)
    finally:
        await log.close()
        engine.dispose()
