# SPDX-License-Identifier: Apache-2.0
"""Somebody other than the citizen ends a consent: its controller, a regulator or a court revokes it from now on; or
it is found never to have been valid, and is taken for not given from the beginning.

Recipients are told as at a withdrawal (`propagation`), the citizen sees who did it and why, and both have receipts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import uuid_utils
from sqlalchemy import Engine

from consent import ledger
from consent.model import Event, Provision, Recorded
from consent.reasons import REASONS
from consent.words import PERMITTING, Channel, Kind
from gateway import db
from gateway.audit.log import Log
from gateway.consents.recording import Also, entry
from gateway.errors import FieldFault, Invalid, NotFound

ENDINGS = (Kind.REVOKED, Kind.INVALIDATED)


class Revoking:
    """Ends consents over one ledger. `told` is called for each in its transaction; where it is not given the
    running gateway tells recipients when it next looks (`Propagation.catch_up`)."""

    def __init__(
        self, engine: Engine, log: Log, *, told: Also | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._log = log
        self._told = told
        self._clock = clock

    async def end(self, kind: Kind, id: str, reason: str, *, actor: str, evidence: str = "") -> tuple[Event, int]:
        """End the consent that the event `id` gave, as one of ENDINGS; gives the event and its place in the
        citizen's chain. `reason`: a code of consent/reasons.py for that kind; `actor`: opaque id of the officer;
        `evidence`: SHA-256 (hexadecimal) of the order or the finding. Raises NotFound, Invalid and
        consent.errors.EventRefused, where there is nothing to end."""
        if reason not in REASONS[kind]:
            raise Invalid(errors=[FieldFault("/reason", "unknown-code", ", ".join(REASONS[kind]))])
        event, recorded = await asyncio.to_thread(self._end, kind, id, reason, actor, evidence)
        await self._log.append(entry(event, recorded.hash))
        return event, recorded.seq

    def _end(self, kind: Kind, id: str, reason: str, actor: str, evidence: str) -> tuple[Event, Recorded]:
        with db.write(self._engine) as connection:
            given = ledger.find(connection, id)
            if given is None or given.kind not in PERMITTING:
                raise NotFound("There is no consent of that id.")
            about = given.provision
            event = Event(
                id=str(uuid_utils.uuid7()),
                kind=kind,
                person=given.person,
                organisation=given.organisation,
                purpose=given.purpose,
                agreement=given.agreement,
                provision=Provision(categories=about.categories, fields=about.fields, sources=about.sources),
                at=int(self._clock()),
                actor=actor,
                channel=Channel.WEB,
                target=given.id,
                reason=reason,
                evidence=evidence,
            )
            recorded = ledger.record(connection, event)
            if self._told is not None:
                self._told(connection, event, recorded)
            return event, recorded
