# SPDX-License-Identifier: Apache-2.0
"""What the groups of commands share: the folder option, the two consoles, the register, reading a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlalchemy import Connection

from gateway import db
from gateway.settings import load

ASKED_FOR = "Asked for when not given; a command line is seen by others on the machine."
Data = Annotated[Path, typer.Option("--data", envvar="COMMONS_DATA_DIR", help="Folder of the gateway.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--policies", envvar="COMMONS_POLICIES_DIR", help="Folder of rules and data. Default: the packed one."
    ),
]
out = Console()
err = Console(stderr=True)


@contextlib.contextmanager
def register(data: Path) -> Iterator[Connection]:
    """A write transaction on the register of the gateway in `data`."""
    engine = db.connect(load(data).url)
    try:
        with db.write(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def writable(file: Path | None) -> Path | None:
    """A file the operator wants written, refused before the work is done when its folder is not there."""
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        raise typer.BadParameter(f"{file} cannot be written: its folder must be there, and it no folder")
    return file


def read(file: Path) -> str:
    """The text of a file the operator named."""
    try:
        return file.read_text()
    except (OSError, UnicodeError):
        raise typer.BadParameter(f"{file} cannot be read") from None
