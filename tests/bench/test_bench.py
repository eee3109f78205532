# SPDX-License-Identifier: Apache-2.0
"""The benchmark itself: it runs, and its rows are of right answers. Nothing is asserted of how fast they were."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import make_url

from tests.bench import judge, ledger, log, measure, programs, withdrawal
from tests.bench.__main__ import main
from tests.bench.candidate import DUTIES, Candidate
from tests.bench.pinned import CANDIDATE_CORE, Pinned, free_port
from tests.fixtures.commons import World

WANTED = ("echo", "direct", "envoy", "naive", "ours-1", "ours-3", "ours-3-slow")


def test_the_quick_benchmark_gives_a_valid_row_for_each_candidate(tmp_path: Path, opa: str) -> None:
    _go()
    assert opa
    out, said = tmp_path / "results" / "latest.json", io.StringIO()
    arguments = ["--quick", "--only", ",".join(WANTED), "--data", str(tmp_path / "bench"), "--out", str(out)]
    status = main(arguments, Console(file=said, width=200))
    rows = json.loads(out.read_text())
    assert [row["faults"] for row in rows] == [{}] * len(WANTED), said.getvalue()
    assert status == 0
    assert [row["name"] for row in rows] == list(WANTED)
    for row in rows:
        assert 0 <= row["p50_ms"] <= row["p99_ms"]
        assert row["rss_mb"] > 1
        assert set(row["duties_skipped"]) <= set(DUTIES)
        assert row["name"] in said.getvalue()
    ours = rows[WANTED.index("ours-1")]
    assert ours["duties_skipped"] == []
    assert {"rps", "cpu_s_per_1000", "ratio_to_naive", "ratio_to_envoy"} <= ours.keys()
    late = rows[WANTED.index("ours-3-slow")]
    assert late["p50_ms"] >= 20  # every source waits that long
    assert out.with_suffix(".svg").read_text().count("<circle") == 3 * len(WANTED)


def test_an_answer_or_a_log_that_is_not_as_it_must_be_makes_the_row_invalid(tmp_path: Path) -> None:
    _go()
    port = free_port()
    run = Pinned([sys.executable, "-m", "tests.bench.echo", str(port)], CANDIDATE_CORE, tmp_path / "echo.txt")
    try:
        run.await_port(port)
        sent = {"method": "POST", "path": "/", "headers": {"Host": "127.0.0.1"}, "body": "{}"}
        liar = Candidate("liar", "", (), port, lambda: [sent | {"expect": ["what never comes"]}], (run.pid,))
        mute = Candidate("mute", "", (), port, lambda: [sent | {"expect": ["{}"]}], (run.pid,), lambda: 7, 2)
        assert measure.closed(liar, tmp_path, 0.2).faults.keys() == {"unexpected body", "no answer at all"}
        assert measure.opened(mute, tmp_path, 0.2, rate=50).faults == {"log entries that differ": 2 * 12}
    finally:
        run.stop()
    assert (tmp_path / "liar.fault.txt").read_text() == "{}"


def test_the_bench_of_the_judge_gives_a_row_for_each_judge_and_number_of_agreements(
    tmp_path: Path, opa: str
) -> None:
    assert opa
    out = tmp_path / "judge.json"
    assert judge.main(["--rounds", "5", "--agreements", "2,20", "--out", str(out)]) == 0
    rows = json.loads(out.read_text())
    assert [(row["judge"], row["agreements"]) for row in rows] == [
        ("embedded", 2), ("opa", 2), ("embedded", 20), ("opa", 20),
    ]  # fmt: skip
    assert all(row["pairs"] == 40 and 0 < row["p50_us"] <= row["p99_us"] for row in rows)
    assert out.with_suffix(".svg").read_text().count("<circle") == len(rows)


def _go() -> None:
    try:
        programs.go()
    except programs.AbsentError as absent:
        pytest.skip(str(absent))


def test_a_withdrawal_is_measured_from_its_acknowledgement_to_the_refusal(world: World) -> None:
    row = withdrawal.measure(world, world.url, world.url, 3, "SQLite")
    assert (row.rounds, row.late) == (3, 0)
    assert 0 < row.p50_ms <= row.p99_ms == row.most_ms
    assert row.withdrawal_p50_ms > 0


def test_the_bench_of_the_log_prints_its_figures_and_finds_the_log_whole_after_a_kill(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log.main(["--seconds", "0.4", "--stores", "SQLite", "--data", str(tmp_path)])
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("acknowledged entries stand") == 2
    for told in ("Tessera POSIX", "in the process", "4 workers", "10,000 entries/s", "25 ms"):
        assert told in said


def test_the_ledger_is_asked_and_made_again_as_it_was_loaded(
    empty_postgres: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "FEW", 60)
    readings, speed = ledger.measure(make_url(empty_postgres()), 150, 50, Console(file=io.StringIO()))
    assert [one.people for one in readings] == [60, 150]
    assert all(0 < one.p50_ms <= one.p99_ms <= one.percentiles[99] for one in readings)
    assert speed.events == 150 * ledger.GRANTS
    ledger.plot(readings, tmp_path / "ledger.svg")
    assert (tmp_path / "ledger.svg").read_text().count("<polyline") == 3
