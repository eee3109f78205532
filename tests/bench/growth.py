# SPDX-License-Identifier: Apache-2.0
"""How long a decision takes against the number of agreements, as one picture (SVG 1.1); both axes logarithmic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.chart import FAINT, FONT, GRID, INK, OTHERS, OURS, Axis

WIDTH, HEIGHT = 720, 360
ACROSS, DOWN = (90, 690), (310, 50)
COLOURS = {"embedded": OURS, "opa": OTHERS}


def write(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the rows of `tests.bench.judge`: p50 as a line, p99 as a dot above it."""
    path.write_text("\n".join(_drawing(rows)) + "\n")


def _drawing(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    across = Axis([row["agreements"] for row in rows], ACROSS)
    down = Axis([row[key] for row in rows for key in ("p50_us", "p99_us")], DOWN)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title" font-family="{FONT}" font-size="13">'
    )
    yield '<title id="title">Microseconds a decision on 40 pairs takes, by the number of agreements</title>'
    for tick in down.ticks():
        y = down(tick)
        yield f'<line x1="{ACROSS[0]}" x2="{ACROSS[1]}" y1="{y}" y2="{y}" stroke="{GRID}"/>'
        yield f'<text x="{ACROSS[0] - 8}" y="{y + 4}" text-anchor="end" fill="{FAINT}">{tick:,.0f} µs</text>'
    for tick in across.ticks():
        yield f'<text x="{across(tick)}" y="{DOWN[0] + 22}" text-anchor="middle" fill="{FAINT}">{tick:,.0f}</text>'
    yield f'<text x="{ACROSS[1]}" y="{DOWN[0] + 42}" text-anchor="end" fill="{INK}">agreements in the law</text>'
    for number, judge in enumerate(sorted({row["judge"] for row in rows})):
        own = [row for row in rows if row["judge"] == judge]
        points = " ".join(f"{across(row['agreements'])},{down(row['p50_us'])}" for row in own)
        colour = COLOURS[judge]
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for row in own:
            yield f'<circle cx="{across(row["agreements"])}" cy="{down(row["p99_us"])}" r="4" fill="{colour}"/>'
        label = f"{judge}: p50 as a line, p99 as dots"
        yield f'<text x="{ACROSS[0]}" y="{20 + 18 * number}" fill="{colour}">{label}</text>'
    yield "</svg>"
