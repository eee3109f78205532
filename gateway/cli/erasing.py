# SPDX-License-Identifier: Apache-2.0
"""`commons erasure`: what a data protection officer orders to be forgotten, or kept."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway import db, keyring
from gateway.cli.shared import ASKED_FOR, Data, out
from gateway.consents.erasing import REASONS as DECISION_REASONS
from gateway.consents.erasing import decision_orders
from gateway.consents.recording import found
from gateway.demo import progress
from gateway.erasing import REASONS, orders
from gateway.identity.identifiers import NHS_NUMBER, normalise
from gateway.settings import load

group = typer.Typer(no_args_is_help=True, help="Erase what the log has sealed, or protect it; the proofs stay.")

Citizen = Annotated[str, typer.Option(prompt="Identifier of the citizen", help=ASKED_FOR)]
System = Annotated[str, typer.Option(help="URI of the identifier's system.")]
Authority = Annotated[str, typer.Option(help="Reference of the request, order or decision.")]
Asking = Annotated[str, typer.Option(help="Opaque id of the officer who asks for it.")]
Approving = Annotated[str, typer.Option(help="Opaque id of another officer, who approves it.")]
Officer = Annotated[str, typer.Option(help="Opaque id of the officer.")]
Organisation = Annotated[str, typer.Option(help="Only what this organisation saw. Default: everybody.")]


@group.command("person")
def person(
    data: Data,
    authority: Authority,
    requested_by: Asking,
    approved_by: Approving,
    identifier: Citizen = "",
    identifier_system: System = NHS_NUMBER,
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(REASONS)}.")] = REASONS[0],
    organisation: Organisation = "",
) -> None:
    """Erase what the log has sealed about a person (UK GDPR Article 17). It cannot be taken back."""

    async def erase() -> str:
        async with orders(load(data)) as forgetting:
            told = await forgetting.erase(
                _found(data, identifier_system, identifier),
                reason=reason,
                authority=authority,
                requested_by=requested_by,
                approved_by=approved_by,
                organisation=organisation,
            )
        return (
            f"{told.entries} entries keep their proofs and have forgotten what they said; {told.keys} keys deleted."
        )

    out.print(asyncio.run(erase()))
    out.print("Older backups forget it too when the wrapping key is changed: `commons erasure rotate-key`.")


@group.command("decisions")
def decisions(
    data: Data,
    authority: Authority,
    requested_by: Asking,
    approved_by: Approving,
    identifier: Citizen = "",
    identifier_system: System = NHS_NUMBER,
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(DECISION_REASONS)}.")] = DECISION_REASONS[0],
) -> None:
    """Erase what a person decided from the consent ledger (UK GDPR Article 17). It cannot be taken back."""

    async def erase() -> int:
        async with decision_orders(load(data)) as orders:
            told = await orders.erase(
                _found(data, identifier_system, identifier),
                reason=reason,
                authority=authority,
                requested_by=requested_by,
                approved_by=approved_by,
            )
        return told.events

    out.print(f"{asyncio.run(erase())} decisions keep their hashes and have forgotten what they said.")
    out.print("Nothing is shared with consent any more; a yes must now come from the person, anew.")


@group.command("proof")
def proof(
    data: Data,
    authority: Authority,
    requested_by: Asking,
    approved_by: Approving,
    identifier: Citizen = "",
    identifier_system: System = NHS_NUMBER,
) -> None:
    """Print the decisions of a person that were erased and may still have to be shown (UK GDPR Article 7(1)), one a
    line: the SHA-256 of each is the hash in its place in the ledger."""

    async def opened() -> list[bytes]:
        async with decision_orders(load(data)) as orders:
            person = _found(data, identifier_system, identifier)
            return await orders.prove(
                person, authority=authority, requested_by=requested_by, approved_by=approved_by
            )

    for link in asyncio.run(opened()):
        print(link.decode())


@group.command("hold")
def hold(
    data: Data,
    authority: Authority,
    officer: Officer,
    identifier: Citizen = "",
    identifier_system: System = NHS_NUMBER,
    organisation: Organisation = "",
) -> None:
    """Protect what was sealed about a person from erasure and from the end of retention; prints the hold's id."""

    async def protect() -> str:
        async with orders(load(data)) as forgetting:
            wanted = _found(data, identifier_system, identifier)
            return await forgetting.hold(wanted, authority=authority, officer=officer, organisation=organisation)

    print(asyncio.run(protect()))


@group.command("lift")
def lift(data: Data, hold_id: str, authority: Authority, officer: Officer) -> None:
    """End a legal hold."""

    async def release() -> None:
        async with orders(load(data)) as forgetting:
            await forgetting.lift(hold_id, authority=authority, officer=officer)

    asyncio.run(release())


@group.command("retain")
def retain(
    data: Data,
    officer: Officer,
    today: Annotated[datetime.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Default: today.")] = None,
) -> None:
    """Erase everything whose retention period is over; run it once a year, or every night."""
    day = today.date() if today else datetime.datetime.now(datetime.UTC).date()

    async def forget() -> dict[str, int]:
        with progress(out) as bar:
            task = bar.add_task("Keys deleted", total=None)
            async with orders(load(data)) as forgetting:
                return await forgetting.retain(day, officer, lambda some: bar.advance(task, some))

    for period, keys in asyncio.run(forget()).items():
        out.print(f"{period}: {keys} keys deleted.", highlight=False)


@group.command("rotate-key")
def rotate_key(data: Data, officer: Officer) -> None:
    """Change the key that wraps the data keys and destroy the old one: older backups then open nothing without the
    newest backup of the keys. Gateways may go on running."""

    async def rotate() -> int:
        with progress(out) as bar:
            task = bar.add_task("Keys wrapped anew", total=None)
            async with orders(load(data)) as forgetting:
                return await forgetting.rotate(officer, lambda some: bar.advance(task, some))

    out.print(f"{asyncio.run(rotate())} keys wrapped anew; the old wrapping key is destroyed.")
    out.print("Back the keys up now: `commons erasure back-up-keys FILE`. Older backups of them open nothing.")


@group.command("back-up-keys")
def back_up_keys(data: Data, file: Annotated[Path, typer.Argument(help="New file.")]) -> None:
    """Write the data keys, wrapped, into a file: keep it apart from the database's backups, and not for long."""

    async def write() -> int:
        async with orders(load(data)) as forgetting:
            return forgetting.back_up_keys(file)

    out.print(f"{asyncio.run(write())} keys.")


@group.command("put-back-keys")
def put_back_keys(data: Data, file: Path, officer: Officer) -> None:
    """Give a restored database the newest backup of its keys; what was erased since stays erased."""

    async def restore() -> tuple[int, int]:
        async with orders(load(data)) as forgetting:
            return await forgetting.put_back_keys(file, officer)

    back, gone = asyncio.run(restore())
    out.print(f"{back} keys put back; {gone} had been erased and are forgotten again.")


def _found(data: Path, system: str, value: str) -> str:
    settings = load(data)
    engine = db.connect(settings.url)
    try:
        return found(engine, keyring.load(settings.keys), normalise(system, value))
    finally:
        engine.dispose()
