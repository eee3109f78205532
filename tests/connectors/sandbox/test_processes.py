# SPDX-License-Identifier: Apache-2.0
"""The twins as processes: they say when they are ready, end when told, and leave nothing behind."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from connectors.sandbox.council.cluster import Cluster, free_port
from connectors.sandbox.launch import NAMES, LaunchError, Twins, launch
from connectors.sandbox.populate import populate
from connectors.sandbox.test_citizens import TEST_CITIZENS


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory, town: Path) -> Iterator[Path]:
    """A data folder of its own, since two twins cannot run over one (after the town, which skips)."""
    folder = tmp_path_factory.mktemp("village")
    populate(len(TEST_CITIZENS), 1, folder)
    yield folder
    Cluster(folder / "council").remove()


def _start(name: str, data: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"connectors.sandbox.{name}", "--data", str(data / name), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_says_when_it_is_ready_and_ends_cleanly_when_told(name: str, village: Path, tmp_path: Path) -> None:
    port = free_port()
    twin = _start(name, village, "--port", str(port), "--port-file", str(tmp_path / "port"))
    with twin:
        assert twin.stdout is not None
        assert twin.stdout.readline().startswith("ready ")
        assert (tmp_path / "port").read_text() == str(port)
        assert _answers(port)
        twin.send_signal(signal.SIGTERM)
        assert twin.wait(timeout=30) == 0
        assert twin.stdout.read() == ""
    assert not _answers(port)


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_ends_when_its_parent_does(name: str, village: Path) -> None:
    twin = _start(name, village, "--with-parent")
    with twin:
        assert twin.stdout is not None
        assert twin.stdin is not None
        port = int(twin.stdout.readline().rsplit(":", 1)[1].split("/")[0])
        twin.stdin.close()
        assert twin.wait(timeout=30) == 0
    assert not _answers(port)


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_without_a_population_says_what_to_do(name: str, tmp_path: Path) -> None:
    twin = _start(name, tmp_path)
    _, said = twin.communicate(timeout=30)
    assert twin.returncode != 0
    assert "commons sandbox populate" in said


def test_a_twin_listens_on_loopback_only(village: Path) -> None:
    with launch(village) as twins:
        for pid in twins.pids.values():
            listening = set()
            for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):  # a database's helper may end meanwhile
                    listening |= {c.laddr.ip for c in process.net_connections("tcp") if c.status == "LISTEN"}
            assert listening == {"127.0.0.1"}


def test_a_council_database_left_behind_by_a_killed_twin_is_ended_at_the_next_start(village: Path) -> None:
    twin = _start("council", village)
    with twin:
        assert twin.stdout is not None
        twin.stdout.readline()
        orphans = psutil.Process(twin.pid).children()
        twin.kill()
    assert any(orphan.is_running() for orphan in orphans)
    with launch(village) as twins:
        assert twins.council.port
        assert not any(orphan.is_running() and orphan.status() != psutil.STATUS_ZOMBIE for orphan in orphans)


def test_a_second_council_twin_over_the_same_files_is_refused(village: Path) -> None:
    with launch(village) as twins:
        second = _start("council", village)
        _, said = second.communicate(timeout=30)
        assert second.returncode != 0
        assert "another council twin runs" in said
        twins.council.connect().close()


def test_launching_over_nothing_fails_and_leaves_nothing_running(tmp_path: Path) -> None:
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(LaunchError):
        launch(tmp_path)
    assert {child.pid for child in psutil.Process().children()} <= before


def test_secrets_are_written_as_the_gateway_reads_them(running_twins: Twins, tmp_path: Path) -> None:
    running_twins.write_secrets(tmp_path / "secrets")
    written = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert written == running_twins.secrets
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "secrets").iterdir()} == {0o600}


def test_a_stopped_twin_can_be_started_again_on_its_port(village: Path) -> None:
    with launch(village) as twins:
        url = httpx.URL(twins.addresses["charity"])
        assert url.port
        twins.stop("charity")
        assert not _answers(url.port)
        twins.start("charity", url.port)
        assert httpx.get(f"{url}/status").json() == {"status": "ok"}


def test_a_question_that_hangs_does_not_keep_a_twin_from_ending(village: Path) -> None:
    twin = _start("nhs", village)
    with twin:
        assert twin.stdout is not None
        url = httpx.URL(twin.stdout.readline().split()[1])
        httpx.put(url.join("/__sandbox/faults"), json={"mode": "hang"})
        with socket.create_connection(("127.0.0.1", url.port or 0)) as asker:
            asker.sendall(b"GET /FHIR/R4/Patient/9990000018 HTTP/1.1\r\nHost: twin\r\n\r\n")
            twin.send_signal(signal.SIGTERM)
            assert twin.wait(timeout=30) == 0
