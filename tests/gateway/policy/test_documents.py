# SPDX-License-Identifier: Apache-2.0
"""YAML without its surprises."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import Struct

from gateway.policy.documents import PolicyFolderError, parse, read


class Small(Struct, forbid_unknown_fields=True):
    name: str
    count: int


def test_a_date_stays_text() -> None:
    assert parse("from: 2026-04-01") == {"from": "2026-04-01"}


@pytest.mark.parametrize(
    "text",
    ["a: 1\na: 2", "a: {b: 1, b: 2}", "a: &x 1\nb: *x", "a: !!python/object:os.system x", "a: [1", "a: \x00"],
    ids=["a repeated key", "a repeated inner key", "an alias", "a tag", "a broken list", "a control character"],
)
def test_what_two_readers_could_read_differently_is_refused(text: str) -> None:
    with pytest.raises(PolicyFolderError):
        parse(text)


@pytest.mark.parametrize("text", ["name: x", "name: x\ncount: '1'", "name: x\ncount: 1\nmore: 2", "- 1"])
def test_a_file_of_another_shape_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(text)
    with pytest.raises(PolicyFolderError, match=r"small\.yaml"):
        read(path, Small)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PolicyFolderError, match=r"none\.yaml"):
        read(tmp_path / "none.yaml", Small)
