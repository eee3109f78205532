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
from gateway import db
from gateway.cli.shared import ASKED_FOR, Data, out
from gateway.consents import recording, revisions
from gateway.demo import progress
from gateway.identity.identifiers import NHS_NUMBER, normalise
from gateway.settings import load

group = typer.Typer(no_args_is_help=True, help="Record what a citizen decided, for staff who assist.")


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
    identifier: Annotated[str, typer.Option(prompt="Identifier of the citizen", help=ASKED_FOR)] = "",
    identifier_system: Annotated[str, typer.Option(help="URI of the identifier's system.")] = NHS_NUMBER,
    staff: Annotated[str, typer.Option(help="Opaque id of the member of staff who assists.")] = "staff",
    channel: Annotated[Channel, typer.Option(help="How the citizen said it.")] = Channel.IN_PERSON,
    days: Annotated[int, typer.Option(help="How long a consent holds.", min=1, max=3650)] = 180,
) -> None:
    """Record what a citizen decided. A withdrawal holds from the next release on every node."""
    citizen = normalise(identifier_system, identifier)
    seq = asyncio.run(
        recording.assist(
            load(data), Kind(kind), citizen, agreement, category, actor=staff, channel=channel, days=days
        )
    )
    out.print(f"Recorded as decision {seq} of this citizen, and logged.")


@group.command("history")
def consent_history(
    data: Data,
    identifier: Annotated[str, typer.Option(prompt="Identifier of the citizen", help=ASKED_FOR)] = "",
    identifier_system: Annotated[str, typer.Option(help="URI of the identifier's system.")] = NHS_NUMBER,
) -> None:
    """Print what a citizen decided, oldest first, and whether the chain of events holds."""
    for line in recording.told(load(data), normalise(identifier_system, identifier)):
        out.print(line, highlight=False, markup=False)


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
            found = rebuilding.rebuild_all(lambda: db.write(engine), lambda some: bar.advance(task, some))
    finally:
        engine.dispose()
    out.print(f"{found.people} people, {found.events} events; the records of {found.changed} were put right.")
    for person, broken in found.broken:
        out.print(f"Broken: {person} at event {broken.seq}: {broken.reason}.", highlight=False, markup=False)
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
                out.print(f"{sign} {' · '.join(vector)}", highlight=False, markup=False)
        return
    with progress(out) as bar:
        task = bar.add_task("People", total=None)
        done = asyncio.run(
            revisions.put_in_force(settings, agreement, officer, lambda some: bar.advance(task, some), policies)
        )
    out.print(
        f"{done.verdict.title()}: {done.asked} consents suspended and asked again, {done.carried} carried over."
    )
