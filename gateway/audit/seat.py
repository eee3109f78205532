# SPDX-License-Identifier: Apache-2.0
"""Who leads: of all processes over one folder and database, the one that holds the lock on `log.db-leader`.

The kernel gives the lock up when its process ends, however that ends, so nobody leads twice and nobody has to be
declared dead. The leader listens on `log.db-socket`; whoever comes second sends there. With PostgreSQL the names
begin with the database instead of `log.db`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

_LONGEST = 100
"""Bytes of a socket's path that every system takes."""


class Seat:
    """The leader's place in one folder; `name` is that of the log."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._leader = f"{name}-leader"
        self._socket = f"{name}-socket"
        self._lock = -1

    def take(self) -> bool:
        """Take the seat if it is free; whether it is ours now. Raises OSError."""
        lock = os.open(self._folder / self._leader, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def leave(self) -> None:
        """Give the seat up, if it is ours."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def listen(self) -> socket.socket:
        """The socket that workers find; one that a dead leader left is replaced. Raises OSError."""
        listener = socket.socket(socket.AF_UNIX)
        with self._address() as address:
            Path(address).unlink(missing_ok=True)
            mask = os.umask(0o177)  # for its owner alone, from the first moment
            try:
                listener.bind(address)
            finally:
                os.umask(mask)
        listener.listen(64)
        listener.setblocking(False)
        return listener

    def hide(self) -> None:
        """Take the socket's name away: nobody may come any more."""
        with contextlib.suppress(OSError):
            (self._folder / self._socket).unlink()

    def connect(self) -> socket.socket:
        """A connection to the leader. Raises OSError."""
        connected = socket.socket(socket.AF_UNIX)
        try:
            with self._address() as address:
                connected.connect(address)
        except OSError:
            connected.close()
            raise
        connected.setblocking(False)
        return connected

    @contextlib.contextmanager
    def _address(self) -> Iterator[str]:
        """The socket's path, in a form that is short enough however deep the folder lies."""
        path = str((self._folder / self._socket).absolute())
        if len(path.encode()) <= _LONGEST:
            yield path
            return
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{folder}/{self._socket}"
        finally:
            os.close(folder)
