# SPDX-License-Identifier: Apache-2.0
"""The log as files that any static web server can serve (C2SP tlog-tiles), a folder a year.

Tiles come before the checkpoint that needs them. A file that is there is never written again, and if it has other
bytes than it should, nothing is published: then the log or the folder is not what it was.
"""

from __future__ import annotations

from pathlib import Path

from gateway.audit import checkpoint, tiles
from gateway.audit.checkpoint import NoteError
from gateway.audit.reader import Published, Reader
from gateway.audit.seen import replace


class FolderRefused(Exception):  # noqa: N818  named as the condition
    """The folder holds another log than ours. The text says where."""


class Folder:
    """Writes one log into a folder; entry bundles too if it is told to, since they are not for everybody."""

    def __init__(self, folder: Path, *, bundles: bool) -> None:
        self._folder = folder
        self._bundles = bundles

    def write(self, reader: Reader, year: int, published: Published) -> None:
        """Write what a published checkpoint needs and is not there, then the checkpoint. Raises FolderRefused,
        OSError, DatabaseUnavailable."""
        place = self._folder / str(year)
        old = self._size(place)
        if old > published.size:
            raise FolderRefused(f"{place} holds a newer checkpoint than the log has.")
        for level, n, width in _new(old, published.size):
            content = reader.tile(level, n, width, year)
            self._put(place / "tile" / tiles.path(level, n, width), content)
            if level == 0 and self._bundles:
                self._put(place / "tile" / tiles.path(tiles.ENTRIES, n, width), reader.bundle(n, width, year))
        place.mkdir(parents=True, exist_ok=True)
        replace(place / "checkpoint", published.checkpoint.encode())

    @staticmethod
    def _size(place: Path) -> int:
        file = place / "checkpoint"
        if not file.exists():
            return 0
        try:
            return checkpoint.parse(checkpoint.split(file.read_text())[0]).size
        except (NoteError, UnicodeDecodeError) as error:
            raise FolderRefused(f"{file} is no checkpoint.") from error

    @staticmethod
    def _put(file: Path, content: bytes | None) -> None:
        if content is None:
            raise FolderRefused(f"The log has not what belongs into {file}.")
        if file.exists():
            if file.read_bytes() != content:
                raise FolderRefused(f"{file} holds other bytes than the log has: nothing more is published there.")
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        replace(file, content)


def _new(old: int, size: int) -> list[tuple[int, int, int]]:
    """(level, n, width) of each tile of a log of `size` that one of `old` entries did not have."""
    found = []
    level = 0
    while size >> tiles.HEIGHT * level:
        have, want = old >> tiles.HEIGHT * level, size >> tiles.HEIGHT * level
        if want > have:
            numbers = range(have // tiles.WIDTH, (want + tiles.WIDTH - 1) // tiles.WIDTH)
            found += [(level, n, tiles.width_at(level, n, size)) for n in numbers]
        level += 1
    return found
