# SPDX-License-Identifier: Apache-2.0
"""What else an auditor asks: some entries, two checkpoints, the years of a log, one entry with what it shows."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from gateway.audit import disclosure, leaf, merkle, verify
from gateway.audit.leaf import Opened

from . import logs

ORIGIN = "gateway.example/log/2026"
BEFORE = "gateway.example/log/2025"
VKEY = logs.vkey(ORIGIN)
GROUPS = {
    "actor": b'{"user":"worker-1"}',
    "result": b'{"status":200}',
    "subject": b'{"handle":"sub_1","number":%d}',
}


def entry(number: int = 1, count: int = 1) -> tuple[bytes, dict[str, Opened]]:
    """An entry with three groups, and what opens them."""
    opened = {
        name: Opened(bytes([number]) * 32, content % number if b"%d" in content else content)
        for name, content in GROUPS.items()
    }
    committed = {
        name: b64encode(leaf.commitment(name, one.salt, one.content)).decode() for name, one in opened.items()
    }
    members = {"c": committed, "count": count, "id": str(number), "org": "uk/nhs/XZZ01", "type": "access.disclosed"}
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode(), opened


def proof(folder: Path, entries: list[bytes], index: int, extra: bytes) -> str:
    note = logs.write(folder, entries, ORIGIN)
    path = merkle.inclusion(index, len(entries), logs.read(entries))
    return disclosure.proof_text(extra, index, path, note)


def test_a_range_of_entries_is_proven_without_the_rest(tmp_path: Path) -> None:
    logs.write(tmp_path, [b'{"n":%d}' % n for n in range(1000)], ORIGIN)
    for n in (0, 2):
        (tmp_path / f"tile/entries/00{n}").unlink()
    report = verify.log(str(tmp_path), VKEY, only=(256, 512))
    assert (report.findings, report.entries) == ((), 256)
    assert verify.log(str(tmp_path), VKEY, only=(999, 1000)).ok
    assert verify.log(str(tmp_path), VKEY, only=(250, 260)).findings == ("entry bundle 0: missing, or not for us",)
    assert not verify.log(str(tmp_path), VKEY, only=(999, 1001)).ok


@pytest.mark.parametrize(
    "path", ["tile/entries/001", "tile/0/001", "tile/0/003.p/232", "tile/1/000.p/3", "checkpoint"]
)
def test_a_flipped_bit_of_what_proves_a_range_is_found(tmp_path: Path, path: str) -> None:
    logs.write(tmp_path, [b'{"n":%d}' % n for n in range(1000)], ORIGIN)
    file = tmp_path / path
    content = bytearray(file.read_bytes())
    content[8] ^= 1
    file.write_bytes(content)
    assert not verify.log(str(tmp_path), VKEY, only=(256, 512)).ok


@pytest.mark.parametrize(("old", "size"), [(1, 2), (3, 7), (4, 8), (5, 5), (255, 1000), (256, 257), (512, 1000)])
def test_two_checkpoints_are_proven_to_be_of_one_history(tmp_path: Path, old: int, size: int) -> None:
    entries = [b'{"n":%d}' % n for n in range(size)]
    earlier = logs.write(tmp_path / "old", entries[:old], ORIGIN)
    later = logs.write(tmp_path / "new", entries, ORIGIN)
    path = merkle.consistency(old, size, logs.read(entries))
    text = "\n".join([f"old {old}", *(b64encode(hash_).decode() for hash_ in path)]) + "\n\n" + later
    assert verify.growth(text, earlier, VKEY).findings == ()
    other = logs.write(tmp_path / "other", [b"x", *entries[1:old]], ORIGIN)
    assert not verify.growth(text, other, VKEY).ok
    assert not verify.growth(text.replace(f"old {old}", f"old {old + 1}"), earlier, VKEY).ok
    if path:
        assert not verify.growth(text.replace(b64encode(path[0]).decode(), "A" * 43 + "="), earlier, VKEY).ok
        assert not verify.growth(text.replace(b64encode(path[0]).decode() + "\n", ""), earlier, VKEY).ok


def years(folder: Path, *, closed: str = ORIGIN, entries: int = 3) -> list[str]:
    """A log of two years; gives their folders."""
    last = json.dumps({"id": "z", "svc": closed, "type": "log.closed"}, separators=(",", ":")).encode()
    old = [*(b'{"id":"%d"}' % n for n in range(entries)), last]
    final = logs.write(folder / "2025", old, BEFORE)
    first = {"id": "a", "previous": final, "svc": ORIGIN, "type": "log.continued"}
    opening = json.dumps(first, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    logs.write(folder / "2026", [opening, b'{"id":"b"}'], ORIGIN)
    return [str(folder / "2025"), str(folder / "2026")]


def test_the_years_of_a_log_are_chained(tmp_path: Path) -> None:
    report = verify.log(years(tmp_path), VKEY)
    assert (report.findings, report.entries, report.origin) == ((), 6, ORIGIN)


def test_a_year_that_was_rewritten_or_belongs_to_another_log_is_found(tmp_path: Path) -> None:
    pair = years(tmp_path)
    years(tmp_path / "other", entries=4)
    assert not verify.log([str(tmp_path / "other/2025"), pair[1]], VKEY).ok
    years(tmp_path / "loose", closed="elsewhere.example/log/2026")
    named = verify.log([str(tmp_path / "loose/2025"), str(tmp_path / "loose/2026")], VKEY).findings
    assert named == (f"{ORIGIN}: chain: the last entry of {BEFORE} does not name this log as the next",)
    assert not verify.log(pair[::-1], VKEY).ok


def test_a_proof_shows_some_groups_while_the_others_stay_closed(tmp_path: Path) -> None:
    written, groups = entry()
    text = proof(tmp_path, [b"{}", written], 1, disclosure.carried(written, groups, ("subject", "result")))
    report = verify.proof(text, VKEY)
    assert report.ok
    told = json.loads(report.shown)
    assert told["shown"] == {"subject": {"handle": "sub_1", "number": 1}, "result": {"status": 200}}
    assert told["closed"] == ["actor"]
    assert "worker-1" not in b64decode(text.split("extra ")[1].split("\n")[0]).decode()


def test_a_group_that_is_not_what_the_entry_commits_to_is_found(tmp_path: Path) -> None:
    written, groups = entry()
    good = disclosure.carried(written, groups, ("result",))
    other = disclosure.carried(*entry(2), ("result",)).split(b"\n")[1]
    for extra in (good.replace(b"200", b"201"), good.replace(b"\nresult ", b"\nactor "),
                  good + b"\n" + good.split(b"\n")[1], written + b"\n" + other, good + b"\n",
                  good.replace(b"\nresult AQ", b"\nresult AA")):  # fmt: skip
        assert extra != good
        assert not verify.proof(proof(tmp_path, [written], 0, extra), VKEY).ok


def test_the_gateway_hands_out_no_group_that_the_entry_does_not_commit_to() -> None:
    written, groups = entry()
    with pytest.raises(disclosure.NotCommitted):
        disclosure.carried(written, groups | {"result": Opened(b"\1" * 32, b"{}")}, ("result",))
    assert disclosure.carried(written, groups) == written


def test_nothing_was_left_out_when_the_numbers_have_no_gap(tmp_path: Path) -> None:
    made = [entry(number, count) for number, count in ((1, 4), (2, 9), (3, 10))]
    entries = [written for written, _ in made]
    texts = [proof(tmp_path, entries, n, disclosure.carried(*one, ("subject",))) for n, one in enumerate(made)]
    assert verify.complete(texts, VKEY).ok
    assert verify.complete(texts[:2], VKEY).ok
    gap = "completeness: entry {} about this citizen for uk/nhs/XZZ01 is missing"
    assert verify.complete([texts[0], texts[2]], VKEY).findings == (gap.format(2),)
    assert verify.complete(texts[1:], VKEY).findings == (gap.format(1),)


def test_an_organisation_sees_a_gap_among_its_own_receipts(tmp_path: Path) -> None:
    made = [entry(1, count)[0] for count in (7, 8, 10)]
    texts = [proof(tmp_path, made, n, one) for n, one in enumerate(made)]
    assert verify.complete(texts[:2], VKEY).ok
    assert verify.complete(texts, VKEY).findings == ("completeness: entry 9 of uk/nhs/XZZ01 is missing",)


def test_a_count_that_jumps_is_found_in_the_whole_log(tmp_path: Path) -> None:
    made = [
        json.dumps({"count": count, "id": str(count), "org": "o"}, separators=(",", ":")).encode()
        for count in (1, 2, 4)
    ]
    logs.write(tmp_path, made, ORIGIN)
    assert verify.log(str(tmp_path), VKEY).findings == ("entry 2: is number 4 of its organisation, after number 2",)
