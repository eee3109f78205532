# SPDX-License-Identifier: Apache-2.0
"""`commons serve`, `migrate`, `token` and `keys`: set a gateway up, run it, ask it for a token."""

from __future__ import annotations

import asyncio
import functools
import gc
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from gateway import db, keyring, migrate
from gateway.app import Gateway, create_app
from gateway.cli.shared import Data, out
from gateway.identity.client import ask_token
from gateway.policy import law
from gateway.settings import Settings, load

keys = typer.Typer(no_args_is_help=True, help="The key files of a gateway.")


def _require_set_up(settings: Settings) -> None:
    """Meet here, as a sentence, what is most often forgotten or mistyped: keys, schema, law. Inside the
    server the same would be a stack of calls."""
    keyring.load(settings.keys)
    engine = db.connect(settings.url)
    try:
        migrate.require_head(engine)
        law.in_force(engine, settings.policy_keys)
    finally:
        engine.dispose()


def serve(
    data: Data,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer; one of them writes the log.")] = 1,
) -> None:
    """Run the gateway in the foreground. A worker that dies is replaced; whoever is left takes over the log."""
    settings = load(data)
    _require_set_up(settings)
    options: dict[str, Any] = {
        "host": host, "port": port, "access_log": False, "server_header": False, "date_header": True,
        "loop": "uvloop", "http": "httptools", "ws": "none", "proxy_headers": False, "log_level": "warning",
    }  # fmt: skip
    if workers == 1:
        uvicorn.run(worker(settings), **options)
        return
    made = functools.partial(worker, settings)  # in each worker: parts belong to one event loop
    config = uvicorn.Config(made, factory=True, workers=workers, **options)
    Multiprocess(config, sockets=[config.bind_socket()]).run()


def worker(settings: Settings) -> Gateway:
    """The application of one process. What was loaded by now stays as long as the process: the collector of cycles
    leaves it alone, and looks less often; that is a tenth of what an entry of the log costs."""
    app = create_app(settings)
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    return app


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
) -> None:
    """Get an access token as a client system would, and print it."""
    file = key or data / "clients" / f"{system_id}.jwk"
    if not file.is_file():
        raise typer.BadParameter(f"there is no key file {file}", param_hint="--key")
    print(asyncio.run(ask_token(load(data).public_url, system_id, file.read_text(), user=user, role=role)))
