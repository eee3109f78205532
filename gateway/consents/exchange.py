# SPDX-License-Identifier: Apache-2.0
"""A citizen's consent records handed to another system and taken over from one, in FHIR R4's or GovStack's shapes.

Taken over is only what is in force or refused there: it is recorded as a decision of its own, at its own time and
under its own id, so that a second time changes nothing. A consent is never taken over wider than it was: what was
taken out of it later is withdrawn here too, in the same transaction.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from consent import fhir, govstack, ledger, wellformed
from consent.errors import EventRefused, MalformedEvent
from consent.model import By, Event, Kind, Provision, Recorded, Scope
from consent.records import records
from consent.words import PERMITTING
from gateway import db, keyring
from gateway.audit.log import Log
from gateway.consents.recording import entry, found
from gateway.errors import Malformed
from gateway.identity.identifiers import IdentifierError, normalise
from gateway.model import Identifier
from gateway.policy.law import in_force
from gateway.policy.vocabulary import Agreement
from gateway.settings import Settings

_IDS = uuid.UUID("0b1f5c1e-3f0a-4b4e-8f57-93a1d0e6c7b4")
"""Namespace of the ids of withdrawals that come with a consent that was narrowed elsewhere."""


class Imported(Struct, frozen=True):
    """What became of records that were taken over: how many events were recorded, how many were there already, and
    what was left out (id, why)."""

    recorded: int
    known: int
    left_out: tuple[tuple[str, str], ...]


class _LeftOutError(Exception):
    """A record that is not taken over; the text says why."""


def exported(settings: Settings, citizen: Identifier, form: str) -> str:
    """A citizen's records as JSON text: a FHIR Bundle (`fhir`) or a list of GovStack records. The citizen is named
    by the identifier they were asked for by. Raises NotFound."""
    engine = db.connect(settings.url)
    try:
        person = found(engine, keyring.load(settings.keys), citizen)
        with db.read(engine) as connection:
            made = records(ledger.history(connection, person), int(time.time()))
    finally:
        engine.dispose()
    content: Any = (
        fhir.bundle(made, {"system": citizen.system, "value": citizen.value})
        if form == "fhir"
        else [govstack.consent_record(one, citizen.value) for one in made]
    )
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()


async def imported(settings: Settings, citizen: Identifier, text: bytes, form: str, staff: str) -> Imported:
    """Record what `text` holds of a citizen, from outside a running gateway. Raises Malformed (it is no JSON of
    that form), NotFound, and as the log."""
    engine, keys = db.connect(settings.url), keyring.load(settings.keys)
    log = Log(engine, keys, settings.log_origin, deadline_ms=settings.log_commit_deadline_ms)
    try:
        person = found(engine, keys, citizen)
        agreements = in_force(engine, settings.policy_keys).vocabulary.agreements
        await log.start()
        recorded = known = 0
        left_out: list[tuple[str, str]] = []
        for resource in _resources(text, form):
            try:
                _require_about(resource, form, citizen)
                wanted = list(_events(resource, form, person, agreements, staff))
                with db.write(engine) as connection:
                    there = ledger.known(connection, [event.id for event in wanted])
                    if any(event.person != person for event, _ in there.values()):
                        raise _LeftOutError("its id is that of a decision about somebody else here.")
                    events = [event for event in wanted if event.id not in there]
                    done = list(zip(events, ledger.record_all(connection, events), strict=True))
            except (EventRefused, _LeftOutError) as error:
                left_out.append((str(resource.get("id", "")), str(error)))
                continue
            await _log(log, done)
            recorded, known = recorded + len(done), known + len(there)
        return Imported(recorded, known, tuple(left_out))
    finally:
        await log.close()
        engine.dispose()


async def _log(log: Log, done: list[tuple[Event, Recorded]]) -> None:
    for event, where in done:
        await log.append(entry(event, where.hash))


def _resources(text: bytes, form: str) -> list[dict[str, Any]]:
    try:
        content = msgspec.json.decode(text)
        listed = [one["resource"] for one in content["entry"]] if form == "fhir" else list(content)
        return [dict(one) for one in listed]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise Malformed("This is not what such an export looks like.") from error


def _require_about(resource: Mapping[str, Any], form: str, citizen: Identifier) -> None:
    """That a record says it is about this citizen: by the same identifier. Raises _LeftOutError."""
    if form == "fhir":
        named = resource.get("patient") or {}
        said = named.get("identifier") if isinstance(named, dict) else None
        about = (said.get("system"), said.get("value")) if isinstance(said, dict) else ("", "")
    else:
        about = (citizen.system, resource.get("individual"))
    try:
        if normalise(str(about[0]), str(about[1])) == citizen:
            return
    except IdentifierError:
        pass
    raise _LeftOutError("it is not said to be about this citizen.")


def _events(
    resource: Mapping[str, Any], form: str, person: str, agreements: Mapping[str, Agreement], staff: str
) -> Iterator[Event]:
    """The decisions that one record stands for. Raises _LeftOutError and MalformedEvent."""
    made = fhir.event(resource, person) if form == "fhir" else govstack.event(resource, person)
    stands = resource.get("status") in ("active", "rejected") if form == "fhir" else _stands(resource)
    if not stands or made.kind not in (*PERMITTING, Kind.REFUSED):
        raise _LeftOutError("it is not in force there.")
    if made.by is not By.SELF or made.parties:
        raise _LeftOutError("somebody else decided, whose authority is not known here.")
    agreement = agreements.get(made.agreement)
    if agreement is None or made.organisation not in agreement.recipients or made.purpose not in agreement.purposes:
        raise _LeftOutError("there is no such agreement here.")
    kind = Kind.GIVEN if made.kind in PERMITTING else made.kind
    event = replace(made, kind=kind, actor=staff, request="", target="", predecessor="")
    wellformed.check(event)
    yield event
    for category, hole in fhir.exceptions(resource) if form == "fhir" else _holes(resource):
        yield _withdrawal(event, category, hole)


def _stands(resource: Mapping[str, Any]) -> bool:
    status = str(resource.get(govstack.REST, {}).get("status", ""))
    return status.endswith(("#ConsentGiven", "#RenewedConsentGiven", "#ConsentRefused"))


def _holes(resource: Mapping[str, Any]) -> list[tuple[str, Scope]]:
    try:
        return [(category, msgspec.convert(hole, Scope)) for category, hole in resource[govstack.REST]["except"]]
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedEvent from error


def _withdrawal(given: Event, category: str, hole: Scope) -> Event:
    """What takes a part out of a consent that is taken over narrowed."""
    named = f"{given.id} {category} {' '.join(hole.fields)} / {' '.join(hole.sources)}"
    return Event(
        id=str(uuid.uuid5(_IDS, named)),
        kind=Kind.WITHDRAWN,
        person=given.person,
        organisation=given.organisation,
        purpose=given.purpose,
        agreement=given.agreement,
        provision=Provision(
            categories=(category,),
            fields=tuple(f"{category}/{field}" for field in hole.fields),
            sources=hole.sources,
        ),
        at=given.at,
        actor=given.actor,
        channel=given.channel,
    )
