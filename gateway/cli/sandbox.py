# SPDX-License-Identifier: Apache-2.0
"""`commons sandbox` and `commons demo`: the synthetic town, and the story played in it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import aiohttp
import typer

from gateway import demo, sandbox
from gateway.cli.shared import Data, out
from gateway.settings import load
from gateway.visiting import Visitor

people = typer.Typer(no_args_is_help=True, help="The synthetic town.")


@people.command("populate")
def sandbox_populate(
    data: Data,
    people: Annotated[int, typer.Option(help="How many synthetic citizens.", min=100)] = 500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same town.")] = 1,
    port: Annotated[int, typer.Option(help="Port the gateway will listen on.")] = 8080,
) -> None:
    """Make the synthetic town: every twin's records, the identity links, organisations, keys and consents."""
    settings = sandbox.prepare(data, port=port)
    with demo.progress(out) as bar:
        task = bar.add_task("The synthetic town", total=people)
        summary = sandbox.settle(
            settings,
            people=people,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        bar.update(task, completed=people)
    state = "made" if summary.fresh else "was there already"
    out.print(f"{summary.people} people, seed {summary.seed}: {state} ({summary.seconds} s). {summary.digest[:16]}")


@people.command("sign-in")
def sandbox_sign_in(
    nhs_number: Annotated[str, typer.Argument(help="A test citizen's NHS number (999…).")],
    data: Data,
) -> None:
    """Sign a test citizen in, and print the session token: the sandbox's provider signs anybody in."""
    settings = load(data)

    async def signed_in() -> str:
        async with aiohttp.ClientSession(base_url=settings.public_url) as http:
            visitor = Visitor(http, sandbox.provider(data), nhs_number)
            await visitor.sign_in()
            return visitor.session_token

    print(asyncio.run(signed_in()))


def demo_(
    data: Annotated[Path, typer.Option("--data", help="Folder to keep the demo in.")] = Path("var/demo"),
    port: Annotated[int, typer.Option(help="Port of the gateway.")] = 8080,
    people: Annotated[int, typer.Option(help="How many synthetic citizens.")] = 500,
    exit_: Annotated[
        bool, typer.Option("--exit", help="End after the story; status 0 only if all came right.")
    ] = False,
) -> None:
    """Set everything up, start sources and gateway, and play a short story."""
    try:
        status = asyncio.run(demo.play(data, port=port, people=people, stay=not exit_, console=out))
    except (KeyboardInterrupt, asyncio.CancelledError):
        out.print("\nStopped before the end of the story.")
        status = demo.INTERRUPTED
    sys.exit(status)
