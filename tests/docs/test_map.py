# SPDX-License-Identifier: Apache-2.0
"""Every page can be found: from the map of the documentation, and every decision from its index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DECISIONS = sorted(path for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md")
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)\)")


def links(page: Path) -> dict[str, str]:
    """Target → words, of every link of a page."""
    return {target: words for words, target in LINK.findall(page.read_text())}


def test_the_map_leads_to_every_page() -> None:
    listed = {(DOCS / target).resolve() for target in links(DOCS / "README.md") if not target.startswith("http")}
    pages = {path.resolve() for path in DOCS.rglob("*.md")} - {path.resolve() for path in DECISIONS}
    assert not pages - listed - {(DOCS / "README.md").resolve()}


def test_the_index_of_decisions_lists_each_by_its_title() -> None:
    titles = {path.name: path.read_text().splitlines()[0].removeprefix("# ") for path in DECISIONS}
    assert links(DOCS / "decisions" / "README.md") == titles


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_a_name_without_a_number_says_what_was_chosen_and_fits_a_page(decision: Path) -> None:
    text = decision.read_text()
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", decision.stem)
    assert re.search(r"^\*\*Chosen", text, re.MULTILINE)
    assert len(text.splitlines()) <= 60


def test_every_command_of_make_that_a_page_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        (path.name, target)
        for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
        for target in re.findall(r"`make ([a-z]+)", path.read_text())
    }
    assert named
    assert not [(page, target) for page, target in named if target not in targets]
