# SPDX-License-Identifier: Apache-2.0
"""`commons webhook`: where client systems take their notices."""

from __future__ import annotations

import time
from typing import Annotated
from urllib.parse import urlsplit

import typer

from gateway import keyring
from gateway.cli.shared import Data, out, register
from gateway.identity.addresses import is_loopback
from gateway.notices import endpoints, outbox
from gateway.notices.endpoints import OVERLAP_S, secret_keys
from gateway.settings import load

group = typer.Typer(no_args_is_help=True, help="Where client systems take their notices.")


@group.command("set")
def set_(system: str, url: str, data: Data) -> None:
    """Set the address of a system; prints the secret, once. Whoever holds it can check what we send."""
    settings = load(data)
    loopback = is_loopback(urlsplit(settings.public_url).hostname or "")
    keys = secret_keys(keyring.load(settings.keys))
    with register(data) as connection:
        secret = endpoints.register(connection, keys, system, url, loopback=loopback, now=int(time.time()))
    print(secret)


@group.command("rotate")
def rotate(
    system: str,
    data: Data,
    overlap_s: Annotated[int, typer.Option(help="Seconds for which the old secret signs too.", min=0)] = OVERLAP_S,
) -> None:
    """Make a new secret and print it, once; the one before signs beside it for a while."""
    keys = secret_keys(keyring.load(load(data).keys))
    with register(data) as connection:
        print(endpoints.rotate(connection, keys, system, overlap_s=overlap_s, now=int(time.time())))


@group.command("activate")
def activate(system: str, data: Data, off: Annotated[bool, typer.Option("--off")] = False) -> None:
    """Send notices to a system, or with --off keep them for later."""
    with register(data) as connection:
        endpoints.set_active(connection, system, not off, now=int(time.time()))


@group.command("show")
def show(system: str, data: Data) -> None:
    """Print where a system takes its notices, and the last fifty."""
    with register(data) as connection:
        endpoint = endpoints.find(connection, system)
        sent = outbox.of_system(connection, system)
    if endpoint is not None:
        state = "active" if endpoint.active else "paused"
        out.print(f"{endpoint.url}  {state}, {endpoint.failures} failures in a row", highlight=False, markup=False)
    for one in sent:
        out.print(f"{one.id}  {one.kind}  {one.state}, {one.attempts} attempts", highlight=False, markup=False)


@group.command("redeliver")
def redeliver(system: str, id: str, data: Data) -> None:
    """Deliver a notice once more."""
    with register(data) as connection:
        if not outbox.again(connection, system, id, int(time.time() * 1000)):
            raise typer.BadParameter("the system has no notice of that id", param_hint="ID")
