# SPDX-License-Identifier: Apache-2.0
"""The rows of a benchmark as one picture (SVG 1.1): requests a second, and p50 to p99, side by side.

Both axes are logarithmic, since the slowest and the fastest are some hundred times apart; so the values are dots
and spans on a line, not bars, whose lengths would mean nothing. Under each name stands how many duties it does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.bench.candidate import DUTIES

WIDTH = 1080
NAMES = 20  # where the names begin, pixels from the left
PANELS = ((400, 690), (760, 1050))
TOP, ROW, BOTTOM = 84, 58, 34
INK, FAINT, GRID, OURS, OTHERS, BAD = "#0b0c0c", "#505a5f", "#d8dcdd", "#00703c", "#1d70b8", "#d4351c"
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


def write(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the rows, as `latest.json` has them, in their order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_drawing(rows)) + "\n")


class Axis:
    """A logarithmic axis over whole decades that hold all the values, from one pixel to another."""

    def __init__(self, values: Sequence[float], span: tuple[int, int]) -> None:
        held = [value for value in values if value > 0] or [1.0]
        self._low = math.floor(math.log10(min(held)))
        self._high = max(math.ceil(math.log10(max(held))), self._low + 1)
        self._span = span

    def __call__(self, value: float) -> float:
        """The pixel of a value; nothing stands left of the axis."""
        left, right = self._span
        part = (math.log10(max(value, 10**self._low)) - self._low) / (self._high - self._low)
        return round(left + part * (right - left), 1)

    def ticks(self) -> Iterator[float]:
        """The decades."""
        for power in range(self._low, self._high + 1):
            yield 10.0**power


def _drawing(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    height = TOP + ROW * len(rows) + BOTTOM
    rate = Axis([row["rps"] for row in rows], PANELS[0])
    time = Axis([row[key] for row in rows for key in ("p50_ms", "p99_ms")], PANELS[1])
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-labelledby="title" font-family="{FONT}" font-size="13">'
    )
    yield '<title id="title">Requests a second and latency of each candidate on one core</title>'
    yield f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    yield _text(NAMES, 30, "One core, 16 in flight", size=18, weight="bold")
    yield _text(PANELS[0][0], 30, "Requests a second", weight="bold")
    yield _text(PANELS[0][0], 46, "more is better", size=11, colour=FAINT)
    yield _text(PANELS[1][0], 30, "Milliseconds, p50 to p99", weight="bold")
    yield _text(PANELS[1][0], 46, "less is better", size=11, colour=FAINT)
    for axis in (rate, time):
        yield from _grid(axis, height)
    for place, row in enumerate(rows):
        yield from _row(row, TOP + ROW * place + ROW / 2, rate, time)
    yield "</svg>"


def _grid(axis: Axis, height: int) -> Iterator[str]:
    for tick in axis.ticks():
        x = axis(tick)
        yield f'<line x1="{x}" y1="{TOP - 8}" x2="{x}" y2="{height - BOTTOM}" stroke="{GRID}"/>'
        yield _text(x, TOP - 14, _short(tick), size=11, colour=FAINT, anchor="middle")


def _row(row: Mapping[str, Any], y: float, rate: Axis, time: Axis) -> Iterator[str]:
    colour = OURS if row["name"].startswith("ours") else OTHERS
    for n, line in enumerate(_lines(str(row.get("title") or row["name"]), 46)[:2]):
        yield _text(NAMES, y - 8 + 15 * n, line, weight="bold" if colour == OURS else "normal")
    lines = len(_lines(str(row.get("title") or row["name"]), 46)[:2])
    yield _text(NAMES, y - 8 + 15 * lines, _done(row), size=11, colour=FAINT)
    if not row.get("valid", True):
        yield _text(PANELS[0][0], y + 4, "not valid: see the faults in latest.json", colour=BAD)
        return
    x = rate(row["rps"])
    yield f'<line x1="{PANELS[0][0]}" y1="{y}" x2="{x}" y2="{y}" stroke="{colour}" stroke-width="1" opacity="0.4"/>'
    yield f'<circle cx="{x}" cy="{y}" r="6" fill="{colour}"/>'
    yield _text(x, y - 11, _grouped(row["rps"]), anchor="middle", colour=colour)
    low, high = time(row["p50_ms"]), time(row["p99_ms"])
    yield f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{colour}" stroke-width="5" opacity="0.4"/>'
    yield f'<circle cx="{low}" cy="{y}" r="6" fill="{colour}"/>'
    yield f'<circle cx="{high}" cy="{y}" r="4" fill="#ffffff" stroke="{colour}" stroke-width="2"/>'
    shown = f"{_grouped(row['p50_ms'])} – {_grouped(row['p99_ms'])}"
    yield _text((low + high) / 2, y - 11, shown, anchor="middle", colour=colour)


def _done(row: Mapping[str, Any]) -> str:
    done = len(DUTIES) - len(row["duties_skipped"])
    return "does every duty" if done == len(DUTIES) else f"does {done} of {len(DUTIES)} duties"


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 13,
    colour: str = INK,
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def _lines(text: str, most: int) -> list[str]:
    """The text in lines of at most so many characters, broken at spaces."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _short(value: float) -> str:
    return f"{value / 1000:g} k" if value >= 1000 else f"{value:g}"


def _grouped(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
