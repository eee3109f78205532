# SPDX-License-Identifier: Apache-2.0
"""`commons witness`: cosign the checkpoints of other people's logs. Needs no gateway and none of its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from gateway.witness import folder, server

group = typer.Typer(no_args_is_help=True, help="Run a witness of access logs, for who does not run the gateway.")
Folder = Annotated[Path, typer.Option("--data", help="Folder of the witness.")]


@group.command("init")
def init(
    name: Annotated[str, typer.Argument(help="Name of the witness, such as witness.example/w1.")], data: Folder
) -> None:
    """Make a witness, and print its verifier key: what gateways and auditors put in their policy."""
    print(folder.create(data, name))


@group.command("vkey")
def vkey(data: Folder) -> None:
    """Print the verifier key of the witness."""
    print(folder.vkey_of(data))


@group.command("trust")
def trust(vkey: Annotated[str, typer.Argument(help="Verifier key of a log.")], data: Folder) -> None:
    """Let the witness know a log. It holds on to the first key it is told for an origin."""
    print(f"The witness knows the log {folder.trust(data, vkey)}. It takes effect at its next start.")


@group.command("serve")
def serve(
    data: Folder,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8090,
) -> None:
    """Run the witness in the foreground."""
    uvicorn.run(
        server.app(folder.open_(data)), host=host, port=port, access_log=False, server_header=False, ws="none",
        proxy_headers=False, log_level="warning",
    )  # fmt: skip
