# SPDX-License-Identifier: Apache-2.0
"""`commons audit search`, `open` and `export`: an auditor at work, each time with a reason and on the record."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from gateway import db, keyring
from gateway.audit import events
from gateway.audit.log import StoredEntry
from gateway.audit.search import Search
from gateway.auditing import Auditor, review
from gateway.cli.audit import group
from gateway.cli.shared import Data, out
from gateway.consents.recording import found
from gateway.identity.identifiers import NHS_NUMBER, normalise
from gateway.settings import load

Who = Annotated[str, typer.Option("--auditor", help="Opaque id of the auditor.")]
Why = Annotated[str, typer.Option("--reason", help="Why: a case, a complaint, a sample. It is logged.")]
Day = Annotated[datetime.datetime | None, typer.Option(formats=["%Y-%m-%d"])]
About = Annotated[bool, typer.Option("--citizen", help="Only entries about one citizen; asks for the identifier.")]
System = Annotated[str, typer.Option(help="URI of the identifier's system.")]
Type = Annotated[str, typer.Option("--type", help="Type of entry, e.g. access.disclosed.")]
Organisation = Annotated[str, typer.Option(help="Who asked.")]
Purpose = Annotated[str, typer.Option(help="What for.")]
Decision = Annotated[str, typer.Option(help="permit, deny or break_glass.")]


@group.command("search")
def search(
    data: Data,
    auditor: Who,
    reason: Why,
    type_: Type = "",
    organisation: Organisation = "",
    purpose: Purpose = "",
    decision: Decision = "",
    since: Day = None,
    until: Day = None,
    citizen: About = False,
    identifier_system: System = NHS_NUMBER,
    after: Annotated[int, typer.Option(help="Go on behind this place.")] = -1,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """Print the entries that fit, oldest first. The search is an entry itself; one about a citizen is shown to
    them."""
    days = _ms(since), _ms(until)
    wanted = Search(_known(type_), organisation, "", purpose, decision, *days, after=after, limit=limit)
    person = _asked(data, identifier_system) if citizen else ""

    async def look() -> list[StoredEntry]:
        async with review(load(data)) as reviewing:
            return await reviewing.search(Auditor(auditor, reason), wanted, person)

    entries = asyncio.run(look())
    if not entries:
        out.print("No entry fits.")
        return
    rows = [("place", "id", "time (UTC)", "type", "organisation", "purpose"), *map(_row, entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:  # whole lines however narrow the screen: ids and names are for copying
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    if len(entries) == limit:
        out.print(f"There may be more: --after {entries[-1].place}", highlight=False)


@group.command("open")
def open_(
    data: Data, entry: Annotated[str, typer.Argument(help="Id of the entry.")], auditor: Who, reason: Why
) -> None:
    """Print what one entry committed to, as JSON, as far as it was not erased. That it was opened is an entry."""

    async def look() -> dict[str, Any]:
        async with review(load(data)) as reviewing:
            return await reviewing.open(Auditor(auditor, reason), entry)

    print(msgspec.json.format(msgspec.json.encode(asyncio.run(look()))).decode())


@group.command("export")
def export(
    data: Data,
    file: Annotated[Path, typer.Argument(help="New file: a JSON object with its inclusion proof a line.")],
    auditor: Who,
    reason: Why,
    type_: Type = "",
    organisation: Organisation = "",
    purpose: Purpose = "",
    decision: Decision = "",
    since: Day = None,
    until: Day = None,
    citizen: About = False,
    identifier_system: System = NHS_NUMBER,
) -> None:
    """Write the entries that fit into a file, each with its proof. That, and the file's digest, is an entry."""
    wanted = Search(_known(type_), organisation, "", purpose, decision, _ms(since), _ms(until))
    person = _asked(data, identifier_system) if citizen else ""

    async def take() -> int:
        async with review(load(data)) as reviewing:
            return await reviewing.export(Auditor(auditor, reason), wanted, file, person)

    number = asyncio.run(take())
    out.print("1 entry." if number == 1 else f"{number} entries.")


def _known(type_: str) -> str:
    if type_ and type_ not in events.NAMES:
        raise typer.BadParameter(f"none of {', '.join(sorted(events.NAMES))}", param_hint="--type")
    return type_


def _row(one: StoredEntry) -> tuple[str, ...]:
    at = datetime.datetime.fromtimestamp(one.at_ms / 1000, datetime.UTC)
    return str(one.place), one.id, f"{at:%Y-%m-%d %H:%M:%S}", one.type, one.org, one.purpose


def _ms(day: datetime.datetime | None) -> int:
    return int(day.replace(tzinfo=datetime.UTC).timestamp() * 1000) if day else 0


def _asked(data: Path, system: str) -> str:
    """The opaque id of the citizen whose identifier is typed: a command line is seen by others on the machine."""
    identifier = normalise(system, typer.prompt("Identifier of the citizen"))
    settings = load(data)
    engine = db.connect(settings.url)
    try:
        return found(engine, keyring.load(settings.keys), identifier)
    finally:
        engine.dispose()
