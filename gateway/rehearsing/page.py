# SPDX-License-Identifier: Apache-2.0
"""A rehearsal as one HTML page: charts drawn here as SVG, no script, nothing fetched. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from gateway.policy.comparison import Group, totals
from gateway.rehearsing.rehearsal import Rehearsed
from gateway.rehearsing.report import MEMBERS, WORDS, counted, day, verdict

_COLOURS = {"opened": "#d4351c", "widened": "#f47738", "narrowed": "#5694ca", "closed": "#1d70b8"}
"""Warm for what goes out that did not, cold for what does not any more; each is also told in words."""
_LEFT, _BAR, _ROW = 330, 420, 28
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #0b0c0c }
h1 { font-size: 1.8rem } h2 { font-size: 1.25rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .6rem; vertical-align: top; border-bottom: 1px solid #b1b4b6;
  overflow-wrap: anywhere }
td.number, th.number { text-align: right }
.stop { border-left: 6px solid #d4351c; padding-left: 1rem }
.go { border-left: 6px solid #00703c; padding-left: 1rem }
.unexpected { background: #fdf0ed } svg { max-width: 100%; height: auto } text { font: 14px system-ui, sans-serif }
"""


def page(found: Rehearsed) -> str:
    """The report as HTML."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Rehearsal of {escape(found.revision[:12])}</title><style>{_STYLE}</style></head><body>",
            "<h1>What this change of the law would have changed</h1>",
            f'<p class="{"go" if found.passes else "stop"}"><strong>{escape(verdict(found))}</strong></p>',
            "<p>" + "<br>".join(escape(line) for line in counted(found)) + "</p>",
            *_charts(found),
            *_table(found),
            f"<p>Decisions since {day(found.since_ms)}; revision <code>{escape(found.revision)}</code>.</p>",
            "</body></html>\n",
        ]
    )


def _charts(found: Rehearsed) -> Iterator[str]:
    if not found.groups:
        return
    yield "<p>Counted are accesses: a category of a source in one decision each.</p><h2>By direction</h2>"
    directions: dict[str, int] = {}
    for one in found.groups:
        directions[one.key.direction] = directions.get(one.key.direction, 0) + one.accesses
    yield _bars(directions, "Accesses by direction", _COLOURS)
    for member in MEMBERS:
        yield f"<h2>By {member}</h2>"
        yield _bars(totals(found.groups, member), f"Accesses by {member}", {})  # type: ignore[arg-type]  # one of four


def _bars(counts: Mapping[str, int], title: str, colours: Mapping[str, str]) -> str:
    """A bar for each name; the number stands beside it, so that colour and length are not the only signs."""
    most = max(counts.values())
    shapes = []
    for n, (name, number) in enumerate(counts.items()):
        y = n * _ROW
        width = max(2, round(_BAR * number / most))
        shown = name if len(name) <= 42 else "…" + name[-41:]
        shapes.append(
            f'<text x="{_LEFT - 8}" y="{y + 19}" text-anchor="end">{escape(shown)}</text>'
            f'<rect x="{_LEFT}" y="{y + 4}" width="{width}" height="{_ROW - 8}" '
            f'fill="{colours.get(name, "#1d70b8")}"/>'
            f'<text x="{_LEFT + width + 8}" y="{y + 19}">{number}</text>'
        )
    size = f'viewBox="0 0 {_LEFT + _BAR + 80} {len(counts) * _ROW}"'
    return (
        f'<svg {size} role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>{"".join(shapes)}</svg>'
    )


def _table(found: Rehearsed) -> Iterator[str]:
    yield "<h2>Every kind of change</h2>"
    if not found.groups:
        yield "<p>There is none: every decision stays as it was.</p>"
        return
    head = ("Change", "Category", "Agency", "Purpose", "Rule", "Refused for", "Fields", "Such as")
    yield "<table><thead><tr>" + "".join(f"<th>{name}</th>" for name in head)
    yield '<th class="number">Decisions</th><th class="number">Accesses</th></tr></thead><tbody>'
    unexpected = set(found.unexpected)
    yield from (_line(one, unexpected=one in unexpected) for one in found.groups)
    yield "</tbody></table>"


def _line(one: Group, *, unexpected: bool) -> str:
    said = ("Unexpected: " if unexpected else "") + WORDS[one.key.direction]
    fields = [f"+ {name}" for name in one.gained] + [f"− {name}" for name in one.lost]
    cells = (
        escape(said),
        escape(one.key.category),
        escape(one.key.agency),
        escape(one.key.purpose),
        escape(one.key.rule),
        escape(", ".join(one.reasons)),
        "<br>".join(escape(name) for name in fields),
        escape(one.examples[0]),
    )
    row = "".join(f"<td>{cell}</td>" for cell in cells)
    marked = ' class="unexpected"' if unexpected else ""
    numbers = "".join(f'<td class="number">{number}</td>' for number in (one.decisions, one.accesses))
    return f"<tr{marked}>{row}{numbers}</tr>"
