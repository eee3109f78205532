# SPDX-License-Identifier: Apache-2.0
"""`commons demo` on a machine where something is in the way, and when it is stopped. Its story runs in CI."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import sandbox
from tests.fixtures.commons import free_port

START_S = 120


def demo(data: Path, port: int, *more: str) -> subprocess.Popen[str]:
    """A demo as a process of its own, at a terminal of its own."""
    command = [sys.executable, "-m", "gateway.cli", "demo", "--data", str(data), "--port", str(port)]
    return subprocess.Popen(
        [*command, "--people", "100", *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True, env=os.environ | {"COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """What the demo says up to the line with `words`."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it never said {words!r} but\n{said}")


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """Whatever the test finds, the process is gone afterwards."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_port_that_is_taken_is_one_sentence_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = demo(tmp_path / "demo", port, "--exit")
        with ended(process):
            said, _ = process.communicate(timeout=START_S)
    assert process.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken by another program. Choose another: make demo PORT=" in said
    assert "Traceback" not in said
    assert not (tmp_path / "demo").exists()


def test_a_second_demo_in_the_same_folder_says_so(tmp_path: Path) -> None:
    with (tmp_path / "demo.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = demo(tmp_path, free_port(), "--exit")
        with ended(process):
            said, _ = process.communicate(timeout=START_S)
    assert process.returncode == 1
    assert "Another demo runs in" in said
    assert "Traceback" not in said


def test_a_folder_moves_to_another_port_with_its_keys_its_log_and_its_token(tmp_path: Path) -> None:
    before = sandbox.prepare(tmp_path, port=8080)
    after = sandbox.prepare(tmp_path, port=8081)
    assert after.public_url == "http://127.0.0.1:8081"
    assert after.log_origin == before.log_origin
    assert after.log_monitor_token == before.log_monitor_token


def test_an_address_that_somebody_chose_stays(tmp_path: Path) -> None:
    sandbox.prepare(tmp_path, port=8080)
    file = tmp_path / "commons.env"
    file.write_text(file.read_text().replace("http://127.0.0.1:8080", "https://gateway.example"))
    assert sandbox.prepare(tmp_path, port=8081).public_url == "https://gateway.example"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    process = demo(tmp_path, port)
    with ended(process):
        read_until(process, "Up until Ctrl-C.")
        process.send_signal(number)
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(timeout=60) == 0
    assert said == "Stopping.\n"
    assert not listens(port)


def test_a_demo_stopped_while_it_sets_up_leaves_nothing_running(tmp_path: Path) -> None:
    port = free_port()
    process = demo(tmp_path, port)
    with ended(process):
        read_until(process, "synthetic people only")
        process.send_signal(signal.SIGHUP)  # the terminal was closed
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(timeout=60) == 130
    assert "Stopped before the end of the story." in said
    assert "Traceback" not in said
    assert not listens(port)


def test_a_folder_that_holds_one_town_is_not_given_another(tmp_path: Path) -> None:
    settings = sandbox.prepare(tmp_path, port=8080)
    first = sandbox.settle(settings, people=100, seed=1)
    with pytest.raises(sandbox.TownFault, match="100 people, seed 1"):
        sandbox.settle(settings, people=200, seed=1)
    again = sandbox.settle(settings, people=100, seed=1)
    assert not again.fresh
    assert again.digest == first.digest
