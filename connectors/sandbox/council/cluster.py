# SPDX-License-Identifier: Apache-2.0
"""One small PostgreSQL server of our own: made, started, asked, stopped. It listens on 127.0.0.1 alone.

Its data can be made anew at any time, so it does not wait for disks.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, TextIO

import psycopg

from connectors.sandbox.council import binaries
from connectors.sandbox.council.binaries import CouncilError

OWNER, READER, DATABASE = "core_owner", "gateway_reader", "core"

_START_SECONDS = 60
_ELSEWHERE = "commons-council-"
"""Prefix of the places in the temporary folder."""
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
    "autovacuum": "off",
    "jit": "off",
    "log_min_messages": "fatal",
    "timezone": "Europe/London",
}


class Cluster:
    """The server whose files belong to `folder`. Not thread safe; one Cluster per server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._account = binaries.account()
        self._programs = binaries.reachable(binaries.find(), self._account)
        self._server: subprocess.Popen[bytes] | None = None
        self._lock: TextIO | None = None
        self.port = 0

    @property
    def data(self) -> Path:
        """The server's files: in `folder`, or in the temporary folder where root keeps `folder` to itself."""
        if self._account is None or self._account.may_enter(self.folder):
            return self.folder / "pgdata"
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"{_ELSEWHERE}{name}" / "pgdata"

    def ready_to_start(self) -> bool:
        """Whether files are there that this PostgreSQL can run."""
        if not self.folder.exists():
            return False
        marker = self.data / "PG_VERSION"
        return marker.exists() and marker.read_text().strip() == binaries.major(self._programs)

    def make(self) -> None:
        """An empty server with new passwords; what was there is deleted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take()
        self._delete()
        for name in (OWNER, READER):
            write_secret(self.folder / f"{name}.password", secrets.token_urlsafe(24))
        self._make_room()
        self.data.mkdir(mode=0o700)
        if self._account:
            os.chown(self.data, self._account.uid, self._account.gid)
        self._initdb()

    def _make_room(self) -> None:
        """In the temporary folder: a place that says whose it is, after clearing those whose owner is gone."""
        if self.data.parent == self.folder:
            return
        for place in Path(tempfile.gettempdir()).glob(f"{_ELSEWHERE}*"):
            with contextlib.suppress(
                FileNotFoundError
            ):  # another twin clears it at this moment, or has no origin yet
                if place.stat().st_uid == os.geteuid() and not Path((place / "origin").read_text()).exists():
                    shutil.rmtree(place, ignore_errors=True)
        self.data.parent.mkdir(mode=0o711, exist_ok=True)
        if self.data.parent.stat().st_uid != os.geteuid():
            raise CouncilError(f"{self.data.parent} belongs to somebody else")
        (self.data.parent / "origin").write_text(str(self.folder))

    def _initdb(self) -> None:
        password = self.data.with_name(f"{self.data.name}.initial")
        write_secret(password, self.password(OWNER))
        if self._account:
            os.chown(password, self._account.uid, self._account.gid)
        try:
            self._run("initdb", "-D", self.data, "-U", OWNER, "-A", "scram-sha-256", f"--pwfile={password}",
                      "-E", "UTF8", "--no-locale", "--no-sync")  # fmt: skip
        finally:
            password.unlink()

    def remove(self) -> None:
        """Stops a server that a killed twin left behind on these files, then deletes them."""
        if not self.folder.exists():
            return
        self._take()
        try:
            self._delete()
        finally:
            self._release()

    def _delete(self) -> None:
        self._end_leftover()
        shutil.rmtree(self.data if self.data.parent == self.folder else self.data.parent, ignore_errors=True)

    def _take(self) -> None:
        """Makes the files ours. The lock goes when its holder does, however that ends; a server whose holder has
        gone is a leftover."""
        if self._lock:
            return
        lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise CouncilError(f"another council twin runs over {self.folder}") from None
        self._lock = lock

    def _release(self) -> None:
        if self._lock:
            self._lock.close()
        self._lock = None

    def start(self, port: int = 0) -> int:
        """Starts the server and returns its port once it answers. Raises CouncilError when it does not, or when
        another twin runs over the same files."""
        self._take()
        self._end_leftover()
        self.port = port or free_port()
        settings = [part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")]
        self._server = subprocess.Popen(  # noqa: S603  # a program we found ourselves
            [self._programs / "postgres", "-D", self.data, "-p", str(self.port), *settings],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for its parent, which then stops it in order
            **self._as(),
        )
        self._wait()
        return self.port

    def _wait(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self._server is None or self._server.poll() is not None:
                raise CouncilError("the council's PostgreSQL stopped at once: is its port taken?")
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise CouncilError(f"the council's PostgreSQL did not answer within {_START_SECONDS} s")

    def stop(self) -> None:
        """Stops the server if it runs: open connections are closed, the files are left whole."""
        if self._server and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._server.send_signal(signal.SIGQUIT)
                self._server.wait(timeout=20)
        self._server = None
        self._release()

    @property
    def running(self) -> bool:
        """Whether the server started here still runs."""
        return self._server is not None and self._server.poll() is None

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        """A connection as the owner, each statement its own transaction."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=OWNER, password=self.password(OWNER),
            autocommit=True, connect_timeout=5,
        )  # fmt: skip

    def password(self, role: str) -> str:
        """The password of that role."""
        return (self.folder / f"{role}.password").read_text()

    def reader_url(self) -> str:
        """SQLAlchemy URL of the role that may only look. It holds a password: for the secrets folder."""
        return f"postgresql+psycopg://{READER}:{self.password(READER)}@127.0.0.1:{self.port}/{DATABASE}"

    def _end_leftover(self) -> None:
        """Ends the server of a twin that was killed; its number is in the first line of postmaster.pid."""
        marker = self.data / "postmaster.pid"
        if not marker.exists():
            return
        pid = int(marker.read_text().split("\n", 1)[0])
        command = Path(f"/proc/{pid}/cmdline")
        if command.exists() and str(self.data).encode() not in command.read_bytes():
            marker.unlink()  # the number was given to another program since
            return
        try:
            os.kill(pid, signal.SIGINT)
        except ProcessLookupError:
            marker.unlink()
            return
        until = time.monotonic() + 20
        while marker.exists() and time.monotonic() < until:
            time.sleep(0.05)

    def _run(self, program: str, *arguments: Any) -> None:
        done = subprocess.run(  # noqa: S603  # a program we found ourselves
            [self._programs / program, *map(str, arguments)],
            capture_output=True,
            cwd="/",
            check=False,
            **self._as(),
        )
        if done.returncode:
            raise CouncilError(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")

    def _as(self) -> dict[str, Any]:
        return self._account.popen() if self._account else {}


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_secret(path: Path, value: str) -> None:
    """Writes a secret for our eyes alone."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(value)
