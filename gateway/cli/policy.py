# SPDX-License-Identifier: Apache-2.0
"""`commons policy`: make a steward's key, build and sign a law, check it, put it in force.

Building needs the steward's private key and no gateway; what takes `--data` needs a gateway and no private key.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway import activation
from gateway.cli.shared import Data, Folder, out, register, writable
from gateway.consents import revisions
from gateway.policy import activated, canaries, packing, signing
from gateway.policy.bundle import build
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.packing import BundleRefusedError, Release
from gateway.policy.vocabulary import load as load_policies
from gateway.settings import load

group = typer.Typer(no_args_is_help=True, help="Build, sign, check and activate the law.")

File = Annotated[Path, typer.Argument(help="A bundle that `commons policy build` made.")]


@group.command("keys")
def keys(
    to: Annotated[Path, typer.Option("--out", help="Folder for the pair; not on a gateway's machine.")],
    keyid: Annotated[str, typer.Option(help="Name of the key. Default: made from the key.")] = "",
) -> None:
    """Make a steward's key pair: KEYID.private.pem signs laws, KEYID.pem is what gateways and OPA trust."""
    name, file = signing.make_key(to, keyid)
    out.print(f"Made {name}. Keep {file.name} apart from every gateway; give {name}.pem to each.", soft_wrap=True)


@group.command("trust")
def trust(
    key: Annotated[Path, typer.Argument(help="A steward's public key, KEYID.pem.")],
    data: Data,
) -> None:
    """Let a gateway load bundles that this steward signs."""
    signing.read_public(key)
    folder = load(data).policy_keys
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / key.name).write_bytes(key.read_bytes())
    out.print(f"Bundles signed by {key.name.removesuffix(signing.PUBLIC)} are trusted here.", soft_wrap=True)


@group.command("build")
def build_(
    to: Annotated[Path, typer.Option("--out", help="File to write.", callback=writable)],
    key: Annotated[Path, typer.Option(help="The steward's KEYID.private.pem.")],
    sequence: Annotated[int, typer.Option(help="Number of this law: larger than every one before.", min=1)],
    policies: Folder = None,
    at: Annotated[str, typer.Option(help="When it is issued, as 2026-04-01T09:00:00Z. Default: now.")] = "",
) -> None:
    """Build and sign a bundle of rules, data and agreements. The same input, number, time and key give the same
    bytes."""
    keyid, private = signing.read_key(key)
    issued = at or f"{datetime.datetime.fromtimestamp(int(time.time()), datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    try:
        datetime.datetime.strptime(issued, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        raise typer.BadParameter("write it as 2026-04-01T09:00:00Z", param_hint="--at") from None
    vocabulary = load_policies(policies)
    made = build(vocabulary)
    canaries.prove(EmbeddedJudge.of(made).decide, vocabulary)  # nothing is signed that no gateway could serve
    raw = packing.pack(made, Release(sequence, issued), lambda files: signing.sign(files, keyid, private))
    to.write_bytes(raw)
    out.print(f"Built law {sequence}, revision {made.revision}, signed by {keyid}.", soft_wrap=True)


@group.command("verify")
def verify(file: File, data: Data) -> None:
    """Check that a bundle is whole and signed by a steward whom the gateway trusts. Activates nothing."""
    packed = packing.unpack(_raw(file))
    keyid = signing.verify(packed, signing.trusted(load(data).policy_keys))
    release = packed.release
    out.print(
        f"Law {release.sequence} of {release.time}, revision {packed.revision}, signed by {keyid}.", soft_wrap=True
    )


def _raw(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise BundleRefusedError("malformed", f"{file} cannot be read") from None


@group.command("activate")
def activate(
    file: File,
    data: Data,
    by: Annotated[str, typer.Option(help="Who activates it: a staff id, for the access log.")],
) -> None:
    """Put a law in force on every node. It must be signed by a trusted steward, be newer than the one before and
    refuse every canary; and let no more flow on consent than was agreed to, unless `commons consent revise` asked
    again. A refused attempt is logged too, and the law before stays."""
    found = asyncio.run(activation.activate(load(data), _raw(file), by, revisions))
    out.print(f"Law {found.sequence}, revision {found.revision}, is in force.", soft_wrap=True)


@group.command("history")
def history(data: Data) -> None:
    """Print every law that was in force, the newest last."""
    with register(data) as connection:
        rows = activated.history(connection)
    for row in rows:
        when = datetime.datetime.fromtimestamp(row.at, datetime.UTC)
        out.print(
            f"{row.sequence:>6} {when:%Y-%m-%d %H:%M} {row.revision} signed by {row.keyid}, activated by {row.by}",
            soft_wrap=True,
            highlight=False,
        )
