# SPDX-License-Identifier: Apache-2.0
"""What an operator does for citizens from outside a running gateway: the same parts, over the same database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec.structs import replace

from consent.authority import Matter
from consent.deciding import NotAllowed
from consent.words import ENGLISH, PERMITTING, Kind
from gateway import db, keyring
from gateway.audit.log import Log
from gateway.consents import recording
from gateway.consents.authority import not_yours
from gateway.consents.desk import Desk, join
from gateway.consents.heard import Heard, require, written
from gateway.consents.revoking import Revoking
from gateway.consents.terms import provision
from gateway.errors import NotFound
from gateway.identity.people import People
from gateway.identity.sealing import person_keys
from gateway.keyring import Keyring
from gateway.model import Identifier
from gateway.policy.law import in_force
from gateway.settings import Settings


class Counter:
    """The operator's desk. `desk` is for what needs no more than its parts."""

    def __init__(self, desk: Desk, log: Log, keys: Keyring) -> None:
        self.desk = desk
        self.revoking = Revoking(desk.engine, log)
        self._log = log
        self._keys = keys

    def person(self, citizen: Identifier) -> str:
        """The opaque id of a citizen. Raises NotFound."""
        return recording.found(self.desk.engine, self._keys, citizen)

    async def record(
        self, kind: Kind, citizen: Identifier, agreement: str, categories: Sequence[str], heard: Heard, *,
        days: int, language: str = ENGLISH,
    ) -> int:  # fmt: skip
        """Record what a citizen decided; gives its place in their chain. Raises NotFound, Malformed,
        Invalid, DecisionNotYours and as `recording.record`."""
        law = self.desk.law()
        terms = law.agreements.get(agreement)
        if terms is None:
            raise NotFound("There is no agreement of that id.")
        require(heard)
        provision(law, terms, [(code, ()) for code in categories])
        person = self.person(citizen)
        now = int(time.time())
        lifetime_s = days * recording.DAY_S
        decided = recording.event(
            kind,
            person,
            law,
            terms,
            categories,
            actor=heard.staff,
            channel=heard.channel,
            now=now,
            lifetime_s=lifetime_s,
            language=language,
        )
        decided = written(decided, heard)
        with db.read(self.desk.engine) as connection:
            may = self.desk.authorities.may_decide(
                connection, person, person, kind, decided.organisation, Matter(decided.purpose, tuple(categories))
            )
        if isinstance(may, NotAllowed):
            raise not_yours(may)
        if kind in PERMITTING and may.overrides:
            decided = replace(decided, predecessor=may.overrides[0])
        read = recording.words(law, terms, categories, language) if kind in PERMITTING else None
        also = recording.kept(read) if read else None
        return await recording.record(self.desk.engine, self._log, decided, also)


@asynccontextmanager
async def counter(settings: Settings) -> AsyncIterator[Counter]:
    """A counter over the gateway of `settings`, open while the block runs. Raises AuditUnavailable."""
    keys = keyring.load(settings.keys)
    async with AsyncExitStack() as stack:
        engine = db.connect(settings.url)
        stack.callback(engine.dispose)
        vocabulary = in_force(engine, settings.policy_keys).vocabulary
        changes = db.watch(settings.url)
        stack.push_async_callback(changes.close)
        log = Log(engine, keys, settings.log_origin, deadline_ms=settings.log_commit_deadline_ms)
        stack.push_async_callback(log.close)
        await log.start()
        people = People(engine, person_keys(keys), changes)
        stack.callback(people.close)
        yield Counter(join(settings, engine, log, people, person_keys(keys), lambda: vocabulary), log, keys)
