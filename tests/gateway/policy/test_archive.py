# SPDX-License-Identifier: Apache-2.0
"""Activated bundles are found again by their revision, and only as they were."""

from __future__ import annotations

from pathlib import Path

from gateway.policy.archive import Archive
from gateway.policy.bundle import Bundle
from gateway.policy.packing import unpack
from tests.fixtures.law import Steward


def test_a_kept_bundle_is_found_by_its_revision(steward: Steward, law: Bundle, tmp_path: Path) -> None:
    archive, raw = Archive(tmp_path / "bundles"), steward.pack(law, 4)
    file = archive.keep(unpack(raw), raw)
    assert file.name == f"0000000004-{law.revision}.tar.gz"
    assert archive.find(law.revision) == law
    assert list(archive) == [file]


def test_what_was_never_kept_is_not_found(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.find("0" * 64) is None
    assert archive.find("*") is None
    assert archive.find("../" + "0" * 61) is None


def test_a_file_that_was_edited_or_renamed_is_not_found(steward: Steward, law: Bundle, tmp_path: Path) -> None:
    archive, raw = Archive(tmp_path), steward.pack(law)
    file = archive.keep(unpack(raw), raw)
    file.write_bytes(raw[:-40])
    assert archive.find(law.revision) is None
    file.write_bytes(raw)
    file.rename(tmp_path / f"0000000009-{'a' * 64}.tar.gz")
    assert archive.find("a" * 64) is None


def test_a_law_issued_again_is_found_in_whichever_file_is_whole(
    steward: Steward, law: Bundle, tmp_path: Path
) -> None:
    archive = Archive(tmp_path)
    first, again = steward.pack(law, 1), steward.pack(law, 2)
    archive.keep(unpack(first), first)
    archive.keep(unpack(again), again).write_bytes(b"spoilt")
    assert archive.find(law.revision) == law
