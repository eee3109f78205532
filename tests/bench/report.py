# SPDX-License-Identifier: Apache-2.0
"""Rows out of samples; the rows as a table and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.candidates import Candidate
from tests.bench.measure import Sample, median


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one candidate. Ratios are of requests/s; 0 where the other was not measured. `faults` names
    every answer or log entry that was not as it must be: a row with any is not valid."""

    name: str
    title: str
    rps: float
    p50_ms: float
    p99_ms: float
    open_rps: float
    open_p50_ms: float
    open_p99_ms: float
    cpu_s_per_1000: float
    rss_mb: float
    ratio_to_echo: float
    ratio_to_envoy: float
    ratio_to_naive: float
    rounds: int
    duties_skipped: str
    valid: bool
    faults: dict[str, int]


def rows(
    candidates: Sequence[Candidate], closed: Mapping[str, list[Sample]], opened: Mapping[str, list[Sample]]
) -> list[Row]:
    """One row for each candidate."""
    rps = {name: median([sample.rps for sample in samples]) for name, samples in closed.items()}

    def ratio(name: str, to: str) -> float:
        return round(rps[name] / rps[to], 4) if rps.get(to) else 0.0

    return [_row(one, closed[one.name], opened[one.name], ratio) for one in candidates]


def _row(one: Candidate, busy: list[Sample], eased: list[Sample], ratio: Callable[[str, str], float]) -> Row:
    faults: Counter[str] = sum((sample.faults for sample in (*busy, *eased)), Counter())
    return Row(
        name=one.name,
        title=one.title,
        rps=round(median([s.rps for s in busy]), 1),
        p50_ms=round(median([s.p50_ms for s in busy]), 3),
        p99_ms=round(median([s.p99_ms for s in busy]), 3),
        open_rps=round(median([s.rps for s in eased]), 1),
        open_p50_ms=round(median([s.p50_ms for s in eased]), 3),
        open_p99_ms=round(median([s.p99_ms for s in eased]), 3),
        cpu_s_per_1000=round(median([s.cpu_s_per_1000 for s in busy]), 4),
        rss_mb=round(max(s.rss_mb for s in busy), 1),
        ratio_to_echo=ratio(one.name, "echo"),
        ratio_to_envoy=ratio(one.name, "envoy"),
        ratio_to_naive=ratio(one.name, "naive"),
        rounds=len(busy),
        duties_skipped=one.duties_skipped,
        valid=not faults,
        faults=dict(faults),
    )


def show(console: Console, found: Sequence[Row]) -> None:
    """Print them."""
    table = Table(box=None, padding=(0, 1), title="one core; medians", title_justify="left")
    table.add_column("candidate", no_wrap=True)
    for name in ("req/s", "p50 ms", "p99 ms", "open p99", "CPU s/1k", "MB", "x echo", "x Envoy", "x naive"):
        table.add_column(name, justify="right")
    for row in found:
        table.add_row(
            row.name if row.valid else f"{row.name} INVALID",
            f"{row.rps:,.0f}",
            f"{row.p50_ms:.2f}",
            f"{row.p99_ms:.2f}",
            f"{row.open_p99_ms:.2f}",
            f"{row.cpu_s_per_1000:.3f}",
            f"{row.rss_mb:.0f}",
            *(f"{ratio:.3f}" if ratio else "–" for ratio in (row.ratio_to_echo, row.ratio_to_envoy)),
            f"{row.ratio_to_naive:.1f}" if row.ratio_to_naive else "–",
        )
    console.print(table)
    for row in found:
        console.print(f"{row.name}: {row.title}. Does not do: {row.duties_skipped}.", highlight=False)
        if row.faults:
            console.print(f"  not valid: {row.faults}", style="red", highlight=False)


def write(found: Sequence[Row], path: Path) -> None:
    """Write them as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
