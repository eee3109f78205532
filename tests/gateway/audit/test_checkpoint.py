# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and signed notes, against a note that Go's `golang.org/x/mod/sumdb/note` made and opens."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import checkpoint
from gateway.audit.checkpoint import Checkpoint, NoteError, Signer, open_note

ORIGIN = "gateway.example.gov.uk/audit"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = "gateway.example.gov.uk/audit+dce0c461+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
ROOT = base64.b64decode("Bgv+86JoCgNF32/SwcmYtPJl1lKSbMhDoRdDYwUbFUc=")
TEXT = """\
gateway.example.gov.uk/audit
70000
Bgv+86JoCgNF32/SwcmYtPJl1lKSbMhDoRdDYwUbFUc=
"""
NOTE = (
    f"{TEXT}\n— gateway.example.gov.uk/audit "
    "3ODEYYfDumAGyTuqhCeJZF8Egz5krrBF+1mlUxpYQrVzCjdNzk8C3n2VxelTOpezVrBP4Zer9bV8QbECw102JfJIYAo=\n"
)
WITNESS = (
    "— ico-witness.example/w1 "
    "MusKqAAAAABpVbkAD1eRs8JK25ifILuNPycXD7KTQlsbO+0d78VEptavZpBMYRbb2Yj0gjAAjRLSweRZjAXxvkU3XvjxDeA2mMr7CQ==\n"
)


def opened(note: str) -> Checkpoint:
    return open_note(note, ORIGIN, KEY.public_key())


def test_the_verifier_key_is_as_go_writes_it() -> None:
    assert checkpoint.vkey(ORIGIN, KEY.public_key()) == VKEY


def test_a_signed_checkpoint_is_as_go_writes_it() -> None:
    assert Signer(ORIGIN, KEY).sign(70_000, ROOT) == NOTE


def test_a_signed_checkpoint_opens() -> None:
    assert opened(NOTE) == Checkpoint(ORIGIN, 70_000, ROOT)


def test_signatures_by_unknown_keys_are_passed_over() -> None:
    ours = NOTE.removeprefix(f"{TEXT}\n")
    witnesses = [WITNESS.replace("/w1", f"/w{n}") for n in range(1, 20)]
    assert opened(f"{TEXT}\n" + "".join(witnesses[:9]) + ours + "".join(witnesses[9:])).size == 70_000


def test_a_key_of_the_same_name_and_another_id_is_unknown() -> None:
    other = Signer(ORIGIN, Ed25519PrivateKey.generate()).sign(70_000, ROOT).split("\n\n")[1]
    assert opened(NOTE + other).size == 70_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("70000", "70001"),
        ("70000", "070000"),
        ("70000", "-1"),
        ("Bgv+", "Bgw+"),
        ("audit\n70000", "audit2\n70000"),
        ("UbFUc=\n\n", "UbFUc=\nextension\n\n"),
        ("UbFUc=\n\n", "UbFUd=\n\n"),
        ("UbFUc=\n\n", "UbFUc\n\n"),
        ("\n\n", "\n"),
        ("—", "-"),
        ("3ODEYYfD", "3ODEYYfE"),
        ("3ODEYYfD", "3ODEYYf!"),
        ("\n70000", "\r\n70000"),
        ("70000", "７００００"),
        ("YAo=\n", "YAo="),
        (f"— {ORIGIN}", "— other.example/log"),
    ],
)
def test_any_change_spoils_the_note(old: str, new: str) -> None:
    assert old in NOTE
    with pytest.raises(NoteError):
        opened(NOTE.replace(old, new))


def test_a_wrong_signature_of_our_key_spoils_the_note_even_beside_a_right_one() -> None:
    wrong = Signer(ORIGIN, KEY).sign(70_001, ROOT).split("\n\n")[1]
    with pytest.raises(NoteError, match="does not verify"):
        opened(NOTE + wrong)


def test_a_note_that_only_a_witness_signed_is_not_ours() -> None:
    with pytest.raises(NoteError, match="not signed by the log key"):
        opened(f"{TEXT}\n{WITNESS}")


def test_a_checkpoint_of_another_log_is_refused_even_if_signed_by_our_key_in_our_name() -> None:
    text = checkpoint.text(Checkpoint("other.example/log", 1, ROOT))
    signature = base64.b64encode(checkpoint.key_id(ORIGIN, KEY.public_key()) + KEY.sign(text.encode())).decode()
    with pytest.raises(NoteError, match="another log"):
        opened(f"{text}\n— {ORIGIN} {signature}\n")


def test_a_note_with_endless_signatures_is_refused() -> None:
    with pytest.raises(NoteError, match="too many"):
        opened(NOTE + WITNESS * checkpoint.MOST_SIGNATURES)
