# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench`: measure this gateway against an echo, a source, Envoy and the naive version.

All candidates are up at once and are measured in turn, several rounds of it, so that whatever else the machine does
falls on all alike; the figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from pathlib import Path

from rich.console import Console

from tests.bench import measure, programs, report
from tests.bench.candidates import Candidate, Fleet
from tests.bench.measure import Sample
from tests.bench.pinned import LOAD_CORE, free_port
from tests.bench.town import prepare

NAMES = ("echo", "direct", "envoy", "naive", "ours-1", "ours-3")

PEOPLE = 20_000
RESIDENTS = 200
WARMUP_S = 0.5


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: do the parts work?")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(NAMES), metavar="NAME,NAME")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--profile", type=Path, help="write the gateway's cProfile there (it slows it down)")
    parser.add_argument("--data", type=Path, default=Path("var/bench"), help="folder to work in")
    parser.add_argument("--out", type=Path, default=Path("bench-results/latest.json"))
    found = parser.parse_args(arguments)
    if unknown := set(found.only) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if found.quick:
        found.rounds, found.seconds = 1, 0.5
    return found


def run(chosen: argparse.Namespace, console: Console) -> int:
    """Measure what was chosen."""
    folder: Path = chosen.data
    console.print("The synthetic town and its sources …")
    town = prepare(
        folder,
        port=free_port(),
        people=1000 if chosen.quick else PEOPLE,
        residents=5 if chosen.quick else RESIDENTS,
    )
    with contextlib.ExitStack() as stack:
        stack.callback(town.twins.stop)
        fleet = Fleet(town, folder, profile=chosen.profile)
        stack.callback(fleet.stop)
        fleet.start_upstream()
        makers = {"echo": fleet.echo, "direct": fleet.direct, "envoy": fleet.envoy, "naive": fleet.naive,
                  "ours-1": fleet.ours, "ours-3": fleet.ours_three}  # fmt: skip
        candidates = [makers[name]() for name in NAMES if name in chosen.only]
        busy, eased = rounds(candidates, chosen, console)
    found = report.rows(candidates, busy, eased)
    report.show(console, found)
    report.write(found, chosen.out)
    return 0 if all(row.valid for row in found) else 1


Samples = dict[str, list[Sample]]


def rounds(candidates: list[Candidate], chosen: argparse.Namespace, console: Console) -> tuple[Samples, Samples]:
    """Each candidate in turn, and that several times: closed, and then open at a share of what it just did."""
    busy: Samples = {one.name: [] for one in candidates}
    eased: Samples = {one.name: [] for one in candidates}
    for turn in range(chosen.rounds):
        for one in candidates:
            started = time.monotonic()
            first = measure.closed(
                one, chosen.data, seconds=chosen.seconds, warmup=WARMUP_S, in_flight=measure.IN_FLIGHT
            )
            rate = max(first.rps * measure.OPEN_SHARE, 1.0)
            second = measure.open_loop(one, chosen.data, seconds=chosen.seconds, warmup=WARMUP_S, rate=rate)
            busy[one.name].append(first)
            eased[one.name].append(second)
            console.print(
                f"round {turn + 1}/{chosen.rounds}  {one.name:10} {first.rps:8.0f}/s  p50 {first.p50_ms:7.2f}  "
                f"p99 {first.p99_ms:7.2f} ms  open p99 {second.p99_ms:7.2f}  {first.cpu_s_per_1000:.3f} s/1k  "
                f"{dict(first.faults + second.faults) or ''}  ({time.monotonic() - started:.0f} s)",
                highlight=False,
            )
    return busy, eased


def main() -> int:
    """Measure, print, write. Exit status 0 only if every row is valid."""
    chosen = options()
    console = Console()
    try:
        programs.go()
        programs.built("load")
        programs.built("upstream")
    except programs.AbsentError as absent:
        console.print(str(absent))
        return 1
    os.sched_setaffinity(0, {LOAD_CORE})
    return run(chosen, console)


if __name__ == "__main__":
    sys.exit(main())
