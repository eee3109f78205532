# SPDX-License-Identifier: Apache-2.0
"""`commons migrate`, `keys` and `token`: set a gateway up, ask it for a token."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway import keyring, migrate
from gateway.cli.shared import Data, out
from gateway.identity.client import ask_token
from gateway.settings import load

keys = typer.Typer(no_args_is_help=True, help="The key files of a gateway.")


def migrate_(
    data: Data,
    role: Annotated[
        str,
        typer.Option(
            "--grant", help="PostgreSQL role that the gateway runs as: it gets what it needs, and no more."
        ),
    ] = "",
) -> None:
    """Take the database to the schema this gateway needs. Run it as the database's owner."""
    url = load(data).url
    out.print(f"The schema is at {migrate.upgrade(url)}.")
    if role:
        migrate.grant(url, role)
        out.print(f"{role} may append to the log, and change nothing of it.", highlight=False)


@keys.command("init")
def keys_init(data: Data) -> None:
    """Make a new set of key files. Never overwrites."""
    keyring.create(load(data).keys)
    out.print("Made keys. Keep a copy of them apart from the backups of the database.")


def token(
    system_id: Annotated[str, typer.Argument(help="client_id of the system.")],
    data: Data,
    key: Annotated[
        Path | None, typer.Option(help="File with its private JWK. Default: data/clients/ID.jwk")
    ] = None,
    user: Annotated[str, typer.Option(help="Id of the person at the agency.")] = "",
    role: Annotated[str, typer.Option(help="Their role.")] = "",
    training: Annotated[list[str] | None, typer.Option(help="What they are trained in; repeat it.")] = None,
    acr: Annotated[str, typer.Option(help="How they signed in just now (RFC 9470), as break-glass asks.")] = "",
) -> None:
    """Get an access token as a client system would, and print it."""
    file = key or data / "clients" / f"{system_id}.jwk"
    if not file.is_file():
        raise typer.BadParameter(f"there is no key file {file}", param_hint="--key")
    asked = ask_token(
        load(data).public_url, system_id, file.read_text(), user=user, role=role, training=training or (),
        auth_time=int(time.time()) if acr else 0, acr=acr,
    )  # fmt: skip
    print(asyncio.run(asked))
