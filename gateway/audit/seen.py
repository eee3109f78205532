# SPDX-License-Identifier: Apache-2.0
"""The checkpoints that left this gateway, kept in files outside every database.

A database that is put back to an older state does not know what was said since. These files do, and so do the
witnesses: at its start a gateway refuses a log that is behind them, or is not the one they are of.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from gateway.audit import checkpoint
from gateway.audit.checkpoint import Checkpoint, NoteError
from gateway.audit.integrity import LogRefused

Kind = Literal["published", "witnessed"]


class Seen:
    """The newest checkpoint of each kind, in a folder that is not backed up with the database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[Kind, str] = {}

    def read(self) -> list[Checkpoint]:
        """What was kept. Raises LogRefused for a file that cannot be understood."""
        return [_read(file) for file in sorted(self._folder.glob("*.checkpoint"))]

    def keep(self, kind: Kind, note: str) -> None:
        """Keep a checkpoint, durably, before it leaves; one that is older than what is kept is not. Raises OSError,
        LogRefused."""
        if self._kept.get(kind) == note:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._folder / f"{kind}.checkpoint"
        if not file.exists() or not _is_newer(_read(file), checkpoint.parse(checkpoint.split(note)[0])):
            replace(file, note.encode())
        self._kept[kind] = note


def _is_newer(kept: Checkpoint, given: Checkpoint) -> bool:
    """Whether what is kept is a later one of the same shard. Shards come one after the other."""
    return kept.origin == given.origin and kept.size > given.size


def _read(file: Path) -> Checkpoint:
    try:
        return checkpoint.parse(checkpoint.split(file.read_text())[0])
    except (NoteError, UnicodeDecodeError) as error:
        raise LogRefused(f"{file} is no checkpoint. Find out why, and then remove it.") from error


def replace(file: Path, content: bytes) -> None:
    """Put a file in place whole and durably, or not at all. Raises OSError."""
    made = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with made.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        made.replace(file)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
