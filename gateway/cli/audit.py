# SPDX-License-Identifier: Apache-2.0
"""`commons audit`: check the access log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway import keyring
from gateway.audit import checkpoint, verify
from gateway.cli.shared import Data
from gateway.settings import load

group = typer.Typer(no_args_is_help=True, help="Check the access log.")


@group.command("vkey")
def audit_vkey(data: Data) -> None:
    """Print the log's verifier key (C2SP signed note): what an auditor needs besides the address."""
    settings = load(data)
    print(checkpoint.vkey(settings.log_origin, keyring.load(settings.keys).log.public_key()))


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
