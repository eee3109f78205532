# SPDX-License-Identifier: Apache-2.0
"""`commons serve`: run the gateway."""

from __future__ import annotations

import functools
import gc
from typing import Annotated, Any

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from gateway import db, keyring, migrate
from gateway.app import Gateway, create_app
from gateway.cli.shared import Data
from gateway.policy import law
from gateway.settings import Settings, load


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
