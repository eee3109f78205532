# SPDX-License-Identifier: Apache-2.0
"""A witness answers as C2SP tlog-witness says: each status, and never a second history."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import checkpoint, merkle
from gateway.audit.checkpoint import Signer
from gateway.witness import folder
from gateway.witness.cosigning import SIZE, Witness
from gateway.witness.folder import WitnessFault
from gateway.witness.memory import MemoryLost

from .conftest import LOG_VKEY, NAME, ORIGIN, body, is_cosigned, note


@pytest.fixture
def witness(witness_dir: Path) -> Witness:
    return folder.open_(witness_dir)


def test_a_first_checkpoint_is_cosigned_and_the_line_verifies(witness: Witness, witness_dir: Path) -> None:
    answer = witness.add_checkpoint(body(0, 5))
    assert answer.status == 200
    key = folder.vkey_of(witness_dir)
    assert is_cosigned(key, note(5), answer.body)
    assert not is_cosigned(key, note(6), answer.body)


@pytest.mark.parametrize(("old", "size"), [(5, 5), (5, 6), (5, 8), (5, 300), (1, 2), (256, 257), (8, 16)])
def test_a_checkpoint_that_continues_the_last_one_is_cosigned(witness: Witness, old: int, size: int) -> None:
    assert witness.add_checkpoint(body(0, old)).status == 200
    assert witness.add_checkpoint(body(old, size)).status == 200
    assert witness.add_checkpoint(body(size, size)).status == 200


def test_an_empty_log_is_cosigned_and_grows(witness: Witness) -> None:
    assert witness.add_checkpoint(body(0, 0)).status == 200
    assert witness.add_checkpoint(body(0, 3)).status == 200


def test_an_empty_log_with_a_root_of_something_is_422(witness: Witness) -> None:
    false = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32)))).sign(0, bytes(32))
    assert witness.add_checkpoint(f"old 0\n\n{false}".encode()).status == 422


def test_an_unknown_log_is_404(witness: Witness) -> None:
    other = Signer("other.example/log", Ed25519PrivateKey.generate()).sign(0, merkle.EMPTY_ROOT)
    assert witness.add_checkpoint(f"old 0\n\n{other}".encode()).status == 404


def test_a_checkpoint_by_another_key_or_by_none_is_403(witness: Witness) -> None:
    forged = Signer(ORIGIN, Ed25519PrivateKey.generate()).sign(0, merkle.EMPTY_ROOT)
    assert witness.add_checkpoint(f"old 0\n\n{forged}".encode()).status == 403
    assert witness.add_checkpoint(body(0, 5).replace(b"\n5\n", b"\n6\n")).status == 403


def test_an_old_size_above_the_checkpoint_is_400(witness: Witness) -> None:
    assert witness.add_checkpoint(f"old 6\n\n{note(5)}".encode()).status == 400


@pytest.mark.parametrize("old", [0, 1, 4, 6, 7])
def test_another_old_size_than_the_last_is_409_and_says_which_it_is(witness: Witness, old: int) -> None:
    witness.add_checkpoint(body(0, 5))
    answer = witness.add_checkpoint(body(old, 7))
    assert (answer.status, answer.body, answer.media_type) == (409, "5\n", SIZE)


def test_a_proof_that_does_not_hold_is_422(witness: Witness) -> None:
    witness.add_checkpoint(body(0, 5))
    good = body(5, 9).decode()
    first = good.split("\n")[1]
    for wrong in (good.replace(f"{first}\n", ""), good.replace(first, "A" * 43 + "="),
                  good.replace(f"{first}\n", f"{first}\n{first}\n")):  # fmt: skip
        assert witness.add_checkpoint(wrong.encode()).status == 422
    assert witness.add_checkpoint(good.encode()).status == 200


def test_a_proof_from_nothing_is_422(witness: Witness) -> None:
    assert witness.add_checkpoint(body(0, 5).replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n")).status == 422


def test_another_history_is_never_cosigned(witness: Witness) -> None:
    witness.add_checkpoint(body(0, 5))
    assert witness.add_checkpoint(body(5, 5, "other")).status == 422
    assert witness.add_checkpoint(body(5, 9, "other")).status == 422
    assert witness.newest(ORIGIN) is not None
    assert str(witness.newest(ORIGIN)).startswith(note(5))


@pytest.mark.parametrize(
    "sent",
    [b"", b"old 0\n", b"old\n\n" + note(5).encode(), b"old 00\n\n" + note(5).encode(),
     b"old +1\n\n" + note(5).encode(), b"old -1\n\n" + note(5).encode(), b"old 0\n\n\xff",
     b"old 1\nnot base64\n\n" + note(5).encode(), b"old 1\nAAAA\n\n" + note(5).encode(),
     b"old 1\n" + b"A" * 42 + b"B=\n\n" + note(5).encode(),
     b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note(5).encode()],
)  # fmt: skip
def test_a_request_in_another_form_is_400(witness: Witness, sent: bytes) -> None:
    assert witness.add_checkpoint(sent).status == 400


def test_of_two_at_once_only_one_is_cosigned(witness_dir: Path) -> None:
    both = [folder.open_(witness_dir), folder.open_(witness_dir)]
    both[0].add_checkpoint(body(0, 5))
    with ThreadPoolExecutor(8) as pool:
        sent = [(both[n % 2], body(5, 6 + n, "n" if n % 2 else "other")) for n in range(16)]
        fives = [body(5, 6 + n) for n in range(16)]
        wrong = list(pool.map(lambda one: one[0].add_checkpoint(one[1]).status, sent))
        assert set(wrong) <= {200, 409, 422}
        assert wrong.count(200) <= 1
        right = list(pool.map(lambda one: both[0].add_checkpoint(one).status, fives))
        assert wrong.count(200) + right.count(200) == 1


def test_a_witness_remembers_what_it_cosigned_when_it_is_opened_again(witness_dir: Path) -> None:
    assert folder.open_(witness_dir).add_checkpoint(body(0, 5)).status == 200
    assert folder.open_(witness_dir).add_checkpoint(body(0, 5)).status == 409


def test_a_witness_without_its_memory_does_not_open(witness_dir: Path) -> None:
    (witness_dir / "memory.db").unlink()
    with pytest.raises(MemoryLost, match="another witness"):
        folder.open_(witness_dir)


def test_a_witness_is_never_made_over_another(witness_dir: Path) -> None:
    with pytest.raises(WitnessFault, match="already holds"):
        folder.create(witness_dir, NAME)


def test_a_key_that_others_can_read_is_refused(witness_dir: Path) -> None:
    key = witness_dir / "witness.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o640)
    with pytest.raises(WitnessFault, match="chmod 600"):
        folder.open_(witness_dir)


def test_a_log_that_is_known_keeps_its_key(witness_dir: Path) -> None:
    assert folder.trust(witness_dir, LOG_VKEY) == ORIGIN
    other = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(WitnessFault, match="another key"):
        folder.trust(witness_dir, checkpoint.vkey(ORIGIN, other))
    with pytest.raises(WitnessFault, match="no verifier key"):
        folder.trust(witness_dir, folder.vkey_of(witness_dir))
