# SPDX-License-Identifier: Apache-2.0
"""The verifier sees every bit: whatever is changed in a log or a proof is found, and named."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import checkpoint, disclosure, merkle, tiles, verify
from gateway.audit.checkpoint import Signer
from gateway.audit.log import Log

from .conftest import ORIGIN, MakeEntry, put

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = checkpoint.vkey(ORIGIN, KEY.public_key())


def write_log(folder: Path, entries: list[bytes]) -> str:
    """A log in a folder, written by other code than the gateway's; gives its checkpoint."""
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    note = Signer(ORIGIN, KEY).sign(len(entries), merkle.tree_hash(hashes))
    put(folder / "checkpoint", note.encode())
    for n in range(0, len(entries), 256):
        chunk = entries[n : n + 256]
        put(folder / "tile" / tiles.path(tiles.ENTRIES, n // 256, len(chunk)), tiles.bundle(chunk))
    level = 0
    while hashes:
        for n in range(0, len(hashes), 256):
            chunk = hashes[n : n + 256]
            put(folder / "tile" / tiles.path(level, n // 256, len(chunk)), b"".join(chunk))
        hashes = [merkle.tree_hash(hashes[n : n + 256]) for n in range(0, len(hashes) - 255, 256)]
        level += 1
    return note


def numbered(size: int) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(size)]


def proof_of(entries: list[bytes], index: int, note: str) -> str:
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    path = merkle.inclusion(
        index, len(entries), lambda level, n: merkle.tree_hash(hashes[n << level : n + 1 << level])
    )
    return disclosure.proof_text(entries[index], index, path, note)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 700])
def test_a_good_log_verifies(tmp_path: Path, size: int) -> None:
    write_log(tmp_path, numbered(size))
    report = verify.log(str(tmp_path), VKEY)
    assert report.findings == ()
    assert (report.origin, report.size, report.entries) == (ORIGIN, size, size)


@pytest.mark.slow
def test_a_large_log_verifies(tmp_path: Path, soak: bool) -> None:
    for size in (65_535, 65_536, 65_537, 70_000) if soak else (65_537,):
        write_log(tmp_path / str(size), numbered(size))
        assert verify.log(str(tmp_path / str(size)), VKEY).ok


@pytest.mark.slow
def test_one_flipped_bit_anywhere_is_found_and_named(tmp_path: Path, soak: bool) -> None:
    write_log(tmp_path, numbered(600))
    chosen = random.Random(7)
    named = {"checkpoint": "checkpoint", "tile/0/000": "level 0 number 0", "tile/0/002.p/88": "level 0 number 2",
             "tile/1/000.p/2": "level 1 number 0", "tile/entries/000": "entry", "tile/entries/001": "entry",
             "tile/entries/002.p/88": "entry", "tile/0/001": "level 0 number 1"}  # fmt: skip
    for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        good = file.read_bytes()
        for _ in range(200 if soak else 12):
            at = chosen.randrange(len(good) * 8)
            bad = bytearray(good)
            bad[at // 8] ^= 1 << at % 8
            file.write_bytes(bad)
            findings = verify.log(str(tmp_path), VKEY).findings
            assert findings, f"bit {at} of {file.name}"
            assert named[str(file.relative_to(tmp_path))] in findings[0]
        file.write_bytes(good)
    assert verify.log(str(tmp_path), VKEY).ok


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("checkpoint", "checkpoint"),
        ("tile/0/000", "tile level 0 number 0"),
        ("tile/0/002.p/88", "tile level 0 number 2"),
        ("tile/1/000.p/2", "tile level 1 number 0"),
    ],
)
def test_a_missing_file_is_found_and_named(tmp_path: Path, path: str, named: str) -> None:
    write_log(tmp_path, numbered(600))
    (tmp_path / path).unlink()
    assert verify.log(str(tmp_path), VKEY).findings[0].startswith(named)


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/002.p/88", "tile/entries/000", "tile/entries/002.p/88"])
@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-1], lambda raw: raw + b"\x00", lambda raw: b"", lambda raw: raw * 2]
)
def test_a_file_of_another_length_is_found(tmp_path: Path, path: str, change: Callable[[bytes], bytes]) -> None:
    write_log(tmp_path, numbered(600))
    (tmp_path / path).write_bytes(change((tmp_path / path).read_bytes()))
    assert not verify.log(str(tmp_path), VKEY).ok


def test_a_full_tile_serves_for_a_partial_one_that_is_gone(tmp_path: Path) -> None:
    note = write_log(tmp_path, numbered(300))
    write_log(tmp_path, numbered(600))
    put(tmp_path / "checkpoint", note.encode())
    shutil.rmtree(tmp_path / "tile" / "0" / "001.p")
    shutil.rmtree(tmp_path / "tile" / "entries" / "001.p")
    assert verify.log(str(tmp_path), VKEY).ok


def test_a_log_without_entries_verifies_by_its_tiles_and_says_so(tmp_path: Path) -> None:
    write_log(tmp_path, numbered(300))
    shutil.rmtree(tmp_path / "tile" / "entries")
    report = verify.log(str(tmp_path), VKEY)
    assert report.ok
    assert report.entries == 0
    assert not verify.log(str(tmp_path), VKEY, token="t" * 32).ok


def test_a_log_that_holds_back_some_entries_is_found(tmp_path: Path) -> None:
    write_log(tmp_path, numbered(600))
    (tmp_path / "tile" / "entries" / "001").unlink()
    assert verify.log(str(tmp_path), VKEY).findings == ("entry bundles: only 344 of 600 entries are served",)


