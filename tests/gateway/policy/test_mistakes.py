# SPDX-License-Identifier: Apache-2.0
"""A mistake in a data file is told with its line, its member and what would be right, in words an officer knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.agreements import Agreement
from gateway.policy.documents import PolicyFolderError, read
from gateway.policy.mistakes import near
from gateway.policy.vocabulary import find

MISTAKES = [
    ("purposes:", "purpsoes:", "line {}: purpsoes is not known here; is purposes meant?"),
    ("from: 2026-04-01", "from: 01.04.2026", "line {}, valid.from: expected a date, as 2026-04-01"),
    ("role: source", "role: suorce", "line {}, parties[1].role: 'suorce' is not allowed here; is source meant?"),
    ("disclosure: explain", "disclosure: all", "is not allowed here; known are explain, generic, silent"),
    ("retention_days: 70", "retention_days: many", "line {}, retention_days: expected a whole number, got text"),
    ("{title: National", "{titel: National", "line {}, terms[0].statute: titel is not known here; is title meant?"),
    ("contact:", "#", "contact is missing"),
    ("version: 1", "version: 1\nversion: 2", "version stands twice"),
    ("purposes: [", "purposes: {", "this is not YAML"),
]
"""What stands in the file, what is written instead, and what is said; {} is the line."""


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES, ids=[said for _, _, said in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_what_would_be_right(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    text = (find(None) / "data" / "agreements" / "dsa-2026-014.yaml").read_text()
    assert right in text
    line = next(number for number, one in enumerate(text.splitlines(), start=1) if right in one)
    file = tmp_path / "dsa-2026-014.yaml"
    file.write_text(text.replace(right, wrong, 1))
    with pytest.raises(PolicyFolderError) as refused:
        read(file, Agreement)
    told = str(refused.value)
    assert told.startswith("dsa-2026-014.yaml: ")
    assert said.format(line) in told


@pytest.mark.parametrize("text", ["", "[]", "1", "1: x", "? {a: b}\n: c", "? [a]\n: c"])
def test_a_file_of_any_shape_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    with pytest.raises(PolicyFolderError, match=r"^odd\.yaml: [^\n]+$"):
        read(file, Agreement)


def test_an_unknown_name_is_told_with_those_like_it_or_with_all() -> None:
    assert near("purpsoes", {"purposes", "roles"}) == "is purposes meant?"
    assert near("x", {"b", "a"}) == "known are a, b"
    assert near("x", {str(number) for number in range(30)}).endswith(" …")
