# SPDX-License-Identifier: Apache-2.0
"""`commons audit`: check the access log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway import keyring
from gateway.audit import checkpoint, shards, verify
from gateway.cli.shared import Data
from gateway.settings import load

group = typer.Typer(no_args_is_help=True, help="Check the access log.")


@group.command("vkey")
def audit_vkey(
    data: Data,
    year: Annotated[int, typer.Option(help="Year of the shard. Default: this year.")] = 0,
) -> None:
    """Print the log's verifier key (C2SP signed note) for one year: what an auditor needs besides the address."""
    settings = load(data)
    name = settings.log_origin
    origin = shards.origin(name, year) if year else shards.this_year(name)
    print(checkpoint.vkey(origin, keyring.load(settings.keys).log.public_key()))


@group.command("verify")
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
