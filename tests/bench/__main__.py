# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench`: measure this gateway against an echo, a source, Envoy and the naive version.

All candidates are up at once and are measured in turn, several rounds of it, so that whatever else the machine does
falls on all alike; the figures are medians over the rounds. docs/benchmarks.md says what is measured and how.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pstats
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from tests.bench import chart, measure, programs, report, slow
from tests.bench.candidate import Candidate, Fleet
from tests.bench.candidates import MAKERS, SLOW_MS
from tests.bench.measure import Sample
from tests.bench.pinned import LOAD_CORE, free_port
from tests.bench.town import prepare

PEOPLE, RESIDENTS = 20_000, 200
QUICK_PEOPLE, QUICK_RESIDENTS = 1000, 5


class Options(argparse.Namespace):
    """The arguments."""

    quick: bool
    only: list[str]
    rounds: int
    seconds: float
    profile: Path | None
    data: Path
    out: Path


def options(arguments: list[str] | None = None) -> Options:
    """Read them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round in a small town: do the parts work?")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=list(MAKERS), metavar="NAME,NAME",
        help=f"of {', '.join(MAKERS)}",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement; there are two a round")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="cProfile of the gateway (it slows it down)")
    parser.add_argument("--data", type=Path, help="folder to work in (var/bench)")
    parser.add_argument("--out", type=Path, help="rows (bench-results/latest.json); the chart goes beside")
    found = parser.parse_args(arguments, Options())
    if unknown := set(found.only) - MAKERS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(MAKERS)}")
    if found.quick:
        found.rounds, found.seconds = 1, 0.4
    name = "quick" if found.quick else "latest"  # what means nothing does not replace what does
    found.data = found.data or Path("var/bench-quick" if found.quick else "var/bench")
    found.out = found.out or Path(f"bench-results/{name}.json")
    return found


def main(arguments: list[str] | None = None, console: Console | None = None) -> int:
    """Measure, print, write. Exit status 0 only if every row is valid."""
    chosen, said = options(arguments), console or Console()
    try:
        for program in ("load", "upstream"):
            programs.built(program)
    except programs.AbsentError as absent:
        said.print(str(absent))
        return 1
    if "envoy-opa" in chosen.only and not programs.PLUGIN_BINARY.exists():
        said.print(f"Building opa-envoy-plugin {programs.PLUGIN} with Go, once; a few minutes …", highlight=False)
        with contextlib.suppress(programs.AbsentError):  # told again, as the reason why the row is missing
            programs.opa_envoy_plugin()
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})  # the council's twin inherits it
    try:
        with _alone(chosen.data):
            found = run(chosen, said)
    finally:
        os.sched_setaffinity(0, before)
    report.show(said, found)
    report.write(found, chosen.out)
    chart.write(report.records(found), chosen.out.with_suffix(".svg"))
    said.print(f"Written: {chosen.out} and {chosen.out.with_suffix('.svg')}", highlight=False)
    if chosen.profile:
        pstats.Stats(str(chosen.profile)).sort_stats("tottime").print_stats(25)
    return 0 if all(row.valid for row in found) else 1


def run(chosen: Options, said: Console) -> list[report.Row]:
    """Put everything up, measure what was chosen, take everything down."""
    people, residents = (QUICK_PEOPLE, QUICK_RESIDENTS) if chosen.quick else (PEOPLE, RESIDENTS)
    said.print(f"The synthetic town ({people:,} people, kept in {chosen.data}) and its sources …", highlight=False)
    town = prepare(chosen.data, port=free_port(), people=people, residents=residents)
    said.print(f"{len(town.residents)} citizens whom all three sources know are asked about.", highlight=False)
    with contextlib.ExitStack() as stack:
        stack.callback(town.twins.stop)
        fleet = Fleet(town, chosen.data, chosen.profile)
        stack.callback(fleet.stop)
        fleet.start_upstream()
        candidates: list[Candidate] = []
        for name in (name for name in MAKERS if name in chosen.only):
            try:
                candidates.append(MAKERS[name](fleet))
            except programs.AbsentError as absent:
                said.print(f"{name} is not measured. {absent}", highlight=False)
        return rounds(fleet, candidates, chosen, said)


def rounds(fleet: Fleet, candidates: list[Candidate], chosen: Options, said: Console) -> list[report.Row]:
    """Each candidate in turn, and that several times."""
    busy: dict[str, list[Sample]] = {one.name: [] for one in candidates}
    eased: dict[str, list[Sample]] = {one.name: [] for one in candidates}
    for turn in range(chosen.rounds):
        for one in candidates:
            first, second = _late(fleet, one, chosen) if one.rate else _both(fleet, one, chosen)
            busy[one.name].append(first)
            eased[one.name].append(second)
            line = (
                f"{turn + 1}/{chosen.rounds}  {one.name:11} {first.rps:7.0f}/s  p50 {first.p50_ms:6.2f}  "
                f"p99 {first.p99_ms:6.2f} ms  {first.cpu_s_per_1000:6.3f} CPU s/1k  "
                f"open p50 {second.p50_ms:6.2f}  p99 {second.p99_ms:6.2f} ms"
            )
            said.print(line, highlight=False, soft_wrap=True)
            if faults := first.faults + second.faults:
                said.print(f"     {dict(faults)}", style="red", highlight=False, markup=False)
    return report.rows(candidates, busy, eased)


def _both(fleet: Fleet, one: Candidate, chosen: Options) -> tuple[Sample, Sample]:
    """As much as it can do, then a share of that by a schedule."""
    first = measure.closed(one, fleet.folder, chosen.seconds)
    return first, measure.eased(one, fleet.folder, chosen.seconds, rps=first.rps)


def _late(fleet: Fleet, one: Candidate, chosen: Options) -> tuple[Sample, Sample]:
    """At its own low rate while every source is late."""
    with slow.sources(fleet, SLOW_MS):
        slowest = slow.slowest_ms(fleet)
        sample = measure.opened(one, fleet.folder, chosen.seconds, rate=one.rate)
    sample.slowest_ms = slowest
    return sample, sample


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One benchmark at a time in a folder. Exits with a sentence when there is another."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"Another benchmark works in {folder}: wait for it, or name another folder with --data.")
        yield


if __name__ == "__main__":
    sys.exit(main())
