# SPDX-License-Identifier: Apache-2.0
"""`commons consent`: what staff record for a citizen they assist."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from consent import rebuilding
from consent.model import Channel, Kind
from consent.reasons import REASONS
from consent.words import ENGLISH, NATIONAL_DATA_OPT_OUT
from gateway import db
from gateway.cli.shared import ASKED_FOR, Data, out
from gateway.consents import exchange, recording, revisions
from gateway.consents.answering import Reply
from gateway.consents.counter import counter
from gateway.consents.heard import Heard
from gateway.consents.wordings import choose
from gateway.demo import progress
from gateway.errors import NotFound
from gateway.identity.identifiers import NHS_NUMBER, normalise
from gateway.settings import load

group = typer.Typer(no_args_is_help=True, help="Record what a citizen decided, for staff who assist.")

Of = Annotated[str, typer.Option(prompt="Identifier of the citizen", help=ASKED_FOR)]
System = Annotated[str, typer.Option(help="URI of the identifier's system.")]
Staff = Annotated[str, typer.Option(help="Opaque id of the member of staff who assists.")]
Read = Annotated[str, typer.Option(help="Words that were read: en, cy (Welsh) or en-simple (Easy Read).")]
How = Annotated[Channel, typer.Option(help="How the citizen said it.")]
ReadBack = Annotated[bool, typer.Option("--read-back", help="You read it back and heard a yes.")]
Proof = Annotated[str, typer.Option(help="SHA-256 of the paper or the recording.")]


class Decided(StrEnum):
    """What a citizen can tell staff at the counter or on the telephone."""

    GIVEN = Kind.GIVEN.value
    REFUSED = Kind.REFUSED.value
    WITHDRAWN = Kind.WITHDRAWN.value
    RENEWED = Kind.RENEWED.value


@group.command("record")
def consent_record(
    kind: Annotated[Decided, typer.Argument(help="What the citizen decided.")],
    agreement: Annotated[str, typer.Argument(help="Under which agreement, e.g. dsa-2026-014.")],
    category: Annotated[list[str], typer.Argument(help="About which categories.")],
    data: Data,
    identifier: Of = "",
    identifier_system: System = NHS_NUMBER,
    staff: Staff = "staff",
    channel: How = Channel.IN_PERSON,
    days: Annotated[int, typer.Option(help="How long a consent holds.", min=1, max=3650)] = 180,
    language: Read = ENGLISH,
    read_back: ReadBack = False,
    evidence: Proof = "",
) -> None:
    """Record what a citizen decided. A withdrawal holds from the next release on every node."""
    citizen = normalise(identifier_system, identifier)
    heard = Heard(staff=staff, channel=channel, read_back=read_back, evidence=evidence)

    async def work() -> int:
        async with counter(load(data)) as at:
            return await at.record(Kind(kind), citizen, agreement, category, heard, days=days, language=language)

    out.print(f"Recorded as decision {asyncio.run(work())} of this citizen, and logged.")


@group.command("object")
def consent_object(
    agreement: Annotated[str, typer.Argument(help="Under which agreement.")],
    organisation: Annotated[str, typer.Argument(help="To which recipient, e.g. uk/nhs/XZZ01.")],
    data: Data,
    category: Annotated[list[str] | None, typer.Argument(help="To which categories; none: to all.")] = None,
    identifier: Of = "",
    identifier_system: System = NHS_NUMBER,
    staff: Staff = "staff",
    channel: How = Channel.IN_PERSON,
    read_back: ReadBack = False,
    evidence: Proof = "",
) -> None:
    """Record an objection to what does not rest on consent (UK GDPR Article 21); prints its id."""
    heard = Heard(staff=staff, channel=channel, read_back=read_back, evidence=evidence)

    async def work() -> str:
        async with counter(load(data)) as at:
            person = at.person(normalise(identifier_system, identifier))
            event, _ = await at.desk.objecting.object(
                person, agreement, organisation, tuple(category or ()), heard=heard
            )
            return event.id

    out.print(f"ob_{asyncio.run(work())}", highlight=False)


@group.command("take-back")
def consent_take_back(
    objection: str,
    data: Data,
    identifier: Of = "",
    identifier_system: System = NHS_NUMBER,
    staff: Staff = "staff",
    channel: How = Channel.IN_PERSON,
    read_back: ReadBack = False,
    evidence: Proof = "",
) -> None:
    """Record that a citizen takes an objection back."""
    heard = Heard(staff=staff, channel=channel, read_back=read_back, evidence=evidence)

    async def work() -> None:
        async with counter(load(data)) as at:
            person = at.person(normalise(identifier_system, identifier))
            await at.desk.objecting.take_back(person, objection.removeprefix("ob_"), heard=heard)

    asyncio.run(work())
    out.print("Taken back, and logged.")


@group.command("opt-out")
def consent_opt_out(
    data: Data,
    code: Annotated[str, typer.Argument(help="Out of what.")] = NATIONAL_DATA_OPT_OUT,
    back_in: Annotated[bool, typer.Option("--back-in", help="End the opt-out.")] = False,
    identifier: Of = "",
    identifier_system: System = NHS_NUMBER,
    staff: Staff = "staff",
    channel: How = Channel.IN_PERSON,
    read_back: ReadBack = False,
    evidence: Proof = "",
) -> None:
    """Record that a citizen opts out of something for all organisations, or back in."""
    heard = Heard(staff=staff, channel=channel, read_back=read_back, evidence=evidence)

    async def work() -> int:
        async with counter(load(data)) as at:
            person = at.person(normalise(identifier_system, identifier))
            return (await at.desk.objecting.opt(person, code, out=not back_in, heard=heard))[1]

    out.print(f"Recorded as decision {asyncio.run(work())} of this citizen, and logged.")


@group.command("requests")
def consent_requests(data: Data, identifier: Of = "", identifier_system: System = NHS_NUMBER) -> None:
    """Print what a citizen is being asked, oldest first."""

    async def work() -> list[str]:
        async with counter(load(data)) as at:
            found = at.desk.answering.inbox(at.person(normalise(identifier_system, identifier)))
            return [
                f"cr_{one.id}  {one.organisation}  {one.service}  {', '.join(one.asked.provision.categories)}"
                for one in found
            ]

    for line in asyncio.run(work()):
        out.print(line, highlight=False, markup=False, soft_wrap=True)


@group.command("answer")
def consent_answer(
    request: str,
    data: Data,
    yes: Annotated[bool, typer.Option("--yes/--no", help="What the citizen said.", prompt="Yes?")] = False,
    language: Read = ENGLISH,
    identifier: Of = "",
    identifier_system: System = NHS_NUMBER,
    staff: Staff = "staff",
    channel: How = Channel.IN_PERSON,
    read_back: ReadBack = False,
    evidence: Proof = "",
) -> None:
    """Record the answer to a request, to all that was asked. Read the words out first: they are printed."""
    heard = Heard(staff=staff, channel=channel, read_back=read_back, evidence=evidence)

    async def work() -> int:
        async with counter(load(data)) as at:
            person = at.person(normalise(identifier_system, identifier))
            made = next((one for one in at.desk.answering.inbox(person) if f"cr_{one.id}" == request), None)
            if made is None:
                raise NotFound("The citizen is not being asked that.")
            words = choose(at.desk.answering.words(made), language)
            out.print(words.text, highlight=False, markup=False, soft_wrap=True)
            reply = Reply(yes, notice_hash=words.hash)
            return (await at.desk.answering.answer(person, made.id, reply, heard=heard))[1]

    out.print(f"Recorded as decision {asyncio.run(work())} of this citizen, and logged.")


@group.command("history")
def consent_history(
    data: Data,
    identifier: Of = "",
    identifier_system: System = NHS_NUMBER,
) -> None:
    """Print what a citizen decided, oldest first, and whether the chain of events holds."""
    for line in recording.told(load(data), normalise(identifier_system, identifier)):
        out.print(line, highlight=False, markup=False, soft_wrap=True)


@group.command("revoke")
def consent_revoke(
    consent: Annotated[str, typer.Argument(help="Id of the consent, as `history` prints it.")],
    reason: Annotated[str, typer.Argument(help=f"One of: {', '.join(REASONS[Kind.REVOKED])}.")],
    data: Data,
    staff: Staff,
    evidence: Annotated[str, typer.Option(help="SHA-256 of the order or the decision.")] = "",
) -> None:
    """End a consent in the place of the citizen, for its controller, a regulator or a court: from the next release
    on every node. Recipients are told, and the citizen sees why."""
    _end(Kind.REVOKED, consent, reason, data, staff, evidence)


@group.command("invalidate")
def consent_invalidate(
    consent: Annotated[str, typer.Argument(help="Id of the consent, as `history` prints it.")],
    reason: Annotated[str, typer.Argument(help=f"One of: {', '.join(REASONS[Kind.INVALIDATED])}.")],
    data: Data,
    staff: Staff,
    evidence: Annotated[str, typer.Option(help="SHA-256 of the finding.")] = "",
) -> None:
    """Record that a consent was never valid: it counts as not given from the beginning. Recipients are told, and
    the citizen sees why."""
    _end(Kind.INVALIDATED, consent, reason, data, staff, evidence)


def _end(kind: Kind, consent: str, reason: str, data: Path, staff: str, evidence: str) -> None:
    async def work() -> int:
        async with counter(load(data)) as at:
            return (await at.revoking.end(kind, consent, reason, actor=staff, evidence=evidence))[1]

    out.print(f"Recorded as decision {asyncio.run(work())} of this citizen, and logged.")


@group.command("rebuild")
def consent_rebuild(data: Data) -> None:
    """Check everybody's chain of events and make their records again from it; says of how many they were wrong.
    Gateways may go on running on PostgreSQL; on SQLite restart them if any were."""
    engine = db.connect(load(data).url)
    try:
        with db.read(engine) as connection:
            total = rebuilding.count(connection)
        with progress(out) as bar:
            task = bar.add_task("People", total=total)
            at_once = 2 if engine.dialect.name == "postgresql" else 1
            found = rebuilding.rebuild_all(
                lambda: db.write(engine), lambda some: bar.advance(task, some), at_once=at_once
            )
    finally:
        engine.dispose()
    out.print(f"{found.people} people, {found.events} events; the records of {found.changed} were put right.")
    for person, broken in found.broken:
        out.print(
            f"Broken: {person} at event {broken.seq}: {broken.reason}.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    if found.broken:
        raise typer.Exit(1)


@group.command("revise")
def consent_revise(
    agreement: Annotated[str, typer.Argument(help="Which agreement, e.g. dsa-2026-014.")],
    data: Data,
    officer: Annotated[str, typer.Option(help="Opaque id of whoever puts the revision in force.")],
    policies: Annotated[Path | None, typer.Option(help="Policies folder that holds the revision.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would mean, and record nothing.")
    ] = False,
) -> None:
    """Put the revision of an agreement into force for consent, before the law that holds it is activated: whoever
    consented to something of which more would now flow is suspended there and asked again, everybody else's consent
    is carried over. Done again, it goes on where it stopped."""
    settings = load(data)
    if dry_run:
        change = revisions.foreseen(settings, agreement, policies)
        out.print(f"{change.verdict.title()}.", highlight=False)
        for sign, vectors in (("+", change.wider), ("-", change.narrower)):
            for vector in vectors:
                out.print(f"{sign} {' · '.join(vector)}", highlight=False, markup=False, soft_wrap=True)
        return
    with progress(out) as bar:
        task = bar.add_task("People", total=None)
        done = asyncio.run(
            revisions.put_in_force(settings, agreement, officer, lambda some: bar.advance(task, some), policies)
        )
    out.print(
        f"{done.verdict.title()}: {done.asked} consents suspended and asked again, {done.carried} carried over."
    )


class Form(StrEnum):
    """In whose shapes records are exchanged."""

    FHIR = "fhir"
    GOVSTACK = "govstack"


@group.command("export")
def consent_export(
    data: Data,
    form: Annotated[Form, typer.Option(help="FHIR R4 Consent, or GovStack ConsentRecord.")] = Form.FHIR,
    identifier: Annotated[str, typer.Option(prompt="Identifier of the citizen", help=ASKED_FOR)] = "",
    identifier_system: Annotated[str, typer.Option(help="URI of the identifier's system.")] = NHS_NUMBER,
) -> None:
    """Print a citizen's consent records as JSON: a FHIR Bundle, or a list of GovStack records."""
    print(exchange.exported(load(data), normalise(identifier_system, identifier), form.value))


@group.command("import")
def consent_import(
    file: Annotated[Path, typer.Argument(help="What `export` printed, here or elsewhere.", exists=True)],
    data: Data,
    form: Annotated[Form, typer.Option(help="FHIR R4 Consent, or GovStack ConsentRecord.")] = Form.FHIR,
    staff: Annotated[str, typer.Option(help="Opaque id of the member of staff who imports.")] = "staff",
    identifier: Annotated[str, typer.Option(prompt="Identifier of the citizen", help=ASKED_FOR)] = "",
    identifier_system: Annotated[str, typer.Option(help="URI of the identifier's system.")] = NHS_NUMBER,
) -> None:
    """Record what another system holds of a citizen's consents in force and refusals. What has ended there is not
    taken over, nor what somebody else decided for them."""
    citizen = normalise(identifier_system, identifier)
    found = asyncio.run(exchange.imported(load(data), citizen, file.read_bytes(), form.value, staff))
    out.print(f"{found.recorded} decisions recorded, {found.known} were known.")
    for id_, why in found.left_out:
        out.print(f"Left out: {id_}: {why}", highlight=False, markup=False, soft_wrap=True)
    if found.left_out and not found.recorded + found.known:
        raise typer.Exit(1)
