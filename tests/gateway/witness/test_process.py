# SPDX-License-Identifier: Apache-2.0
"""A witness as its operator runs it: over HTTP, killed at any moment, and set up with the command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from gateway.witness import folder
from tests.fixtures.witness import Running

from .conftest import LOG_VKEY, NAME, ORIGIN, body, is_cosigned, note

Run = Callable[..., Running]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "gateway.cli", "witness", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_a_witness_is_set_up_with_three_commands(tmp_path: Path, run_witness: Run) -> None:
    data = str(tmp_path / "w")
    made = command("init", NAME, "--data", data)
    assert made.returncode == 0
    assert command("vkey", "--data", data).stdout == made.stdout
    assert command("init", NAME, "--data", data).returncode == 1
    assert command("trust", "not-a-key", "--data", data).returncode == 1
    assert command("trust", LOG_VKEY, "--data", data).returncode == 0
    answer = run_witness(tmp_path / "w", command=True).post(body(0, 3))
    assert is_cosigned(made.stdout, note(3), answer.text)


def test_statuses_and_media_types_go_over_http(witness_dir: Path, run_witness: Run) -> None:
    up = run_witness(witness_dir)
    first = up.post(body(0, 5))
    assert (first.status_code, first.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    conflict = up.post(body(0, 5))
    assert (conflict.status_code, conflict.headers["content-type"]) == (409, "text/x.tlog.size")
    assert conflict.text == "5\n"
    assert up.post(b"").status_code == 400
    assert up.post(body(5, 9, "other")).status_code == 422
    assert up.post(b"old 0\n" + b"A" * 70_000).status_code == 413
    assert httpx.get(f"{up.url}/add-checkpoint").status_code == 405


def test_monitors_read_the_newest_cosigned_checkpoint(witness_dir: Path, run_witness: Run) -> None:
    up = run_witness(witness_dir)
    address = f"{up.url}/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"
    assert httpx.get(address).status_code == 404
    line = up.post(body(0, 5)).text
    assert httpx.get(address).text == note(5) + line
    assert httpx.get(f"{up.url}/{sha256(b'other').hexdigest()}/checkpoint").status_code == 404


@pytest.mark.slow
def test_a_witness_killed_at_any_moment_never_signs_a_second_history(
    witness_dir: Path, run_witness: Run, soak: bool
) -> None:
    key = folder.vkey_of(witness_dir)
    address = f"{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"
    histories: set[str] = set()
    for round_ in range(40 if soak else 2):
        up = run_witness(witness_dir)
        newest = httpx.get(f"{up.url}/{address}")
        at = int(newest.text.split("\n")[1]) if newest.status_code == 200 else 0

        def ask(n: int, at: int = at, up: Running = up) -> tuple[int, str, str] | None:
            word = "n" if n % 2 else "other"
            try:
                answer = up.post(body(at, at + 1 + n, word))
            except httpx.TransportError:
                return None
            return (at + 1 + n, word, answer.text) if answer.status_code == 200 else None

        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask, n) for n in range(8)]
            asked[round_ % 8].result()
            up.kill()
            won = [one for each in asked if (one := each.result()) is not None]
        assert len(won) <= 1
        for size, word, line in won:
            assert is_cosigned(key, note(size, word), line)
            histories.add(word)
    assert len(histories) <= 1
    assert int(httpx.get(f"{run_witness(witness_dir).url}/{address}").text.split("\n")[1]) > 0
