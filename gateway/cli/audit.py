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
    vkey: Annotated[str, typer.Option(help="The log's verifier key.")] = "",
    policy: Annotated[Path | None, typer.Option(help="Policy file: logs, witnesses, quorum.")] = None,
    url: Annotated[list[str] | None, typer.Option(help="Address or folder of the log; several: its years.")] = None,
    proof: Annotated[list[Path] | None, typer.Option(help="A .tlog-proof file; several: without a gap.")] = None,
    growth: Annotated[Path | None, typer.Option(help="A consistency proof from the checkpoint of --since.")] = None,
    since: Annotated[list[Path] | None, typer.Option(help="A checkpoint kept from earlier.")] = None,
    range_: Annotated[str, typer.Option("--range", help="Only these entries: START:END.")] = "",
    token_: Annotated[str, typer.Option("--token", help="Monitor's bearer token for entry bundles.")] = "",
) -> None:
    """Check a log, some of its entries, two checkpoints or proofs, with the code an auditor can run alone
    (gateway/audit/verify)."""
    given: list[tuple[str, list[str]]] = [
        ("--vkey", [vkey]), ("--policy", [str(policy or "")]), ("--log", url or []), ("--proof", _texts(proof)),
        ("--growth", [str(growth or "")]), ("--since", _texts(since)), ("--range", [range_]), ("--token", [token_]),
    ]  # fmt: skip
    sys.exit(verify.main([word for name, values in given for value in values if value for word in (name, value)]))


def _texts(paths: list[Path] | None) -> list[str]:
    return [str(path) for path in paths or ()]
