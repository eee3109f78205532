# SPDX-License-Identifier: Apache-2.0
"""Paths and widths of C2SP tlog-tiles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import tiles
from gateway.audit.tiles import ENTRIES, TilePath


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (TilePath(0, 0, 256), "0/000"),
        (TilePath(0, 1234067, 256), "0/x001/x234/067"),
        (TilePath(0, 273, 112), "0/273.p/112"),
        (TilePath(1, 1, 17), "1/001.p/17"),
        (TilePath(63, 1000, 1), "63/x001/000.p/1"),
        (TilePath(ENTRIES, 5, 256), "entries/005"),
        (TilePath(ENTRIES, 999_999, 255), "entries/x999/999.p/255"),
    ],
)
def test_paths_are_those_of_the_specification(tile: TilePath, path: str) -> None:
    assert tiles.path(*tile) == path
    assert tiles.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    ["", "0", "0/", "0/00", "0/0000", "00/000", "64/000", "-1/000", "0/x000/001", "0/x001", "0/000.p/0",
     "0/000.p/256", "0/000.p/01", "0/000.p/",
     "0/000/", "/0/000", "entries", "Entries/000", "0/٠٠٠", "0/000.p/٣", "0/000\n"],
)  # fmt: skip
def test_a_path_of_another_form_is_no_tile(path: str) -> None:
    assert tiles.parse(path) is None


@given(st.integers(0, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_every_tile_has_one_path(level: int, n: int, width: int) -> None:
    assert tiles.parse(tiles.path(level, n, width)) == (level, n, width)


def listing(size: int) -> list[str]:
    """All hash tiles of a log, the full ones counted."""
    found = []
    for level in range(8):
        widths = []
        while width := tiles.width_at(level, len(widths), size):
            widths.append(width)
        found += [f"{level}: {widths.count(256)} full, {widths[-1] % 256} more"] if widths else []
    return found


@pytest.mark.parametrize(
    ("size", "found"),
    [
        (0, []),
        (1, ["0: 0 full, 1 more"]),
        (255, ["0: 0 full, 255 more"]),
        (256, ["0: 1 full, 0 more", "1: 0 full, 1 more"]),
        (257, ["0: 1 full, 1 more", "1: 0 full, 1 more"]),
        (65_535, ["0: 255 full, 255 more", "1: 0 full, 255 more"]),
        (65_536, ["0: 256 full, 0 more", "1: 1 full, 0 more", "2: 0 full, 1 more"]),
        (65_537, ["0: 256 full, 1 more", "1: 1 full, 0 more", "2: 0 full, 1 more"]),
        (70_000, ["0: 273 full, 112 more", "1: 1 full, 17 more", "2: 0 full, 1 more"]),
    ],
)
def test_a_log_has_the_tiles_of_its_size(size: int, found: list[str]) -> None:
    assert listing(size) == found


def test_an_entry_bundle_is_as_wide_as_the_tile_of_its_leaves() -> None:
    assert [tiles.width_at(ENTRIES, n, 300) for n in range(3)] == [256, 44, 0]


def test_entries_in_a_bundle_have_their_length_before_them() -> None:
    assert tiles.bundle([b"", b"ab", b"x" * 300]) == b"\x00\x00\x00\x02ab\x01\x2c" + b"x" * 300
