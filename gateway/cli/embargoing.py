# SPDX-License-Identifier: Apache-2.0
"""`commons embargo`: withhold entries from their citizen until a date, on the record."""

from __future__ import annotations

import asyncio
import datetime
from typing import Annotated

import typer

from gateway.cli.shared import Data, out
from gateway.embargoes import orders
from gateway.settings import load

group = typer.Typer(no_args_is_help=True, help="Withhold entries of the log from their citizen until a date.")
Reason = Annotated[str, typer.Option(help="Why; it is sealed in the log.")]
Authority = Annotated[str, typer.Option(help="Reference of the order, such as its number.")]
Officer = Annotated[str, typer.Option(help="Opaque id of the officer.")]


@group.command("set")
def set_(
    entries: Annotated[list[str], typer.Argument(help="Ids of entries, or receipts (rc_…).")],
    data: Data,
    until: Annotated[datetime.datetime, typer.Option(formats=["%Y-%m-%d"], help="First day it is shown, UTC.")],
    reason: Reason,
    authority: Authority,
    officer: Officer,
) -> None:
    """Withhold entries, with the decisions they follow; prints the embargo's id."""

    async def order() -> str:
        async with orders(load(data)) as embargoes:
            until_s = int(until.replace(tzinfo=datetime.UTC).timestamp())
            return await embargoes.set(
                entries, until_s=until_s, reason=reason, authority=authority, officer=officer
            )

    out.print(asyncio.run(order()))


@group.command("lift")
def lift(
    embargo: Annotated[str, typer.Argument(help="Id of the embargo.")],
    data: Data,
    reason: Reason,
    authority: Authority,
    officer: Officer,
) -> None:
    """End an embargo before its date."""

    async def order() -> None:
        async with orders(load(data)) as embargoes:
            await embargoes.lift(embargo, reason=reason, authority=authority, officer=officer)

    asyncio.run(order())
    out.print("The entries are shown to their citizen from now on.")
