# SPDX-License-Identifier: Apache-2.0
"""An older database is put back, and other entries are written: the gateway does not start, and the witness, a
process of its own, signs no second history."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import uuid_utils

from gateway import db, keyring, sandbox
from gateway.audit import checkpoint, shards
from gateway.audit.events import Entry
from gateway.audit.log import Log
from gateway.settings import Settings
from gateway.witness import folder as witness
from tests.fixtures.commons import free_port
from tests.fixtures.witness import Running


class Gateway:
    """One gateway over one folder, asked for nothing but its log."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.said = settings.data_dir / "said"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start it; gives whether it came up."""
        port = self.settings.public_url.rsplit(":", 1)[1]
        place = ["--data", str(self.settings.data_dir), "--port", port]
        with self.said.open("wb") as said:
            command = [sys.executable, "-m", "gateway.cli", "serve", *place]
            self.process = subprocess.Popen(command, stdout=said, stderr=said)
        for _ in range(600):
            if self.process.poll() is not None:
                return False
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.settings.public_url}/log/health").status_code == 200:
                    return True
            time.sleep(0.1)
        return False

    def stop(self) -> None:
        """Pull its plug."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def health(self) -> dict[str, int]:
        """How publishing goes."""
        found: dict[str, int] = httpx.get(f"{self.settings.public_url}/log/health").json()
        return found

    def published(self) -> int:
        """Wait until all is published; gives how many entries that is."""
        for _ in range(200):
            health = self.health()
            if health["published_size"] == health["size"]:
                return health["size"]
            time.sleep(0.1)
        raise AssertionError("the log is not published")


def write(settings: Settings, count: int) -> None:
    """Append entries as a process beside the gateway does."""

    async def append() -> None:
        engine = db.connect(settings.url)
        log = Log(engine, keyring.load(settings.keys), settings.log_origin, deadline_ms=10_000)
        await log.start()
        for _ in range(count):
            id_ = str(uuid_utils.uuid7())
            await log.append(Entry(id_, "access.refused", 1, "o", "s", "p", "deny", "", 0, {}))
        await log.close()
        engine.dispose()

    asyncio.run(append())


def copy(data: Path, to: Path) -> None:
    """Copy the databases, and nothing else."""
    to.mkdir(exist_ok=True)
    for old in to.glob("*.db*"):
        old.unlink()
    for file in data.glob("*.db*"):
        if file.suffix in {".db", ".db-wal", ".db-shm"}:
            shutil.copy(file, to)


def test_a_log_that_was_put_back_is_refused_by_the_gateway_and_by_the_witness(
    tmp_path: Path, run_witness: Callable[..., Running], request: pytest.FixtureRequest
) -> None:
    data = tmp_path / "gateway"
    settings = sandbox.prepare(data, port=free_port())
    vkey = checkpoint.vkey(shards.this_year(settings.log_origin), keyring.load(settings.keys).log.public_key())
    key = witness.create(tmp_path / "witness", "witness.example/w")
    witness.trust(tmp_path / "witness", vkey)
    seeing = run_witness(tmp_path / "witness")
    (tmp_path / "policy").write_text(f"log {vkey}\nwitness w {key} {seeing.url}\nquorum w\n")
    with (data / "commons.env").open("a") as file:
        file.write(f"\nCOMMONS_LOG_POLICY={tmp_path / 'policy'}\n")
    gateway = Gateway(settings)
    request.addfinalizer(gateway.stop)

    assert gateway.start(), gateway.said.read_text()
    gateway.published()
    gateway.stop()
    copy(data, tmp_path / "backup")
    write(settings, 5)
    assert gateway.start(), gateway.said.read_text()
    size = gateway.published()
    gateway.stop()

    copy(tmp_path / "backup", data)
    seeing.kill()
    assert not gateway.start()  # the file outside the database knows better
    assert "older state" in gateway.said.read_text()
    shutil.rmtree(settings.log_seen)
    seeing = run_witness(tmp_path / "witness", seeing.port)
    assert not gateway.start()  # and so does the witness
    assert "older state" in gateway.said.read_text()

    write(settings, 9)  # somebody goes on nevertheless, past where the log was
    assert not gateway.start()
    assert "rewritten" in gateway.said.read_text()
    seeing.kill()
    assert gateway.start(), gateway.said.read_text()  # nobody is left who remembers …
    before = gateway.health()["published_size"]
    seeing = run_witness(tmp_path / "witness", seeing.port)
    time.sleep(3)
    assert gateway.health()["published_size"] == before < size  # … until the witness is back
    assert "another history" in gateway.said.read_text()
