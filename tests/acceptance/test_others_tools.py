# SPDX-License-Identifier: Apache-2.0
"""Tools that others wrote accept our logs, and refuse each of them when one bit of it is changed."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.audit import disclosure, merkle
from tests.gateway.audit import logs

from .conftest import Run

ORIGIN = "gateway.example/log/2026"
VKEY = logs.vkey(ORIGIN)
SIZE = 600
ENTRIES = [b'{"n":%d}' % n for n in range(SIZE)]
EVERY = ("tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/000", "tile/entries/001",
         "tile/entries/002.p/88", "checkpoint")  # fmt: skip
TWO = ",".join(logs.witness_vkey(n) for n in (0, 1))
FSCK = ("--ui=false", "-N", "64")
"""No screen, and workers enough that none waits for one that gave up."""

Serve = Callable[[Path], str]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log in a folder, cosigned by two witnesses."""
    folder = tmp_path_factory.mktemp("log")
    logs.write(folder, ENTRIES, ORIGIN, (0, 1))
    return folder


@pytest.fixture
def policy(tmp_path: Path) -> str:
    """A policy that asks for two of three witnesses."""
    file = tmp_path / "policy"
    lines = [f"witness w{n} {logs.witness_vkey(n)} https://w{n}.example/" for n in range(3)]
    file.write_text("\n".join([f"log {VKEY}", *lines, "group all-of-us 2 w0 w1 w2", "quorum all-of-us", ""]))
    return str(file)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    """The verifier key, as fsck wants it."""
    file = tmp_path / "vkey"
    file.write_text(VKEY)
    return str(file)


def flipped(good: Path, folder: Path, name: str, at: int) -> Path:
    """A copy of a log with one bit changed in one file."""
    for file in good.rglob("*"):
        if file.is_file():
            logs.put(folder / file.relative_to(good), file.read_bytes())
    content = bytearray((folder / name).read_bytes())
    content[at] ^= 1
    (folder / name).write_bytes(bytes(content))
    return folder


def accepted(done: subprocess.CompletedProcess[str]) -> bool:
    """What each says at the end; fsck ends with status 0 whatever it found."""
    return done.returncode == 0 and (done.args[0].name.startswith("acceptance-") or "Successfully" in done.stderr)


def test_the_go_teams_packages_accept_our_log_and_its_growth(
    good: Path, serve: Serve, sumdb: Run, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    for size in (1, 255, 256, 257, SIZE):
        older.write_text(logs.write(tmp_path / str(size), ENTRIES[:size], ORIGIN))
        done = sumdb("-url", serve(good), "-vkey", VKEY, "-older", str(older))
        assert accepted(done), done.stderr
    older.write_text(logs.write(tmp_path / "other", [b"other", *ENTRIES[1:300]], ORIGIN))
    assert not accepted(sumdb("-url", serve(good), "-vkey", VKEY, "-older", str(older)))


def test_the_go_teams_packages_accept_our_witnesses_lines(good: Path, serve: Serve, sumdb: Run) -> None:
    done = sumdb("-url", serve(good), "-vkey", VKEY, "-witnesses", TWO)
    assert accepted(done), done.stderr
    assert not accepted(sumdb("-url", serve(good), "-vkey", VKEY, "-witnesses", f"{TWO},{logs.witness_vkey(2)}"))


def test_transparency_devs_packages_accept_our_log_its_witnesses_and_their_quorum(
    good: Path, serve: Serve, formats: Run, policy: str
) -> None:
    done = formats("-url", serve(good), "-vkey", VKEY, "-policy", policy, "-witnesses", TWO)
    assert accepted(done), done.stderr
    assert not accepted(formats("-url", serve(good), "-vkey", VKEY, "-witnesses", f"{TWO},{logs.witness_vkey(2)}"))


def test_transparency_devs_packages_accept_our_proofs(tmp_path: Path, formats: Run, policy: str) -> None:
    note = logs.write(tmp_path, ENTRIES, ORIGIN, (0, 1))
    files = []
    for index in (0, 1, 255, 256, 300, SIZE - 1):
        path = merkle.inclusion(index, SIZE, logs.read(ENTRIES))
        text = disclosure.proof_text(ENTRIES[index] + b"\nresult AAAA {}", index, path, note)
        files.append(tmp_path / f"{index}.tlog-proof")
        files[-1].write_text(text)
    done = formats("-vkey", VKEY, "-policy", policy, "-proofs", ",".join(map(str, files)))
    assert accepted(done), done.stderr
    for old, new in (("index 599", "index 598"), ("extra ey", "extra fy"), ("\n600\n", "\n601\n")):
        wrong = tmp_path / "wrong.tlog-proof"
        wrong.write_text(files[-1].read_text().replace(old, new))
        assert not accepted(formats("-vkey", VKEY, "-proofs", str(wrong)))


def test_transparency_devs_packages_accept_our_proofs_of_growth(tmp_path: Path, formats: Run, policy: str) -> None:
    note = logs.write(tmp_path / "new", ENTRIES, ORIGIN, (0, 2))
    older, growth = tmp_path / "older", tmp_path / "growth"
    for size in (1, 255, 256, 300, 512, SIZE):
        older.write_text(logs.write(tmp_path / "old", ENTRIES[:size], ORIGIN))
        path = merkle.consistency(size, SIZE, logs.read(ENTRIES))
        lines = [f"old {size}", *(b64encode(hash_).decode() for hash_ in path)]
        growth.write_text("\n".join(lines) + "\n\n" + note)
        done = formats("-vkey", VKEY, "-policy", policy, "-growth", str(growth), "-older", str(older))
        assert accepted(done), done.stderr
    older.write_text(logs.write(tmp_path / "other", [b"other", *ENTRIES[1:SIZE]], ORIGIN))
    assert not accepted(formats("-vkey", VKEY, "-growth", str(growth), "-older", str(older)))


def test_tesseras_fsck_accepts_our_log(good: Path, serve: Serve, run_fsck: Run, key_file: str) -> None:
    done = run_fsck("--storage_url", serve(good) + "/", "--public_key", key_file, "--origin", ORIGIN, *FSCK)
    assert accepted(done), done.stderr


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("tool", ["sumdb", "formats", "fsck"])
def test_one_flipped_bit_anywhere_is_refused_by_each_of_them(
    good: Path, serve: Serve, request: pytest.FixtureRequest, tool: str, name: str, key_file: str, policy: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    run: Run = request.getfixturevalue("run_fsck" if tool == "fsck" else tool)
    length = (good / name).stat().st_size
    places = [length // 2]
    if name == "checkpoint":  # a letter of the origin, of the root, of the log's signature, and of a witness's
        note = (good / name).read_bytes()
        lines = [n for n in range(length) if note[n : n + 1] == b"\n"]
        places = [5, lines[1] + 10, lines[4] - 20]
        places += [lines[5] - 20] if tool != "fsck" else []  # that one reads no witness's line
    for n, at in enumerate(places):
        url = serve(flipped(good, tmp_path / f"copy{n}", name, at))
        arguments = {
            "sumdb": ("-url", url, "-vkey", VKEY, "-witnesses", TWO),
            "formats": ("-url", url, "-vkey", VKEY, "-policy", policy),
            "fsck": ("--storage_url", f"{url}/", "--public_key", key_file, "--origin", ORIGIN, *FSCK),
        }
        assert not accepted(run(*arguments[tool])), f"{name} with another bit at {at}"
