# SPDX-License-Identifier: Apache-2.0
"""`commons receipt`: check what a citizen holds in their hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.shared import err, out, read
from gateway.consents import checking

group = typer.Typer(no_args_is_help=True, help="Print and check a citizen's receipt, offline.")


@group.command("print")
def receipt_print(file: Annotated[Path, typer.Argument(help="The receipt, as the gateway signed it.")]) -> None:
    """Print a receipt in plain words. It is not checked: `commons receipt verify` does that."""
    try:
        out.print(checking.unchecked(read(file)), highlight=False, markup=False, soft_wrap=True)
    except ValueError as error:
        raise typer.BadParameter(f"{file}: {error}", param_hint="FILE") from None


@group.command("verify")
def receipt_verify(
    file: Annotated[Path, typer.Argument(help="The receipt, as the gateway signed it.")],
    jwks: Annotated[Path, typer.Option(help="File of the gateway's key set (/.well-known/jwks.json).")],
    vkey: Annotated[
        Path, typer.Option(help="File of the log's verifier keys (`commons audit vkey`), a line for each year.")
    ],
) -> None:
    """Check signature, log entry and inclusion proof. Needs no network and no database; the two files of keys must
    come from somewhere that you trust. Exit status 1 when anything does not hold."""
    found = checking.check(read(file), read(jwks), read(vkey))
    if found.ok:
        out.print(found.plain, highlight=False, markup=False)
        out.print("The receipt holds: signature, log entry and inclusion proof.", style="green", highlight=False)
        return
    for finding in found.findings:
        err.print(f"WRONG  {finding}", style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(1)
