# SPDX-License-Identifier: Apache-2.0
"""`commons organisation` and `commons system`: agencies, their client systems and the keys of these."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.shared import Data, out, read, register
from gateway.identity import registry
from gateway.identity.client import make_key

organisation = typer.Typer(no_args_is_help=True, help="Agencies.")
system = typer.Typer(no_args_is_help=True, help="Client systems of agencies.")


@organisation.command("add")
def organisation_add(id: str, name: str, data: Data) -> None:
    """Register an organisation, e.g. uk/council/E06999901."""
    with register(data) as connection:
        registry.register_organisation(connection, id, name, now=int(time.time()))


@organisation.command("list")
def organisation_list(data: Data) -> None:
    """Print organisations and their systems."""
    with register(data) as connection:
        for one in registry.organisations(connection):
            out.print(f"{one.id}  {one.name}  {'active' if one.active else 'disabled'}", highlight=False)
            for theirs in registry.systems(connection, one.id):
                out.print(
                    f"  {theirs.id}  {theirs.name}  {'active' if theirs.active else 'disabled'}", highlight=False
                )


@organisation.command("activate")
def organisation_activate(id: str, data: Data, off: Annotated[bool, typer.Option("--off")] = False) -> None:
    """Activate an organisation, or with --off disable it; counts from the next query on every node."""
    with register(data) as connection:
        registry.set_organisation_active(connection, id, not off, now=int(time.time()))


@system.command("add")
def system_add(
    id: str,
    organisation_id: str,
    name: str,
    data: Data,
    jwks: Annotated[Path | None, typer.Option(help="File with the public JWK Set.")] = None,
    jwks_uri: Annotated[str, typer.Option(help="Or its https address.")] = "",
    profile: Annotated[str, typer.Option(help="fapi, or nhs for NHS England's signed-JWT pattern.")] = "fapi",
) -> None:
    """Register a client system with its public keys."""
    if profile not in ("fapi", "nhs"):
        raise typer.BadParameter("fapi or nhs", param_hint="--profile")
    with register(data) as connection:
        registry.register_system(
            connection,
            id,
            organisation_id,
            name,
            profile="nhs" if profile == "nhs" else "fapi",
            jwks=read(jwks) if jwks else None,
            jwks_uri=jwks_uri,
            now=int(time.time()),
        )


@system.command("make-key")
def system_make_key(file: Annotated[Path, typer.Argument(help="New file for the private key.")]) -> None:
    """Make a key pair for a client system, on its own machine; prints the public JWK Set to be registered."""
    private, jwks = make_key()
    try:
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise typer.BadParameter("the file is there already; keys are never overwritten") from None
    file.write_text(private)
    print(jwks)


@system.command("add-keys")
def system_add_keys(
    id: str, jwks: Annotated[Path, typer.Argument(help="File with the public JWK Set.")], data: Data
) -> None:
    """Add further public keys to a system, so that old and new overlap while it changes keys."""
    with register(data) as connection:
        registry.add_keys(connection, id, read(jwks), now=int(time.time()))


@system.command("activate-key")
def system_activate_key(id: str, kid: str, data: Data, off: Annotated[bool, typer.Option("--off")] = False) -> None:
    """Activate one key of a system, or with --off disable it; tokens it has got end within five minutes."""
    with register(data) as connection:
        registry.set_key_active(connection, id, kid, not off, now=int(time.time()))


@system.command("scope")
def system_scope(
    id: str,
    scope: Annotated[str, typer.Argument(help=f"One of {', '.join(registry.SCOPES)}.")],
    data: Data,
    off: Annotated[bool, typer.Option("--off")] = False,
) -> None:
    """Grant a scope to a system, or with --off take it away; an auditor's users may see every decision."""
    with register(data) as connection:
        registry.set_scope(connection, id, scope, not off, now=int(time.time()))


@system.command("activate")
def system_activate(id: str, data: Data, off: Annotated[bool, typer.Option("--off")] = False) -> None:
    """Activate a system, or with --off disable it; counts from the next query on every node."""
    with register(data) as connection:
        registry.set_system_active(connection, id, not off, now=int(time.time()))
