# SPDX-License-Identifier: Apache-2.0
"""What holds for every page and every file: links resolve, headings are well formed, no host is named."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)

# Package indexes are reached by the clients' own configuration. Joined here so that this file names none.
INDEX_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("maven", "org"),
        ("deb", "debian", "org"),
    )
]


def committed(*suffixes: str) -> list[Path]:
    """Every file of the repository that is, or is about to be, committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    paths = [ROOT / name for name in listed if name]
    return sorted(path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes))


PAGES = committed(".md")


def anchors(page: Path) -> set[str]:
    """The fragments of a page, made from its headings as the common renderers make them."""
    titles = HEADING.findall(FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_resolves(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    broken = []
    for target in LINK.findall(text) + IMAGE.findall(text):
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue
        name, _, fragment = target.partition("#")
        file = (page.parent / name) if name else page
        if not file.exists() or (fragment and file.suffix == ".md" and fragment not in anchors(file)):
            broken.append(target)
    assert not broken


def test_no_file_names_the_host_of_a_package_index() -> None:
    named = []
    for path in committed():
        text = path.read_bytes().decode(errors="replace")
        named += [f"{path.relative_to(ROOT)}: {host}" for host in INDEX_HOSTS if host in text]
    assert not named


def test_the_changelog_keeps_its_form() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    assert lines[0] == "# Changelog"
    releases = [line for line in lines if line.startswith("## ")]
    assert releases[0] == "## Unreleased"
    assert all(re.fullmatch(r"## \[?\d+\.\d+\.\d+\]? - \d{4}-\d{2}-\d{2}", line) for line in releases[1:])
    kinds = {line for line in lines if line.startswith("### ")}
    assert kinds <= {f"### {kind}" for kind in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")}


def test_headings_of_the_changelog_are_not_empty() -> None:
    lines = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line]
    empty = [one for one, next_one in pairwise([*lines, "## end"]) if one.startswith("### ") and next_one[0] == "#"]
    assert not empty
