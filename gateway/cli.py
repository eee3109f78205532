# SPDX-License-Identifier: Apache-2.0
"""The `commons` command: parse, call one function, print. Exit status 0 done, 1 refused with a sentence, 2 usage.

`--data DIR` names the folder of one gateway; all else comes from the settings (`COMMONS_…`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy import Connection

from connectors.sandbox.launch import LaunchError
from consent.errors import ConsentError
from consent.model import Channel, Kind
from gateway import consents, db, demo, keyring, migrate, sandbox
from gateway.app import create_app
from gateway.audit import checkpoint, verify
from gateway.audit.log import LogRefused
from gateway.errors import CommonsError
from gateway.identity import registry
from gateway.identity.client import ask_token, make_key
from gateway.identity.identifiers import NHS_NUMBER, IdentifierError, normalise
from gateway.identity.keys import KeysRefused
from gateway.policy import vocabulary as law
from gateway.policy.documents import PolicyFolderError
from gateway.settings import Settings, load

HELP = """Set up and run a commons gateway, and check its access log.

`--data DIR` names the folder of one gateway. Settings are variables `COMMONS_…`, in the environment or in
`DIR/commons.env`. Exit status: 0 done, 1 refused with a sentence, 2 wrong usage."""

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, help=HELP)
keys = typer.Typer(no_args_is_help=True, help="The key files of a gateway.")
organisation = typer.Typer(no_args_is_help=True, help="Agencies.")
system = typer.Typer(no_args_is_help=True, help="Client systems of agencies.")
consent = typer.Typer(no_args_is_help=True, help="Record what a citizen decided, for staff who assist.")
audit = typer.Typer(no_args_is_help=True, help="Check the access log.")
people = typer.Typer(no_args_is_help=True, help="The synthetic town.")
for name, group in {
    "keys": keys,
    "organisation": organisation,
    "system": system,
    "consent": consent,
    "audit": audit,
    "sandbox": people,
}.items():
    app.add_typer(group, name=name)

SENTENCES = (
    keyring.KeyringError, migrate.SchemaError, registry.RegistryFault, KeysRefused, ConsentError, PolicyFolderError,
    LogRefused, sandbox.TownFault, demo.DemoFault, LaunchError,
)  # fmt: skip
"""What is raised with a text for the operator."""
ASKED_FOR = "Asked for when not given; a command line is seen by others on the machine."
Data = Annotated[Path, typer.Option("--data", envvar="COMMONS_DATA_DIR", help="Folder of the gateway.")]
out = Console()
err = Console(stderr=True)


def main() -> None:
    """Entry point: our own errors become one sentence and exit status 1."""
    try:
        app()
    except SENTENCES as error:
        _stop(str(error))
    except CommonsError as error:
        _stop(f"{error.title}. {error.detail}")
    except IdentifierError as error:
        _stop(f"The identifier is not valid ({error.code}): expected {error.expected}.")
    except ValidationError as error:
        wrong = [f"COMMONS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        _stop("\n".join([*wrong, "Settings stand in the environment or in commons.env of the --data folder."]))


def _stop(sentence: str) -> None:
    err.print(sentence.strip(), style="red", markup=False, highlight=False)
    sys.exit(1)


def _require_set_up(settings: Settings) -> None:
    """Meet here, as a sentence, what is most often forgotten or mistyped: keys, schema, policies. Inside the
    server the same would be a stack of calls."""
    keyring.load(settings.keys)
    engine = db.connect(settings.url)
    try:
        migrate.require_head(engine)
    finally:
        engine.dispose()
    law.load(settings.policies_dir)


@contextlib.contextmanager
def _register(data: Path) -> Iterator[Connection]:
    engine = db.connect(load(data).url)
    try:
        with db.write(engine) as connection:
            yield connection
    finally:
        engine.dispose()


@app.command()
def serve(
    data: Data,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
) -> None:
    """Run one worker of the gateway in the foreground."""
    settings = load(data)
    _require_set_up(settings)
    uvicorn.run(
        create_app(settings), host=host, port=port, access_log=False, server_header=False, date_header=True,
        loop="uvloop", http="httptools", ws="none", proxy_headers=False, log_level="warning",
    )  # fmt: skip


@app.command("migrate")
def migrate_(data: Data) -> None:
    """Take the database to the schema this gateway needs."""
    out.print(f"The schema is at {migrate.upgrade(load(data).url)}.")


@keys.command("init")
def keys_init(data: Data) -> None:
    """Make a new set of key files. Never overwrites."""
    keyring.create(load(data).keys)
    out.print("Made keys. Keep a copy of them apart from the backups of the database.")


@organisation.command("add")
def organisation_add(id: str, name: str, data: Data) -> None:
    """Register an organisation, e.g. uk/council/E06999901."""
    with _register(data) as connection:
        registry.register_organisation(connection, id, name, now=int(time.time()))


@organisation.command("list")
def organisation_list(data: Data) -> None:
    """Print organisations and their systems."""
    with _register(data) as connection:
        for one in registry.organisations(connection):
            out.print(f"{one.id}  {one.name}  {'active' if one.active else 'disabled'}", highlight=False)
            for theirs in registry.systems(connection, one.id):
                out.print(
                    f"  {theirs.id}  {theirs.name}  {'active' if theirs.active else 'disabled'}", highlight=False
                )


@organisation.command("activate")
def organisation_activate(id: str, data: Data, off: Annotated[bool, typer.Option("--off")] = False) -> None:
    """Activate an organisation, or with --off disable it; counts from the next query on every node."""
    with _register(data) as connection:
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
    with _register(data) as connection:
        registry.register_system(
            connection,
            id,
            organisation_id,
            name,
            profile="nhs" if profile == "nhs" else "fapi",
            jwks=_read(jwks) if jwks else None,
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
    with _register(data) as connection:
        registry.add_keys(connection, id, _read(jwks), now=int(time.time()))


@system.command("activate-key")
def system_activate_key(id: str, kid: str, data: Data, off: Annotated[bool, typer.Option("--off")] = False) -> None:
    """Activate one key of a system, or with --off disable it; tokens it has got end within five minutes."""
    with _register(data) as connection:
        registry.set_key_active(connection, id, kid, not off, now=int(time.time()))


@system.command("activate")
def system_activate(id: str, data: Data, off: Annotated[bool, typer.Option("--off")] = False) -> None:
    """Activate a system, or with --off disable it; counts from the next query on every node."""
    with _register(data) as connection:
        registry.set_system_active(connection, id, not off, now=int(time.time()))


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeError):
        raise typer.BadParameter(f"{file} cannot be read") from None


@app.command()
def token(
    system_id: Annotated[str, typer.Argument(help="client_id of the system.")],
    data: Data,
    key: Annotated[
        Path | None, typer.Option(help="File with its private JWK. Default: data/clients/ID.jwk")
    ] = None,
    user: Annotated[str, typer.Option(help="Id of the person at the agency.")] = "",
    role: Annotated[str, typer.Option(help="Their role.")] = "",
) -> None:
    """Get an access token as a client system would, and print it."""
    file = key or data / "clients" / f"{system_id}.jwk"
    if not file.is_file():
        raise typer.BadParameter(f"there is no key file {file}", param_hint="--key")
    print(asyncio.run(ask_token(load(data).public_url, system_id, file.read_text(), user=user, role=role)))


@consent.command("record")
def consent_record(
    kind: Annotated[Kind, typer.Argument(help="What the citizen decided.")],
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
        consents.assist(load(data), kind, citizen, agreement, category, actor=staff, channel=channel, days=days)
    )
    out.print(f"Recorded as decision {seq} of this citizen, and logged.")


@consent.command("history")
def consent_history(
    data: Data,
    identifier: Annotated[str, typer.Option(prompt="Identifier of the citizen", help=ASKED_FOR)] = "",
    identifier_system: Annotated[str, typer.Option(help="URI of the identifier's system.")] = NHS_NUMBER,
) -> None:
    """Print what a citizen decided, oldest first, and whether the chain of events holds."""
    for line in consents.told(load(data), normalise(identifier_system, identifier)):
        out.print(line, highlight=False, markup=False)


@audit.command("vkey")
def audit_vkey(data: Data) -> None:
    """Print the log's verifier key (C2SP signed note): what an auditor needs besides the address."""
    settings = load(data)
    print(checkpoint.vkey(settings.log_origin, keyring.load(settings.keys).log.public_key()))


@audit.command("verify")
def audit_verify(
    vkey: Annotated[str, typer.Option(help="The log's verifier key.")],
    url: Annotated[str, typer.Option(help="Address or folder of the log.")] = "",
    proof: Annotated[Path | None, typer.Option(help="A .tlog-proof file.")] = None,
    token_: Annotated[str, typer.Option("--token", help="Monitor's bearer token for entry bundles.")] = "",
) -> None:
    """Check a whole log, or one proof, with the code an auditor can run alone (gateway/audit/verify.py)."""
    args = ["--vkey", vkey]
    args += ["--proof", str(proof)] if proof else ["--log", url]
    sys.exit(verify.main(args + (["--token", token_] if token_ else [])))


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


@app.command("demo")
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


if __name__ == "__main__":
    main()