@pytest.mark.parametrize(
    ("entry", "finding"),
    [
        (b'{"n": 1}', "entry 5: is not canonical JSON (RFC 8785)"),
        (b'{"b":1,"a":2}', "entry 5: is not canonical JSON (RFC 8785)"),
        (b'{"a":1,"a":1}', "entry 5: is not canonical JSON (RFC 8785)"),
        (b"not json", "entry 5: is not JSON"),
        (b"[" * 5000, "entry 5: is not JSON"),
        (b'{"id":"x"}', None),
    ],
)
def test_an_entry_in_another_form_is_found(tmp_path: Path, entry: bytes, finding: str | None) -> None:
    write_log(tmp_path, [*numbered(5), entry])
    assert verify.log(str(tmp_path), VKEY).findings == ((finding,) if finding else ())


def test_an_event_that_was_logged_twice_is_found(tmp_path: Path) -> None:
    write_log(tmp_path, [b'{"id":"x"}', b'{"id":"y"}', b'{"id":"x","n":1}'])
    assert verify.log(str(tmp_path), VKEY).findings == ("entry 2: its id stands in the log twice",)


def test_growth_is_told_from_a_rewritten_history(tmp_path: Path) -> None:
    entries = numbered(700)
    earlier = [write_log(tmp_path / "old", entries[:size]) for size in (0, 1, 200, 256, 257, 512, 700)]
    write_log(tmp_path / "grown", entries)
    assert verify.log(str(tmp_path / "grown"), VKEY, since=earlier).ok
    write_log(tmp_path / "rewritten", [*entries[:199], b'{"n":0}', *entries[200:]])
    report = verify.log(str(tmp_path / "rewritten"), VKEY, since=earlier)
    assert [finding[-3:] for finding in report.findings] == ["200", "256", "257", "512", "700"]
    assert all("rewritten" in finding for finding in report.findings)


def test_a_log_that_was_cut_off_is_found(tmp_path: Path) -> None:
    longer = write_log(tmp_path, numbered(300))
    write_log(tmp_path, numbered(299))
    assert verify.log(str(tmp_path), VKEY, since=[longer]).findings == (
        "history: the log has 299 entries, but had 300 before",
    )


def test_a_log_signed_by_another_key_is_found(tmp_path: Path) -> None:
    write_log(tmp_path, numbered(3))
    other = checkpoint.vkey(ORIGIN, Ed25519PrivateKey.generate().public_key())
    assert verify.log(str(tmp_path), other).findings == ("checkpoint: not signed by the log key",)


@pytest.mark.parametrize(
    "vkey", ["", "x", "x+y+z", VKEY[:-4] + "AAA=", VKEY.replace("gateway", "getaway"), VKEY + "=", "+" + VKEY]
)
def test_a_key_that_is_none_is_refused(tmp_path: Path, vkey: str) -> None:
    write_log(tmp_path, numbered(3))
    assert "verifier key" in verify.log(str(tmp_path), vkey).findings[0]


def test_a_receipt_verifies(tmp_path: Path) -> None:
    entries = numbered(300)
    note = write_log(tmp_path, entries)
    for index in (0, 1, 255, 256, 299):
        assert verify.proof(proof_of(entries, index, note), VKEY).ok


def test_any_change_of_a_receipt_is_found(tmp_path: Path) -> None:
    entries = numbered(9)
    good = proof_of(entries, 4, write_log(tmp_path, entries))
    for at, character in enumerate(good):
        changed = good[:at] + ("B" if character != "B" else "C") + good[at + 1 :]
        assert not verify.proof(changed, VKEY).ok, good[at : at + 10]
        assert not verify.proof(good[:at] + good[at + 1 :], VKEY).ok


def test_a_receipt_of_another_entry_or_place_is_found(tmp_path: Path) -> None:
    entries = numbered(9)
    note = write_log(tmp_path, entries)
    good = proof_of(entries, 4, note)
    for index in (*range(4), *range(5, 12), 10**19):
        assert not verify.proof(good.replace("index 4", f"index {index}"), VKEY).ok
    assert not verify.proof("", VKEY).ok
    assert not verify.proof(good.replace("\n\n", "\n", 1), VKEY).ok


async def test_the_verifier_runs_alone(
    sqlite_log: Log, make_entry: MakeEntry, vkey: str, export: Callable[[Log, Path], Path], tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_text(sqlite_log.checkpoint())
    await asyncio.gather(*[sqlite_log.append(make_entry(n)) for n in range(20)])
    folder = export(sqlite_log, tmp_path / "log")
    stored = sqlite_log.entry_by_id(make_entry(7).id)
    assert stored is not None
    receipt = tmp_path / "receipt.tlog-proof"
    receipt.write_text(sqlite_log.proof(stored).text)
    shutil.copytree(Path(verify.__file__).parent, tmp_path / "verify")

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-E", "-s", "-W", "error", "-m", "verify", "--vkey", vkey, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    said = f"OK     {ORIGIN}, size 21, root {verify.log(str(folder), vkey).root}, 21 entries read\n"
    assert run("--log", str(folder), "--since", str(kept)) == (0, said)
    code, told = run("--proof", str(receipt))
    assert (code, '"closed": [' in told) == (0, True)
    receipt.write_text(receipt.read_text().replace("index 8", "index 9"))
    assert run("--proof", str(receipt)) == (1, "WRONG  proof: this entry is not in the log of this checkpoint\n")
    assert run("--proof", str(tmp_path / "absent"))[0] == 1


def test_the_verifier_imports_nothing_of_ours() -> None:
    for file in (*Path(verify.__file__).parent.glob("*.py"), Path(merkle.__file__)):
        source = file.read_text()
        assert not any(f"{word} {ours}" in source for word in ("import", "from") for ours in ("gateway", "consent"))
