# SPDX-License-Identifier: Apache-2.0
"""`commons person` and `commons override`: what officers enter about a citizen, and their review of break-glass.

Identifiers and references are asked for, since a command line is seen by others on the machine.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from gateway.cli.shared import ASKED_FOR, Data, out
from gateway.identity.identifiers import NHS_NUMBER, normalise
from gateway.identity.restrictions import KINDS
from gateway.officers import OUTCOMES, Office, Queued, office
from gateway.settings import load

person = typer.Typer(no_args_is_help=True, help="Circumstances of citizens, for officers.")
override = typer.Typer(no_args_is_help=True, help="Review of break-glass, for the data protection officer.")

T = TypeVar("T")
Citizen = Annotated[str, typer.Option(prompt="Identifier of the citizen", help=ASKED_FOR)]
System = Annotated[str, typer.Option(help="URI of the identifier's system.")]
Officer = Annotated[str, typer.Option(help="Opaque id of the officer who does it, for the access log.")]
Day = Annotated[
    datetime.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day it no longer counts (UTC).")
]


@person.command("note")
def note(
    data: Data,
    officer: Officer,
    born: Annotated[str, typer.Option(help="Month of birth, YYYY-MM.")] = "",
    deceased: Annotated[bool, typer.Option(help="Whether the citizen has died.")] = False,
    identifier: Citizen = "",
    identifier_system: System = NHS_NUMBER,
) -> None:
    """Record a month of birth, or a death. The rules are told an age band, and no more."""

    async def work(here: Office) -> None:
        who = here.person(normalise(identifier_system, identifier))
        await here.note(who, born=born or None, deceased=deceased, officer=officer)

    _do(data, work)
    out.print("Recorded, and logged.")


@person.command("restrict")
def restrict(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.")],
    data: Data,
    officer: Officer,
    viewer: Annotated[str, typer.Option(help="The organisation it binds. Default: every one.")] = "",
    category: Annotated[list[str] | None, typer.Option(help="A category it is about. Default: all.")] = None,
    until: Day = None,
    identifier: Citizen = "",
    identifier_system: System = NHS_NUMBER,
    reference: Annotated[str, typer.Option(prompt="Reference of the order", help=ASKED_FOR)] = "",
) -> None:
    """Restrict a citizen's record. It counts from the next query on every node, and no override lifts it."""

    async def work(here: Office) -> str:
        who = here.person(normalise(identifier_system, identifier))
        return await here.restrict(
            who, kind, viewer=viewer, categories=category or (), until=_instant(until), reference=reference,
            officer=officer,
        )  # fmt: skip

    out.print(f"Restriction {_do(data, work)} stands.", highlight=False)


@person.command("lift")
def lift(restriction: str, data: Data, officer: Officer) -> None:
    """Lift a restriction; it stays in the books."""
    _do(data, lambda here: here.lift(restriction, officer=officer))
    out.print("Lifted, and logged.")


@person.command("relate")
def relate(
    organisation: str,
    kind: Annotated[str, typer.Argument(help="As registered-patient, referral or open-case.")],
    data: Data,
    officer: Officer,
    until: Day = None,
    identifier: Citizen = "",
    identifier_system: System = NHS_NUMBER,
) -> None:
    """Record that an organisation has a legitimate relationship with a citizen."""

    async def work(here: Office) -> str:
        who = here.person(normalise(identifier_system, identifier))
        return await here.relate(who, organisation, kind, until=_instant(until), officer=officer)

    out.print(f"Relationship {_do(data, work)} is recorded.", highlight=False)


@person.command("unrelate")
def unrelate(relationship: str, data: Data, officer: Officer) -> None:
    """Record that a relationship is over; it stays in the books."""
    _do(data, lambda here: here.end(relationship, officer=officer))
    out.print("Ended, and logged.")


@override.command("list")
def list_(
    data: Data, every: Annotated[bool, typer.Option("--all", help="Those that were reviewed, too.")] = False
) -> None:
    """Print overrides that wait for their review, the longest waiting first. Exit status 1 when one is overdue."""

    async def work(here: Office) -> list[Queued]:
        return here.queue(every=every)

    now, found = int(time.time()), _do(data, work)
    for one in found:
        state = one.outcome or ("OVERDUE" if one.overdue(now) else "waits")
        told = f", citizen is told from {_day(one.notice_at)} on" if one.deferred else ""
        out.print(
            f"ov_{one.id} {state}: {one.reason_code} for {', '.join(one.categories)} by {one.organisation} "
            f"({one.system}), opened {_day(one.opened_at)}, review by {_day(one.review_by)}; "
            f"{one.by_user} by this user{told}",
            soft_wrap=True,
            highlight=False,
        )
    if any(one.overdue(now) for one in found):
        raise typer.Exit(1)


@override.command("review")
def review(
    id: str,
    outcome: Annotated[str, typer.Argument(help=f"One of {', '.join(OUTCOMES)}.")],
    data: Data,
    officer: Officer,
    text: Annotated[str, typer.Option(prompt="Why", help=ASKED_FOR)] = "",
) -> None:
    """Say whether an override was justified."""
    _do(data, lambda here: here.review(id, outcome, text, officer=officer))
    out.print("Reviewed, and logged.")


@override.command("defer")
def defer(
    id: str,
    until: Annotated[datetime.datetime, typer.Argument(formats=["%Y-%m-%d"], help="Day the citizen is told.")],
    data: Data,
    officer: Officer,
    second: Annotated[str, typer.Option(help="Opaque id of the second officer.")],
    text: Annotated[str, typer.Option(prompt="Why", help=ASKED_FOR)] = "",
) -> None:
    """Put off the day on which the citizen is told, 30 days at the most. It needs a second officer."""
    _do(data, lambda here: here.defer(id, _instant(until), text, officer=officer, second=second))
    out.print("Put off, and logged.")


def _do(data: Path, work: Callable[[Office], Awaitable[T]]) -> T:
    async def inside() -> T:
        async with office(load(data)) as here:
            return await work(here)

    return asyncio.run(inside())


def _instant(day: datetime.datetime | None) -> int:
    return int(day.replace(tzinfo=datetime.UTC).timestamp()) if day else 0


def _day(at: int) -> str:
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d %H:%M}"
