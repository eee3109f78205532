# SPDX-License-Identifier: Apache-2.0
"""Rows out of samples; the rows as a table and as JSON."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.bench.candidate import DUTIES, Candidate
from tests.bench.measure import IN_FLIGHT, Sample

Samples = Mapping[str, Sequence[Sample]]
"""Candidate → its samples, one a round."""

WIDTHS = (8, 8, 9, 10, 10, 5, 8, 8, 8, 16, 8)


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one candidate over the rounds. Ratios are within one round: of requests/s, and (`per_cpu_…`)
    of requests per CPU second, which a busy machine disturbs less; 0 where the other was not measured. `faults`
    counts every answer or log entry that was not as it must be: a row with any is not valid. `slowest_ms` is the
    slowest source read directly, where sources were made late."""

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
    slowest_ms: float
    ratio_to_echo: float
    ratio_to_envoy: float
    ratio_to_naive: float
    per_cpu_to_envoy: float
    per_cpu_to_naive: float
    rounds: int
    duties_skipped: tuple[str, ...]
    valid: bool
    faults: dict[str, int]


def rows(candidates: Sequence[Candidate], closed: Samples, opened: Samples) -> list[Row]:
    """One row for each candidate."""
    return [_row(one, closed, opened) for one in candidates]


def _row(one: Candidate, closed: Samples, opened: Samples) -> Row:
    busy, eased = closed[one.name], opened[one.name]
    faults: Counter[str] = Counter()
    for sample in (*busy, *eased):
        faults += sample.faults
    to = {name: () if one.rate else closed.get(name, ()) for name in ("echo", "envoy", "naive")}
    return Row(
        name=one.name,
        title=one.title,
        rps=_median((s.rps for s in busy), 1),
        p50_ms=_median((s.p50_ms for s in busy), 3),
        p99_ms=_median((s.p99_ms for s in busy), 3),
        open_rps=_median((s.rps for s in eased), 1),
        open_p50_ms=_median((s.p50_ms for s in eased), 3),
        open_p99_ms=_median((s.p99_ms for s in eased), 3),
        cpu_s_per_1000=_median((s.cpu_s_per_1000 for s in busy), 4),
        rss_mb=round(max(s.rss_mb for s in busy), 1),
        slowest_ms=_median((s.slowest_ms for s in busy), 3),
        ratio_to_echo=_ratio(busy, to["echo"], _rps),
        ratio_to_envoy=_ratio(busy, to["envoy"], _rps),
        ratio_to_naive=_ratio(busy, to["naive"], _rps),
        per_cpu_to_envoy=_ratio(busy, to["envoy"], _per_cpu),
        per_cpu_to_naive=_ratio(busy, to["naive"], _per_cpu),
        rounds=len(busy),
        duties_skipped=one.skips,
        valid=not faults,
        faults=dict(faults),
    )


def _median(values: Iterable[float], digits: int) -> float:
    return round(statistics.median(values), digits)


def _ratio(ours: Sequence[Sample], theirs: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    """The median over rounds, since what disturbs a round disturbs both."""
    found = [of(a) / of(b) for a, b in zip(ours, theirs, strict=False) if of(b)]
    return _median(found, 4) if found else 0.0


def _rps(sample: Sample) -> float:
    return sample.rps


def _per_cpu(sample: Sample) -> float:
    return 1000 / sample.cpu_s_per_1000 if sample.cpu_s_per_1000 else 0.0


def show(console: Console, found: Sequence[Row]) -> None:
    """Print them, with the duties each leaves out."""
    titles = (
        "req/s",
        "p50",
        "p99",
        "open p99",
        "CPU s/1k",
        "MB",
        "×echo",
        "×Envoy",
        "×naive",
        "per CPU ×Envoy",
        "×naive",
    )
    console.print(f"\nOne core, {IN_FLIGHT} in flight; medians, milliseconds", style="bold", highlight=False)
    _line(console, "", titles)
    for row in found:
        figures = (
            f"{row.rps:,.0f}", f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", f"{row.open_p99_ms:.2f}",
            f"{row.cpu_s_per_1000:.3f}", f"{row.rss_mb:.0f}", _share(row.ratio_to_echo), _share(row.ratio_to_envoy),
            _share(row.ratio_to_naive), _share(row.per_cpu_to_envoy), _share(row.per_cpu_to_naive),
        )  # fmt: skip
        _line(console, row.name, figures)
    console.print()
    for row in found:
        late = f" {row.p50_ms - row.slowest_ms:+.1f} ms on the slowest source." if row.slowest_ms else ""
        console.print(f"[bold]{row.name}[/]  {row.title}.{late} {_left_out(row)}", highlight=False)
        if row.faults:
            console.print(f"  NOT VALID: {row.faults}", style="red", highlight=False, markup=False)


def _line(console: Console, name: str, cells: Sequence[str]) -> None:
    text = f"{name:11}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _share(ratio: float) -> str:
    if not ratio:
        return "–"
    return f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.3f}"


def _left_out(row: Row) -> str:
    left = row.duties_skipped
    if not left:
        return "Every duty done."
    done = [duty for duty in DUTIES if duty not in left]
    if len(done) < len(left):
        return f"Of {len(DUTIES)} duties it does {', '.join(done) or 'none'}."
    return f"Leaves out: {', '.join(left)}."


def records(found: Sequence[Row]) -> list[dict[str, Any]]:
    """They as plain values."""
    return [asdict(row) for row in found]


def write(found: Sequence[Row], path: Path) -> None:
    """Write them as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records(found), indent=1) + "\n")
