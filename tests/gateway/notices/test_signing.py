# SPDX-License-Identifier: Apache-2.0
"""A notice is believed only if it is what we signed, with a secret in force, and lately."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.notices.signing import TOLERANCE_S, Doubtful, Genuine, make_secret, sign, verify

NOW = 1_800_000_000
BODY = b'{"id":"1"}'
SECRET, OTHER = make_secret(), make_secret()


def test_what_was_signed_is_genuine_with_any_of_the_secrets_in_force() -> None:
    header = sign(BODY, (SECRET, OTHER), NOW)
    assert header.startswith(f"t={NOW},v1=")
    for secrets in ((SECRET,), (OTHER,), (make_secret(), OTHER)):
        assert verify(header, BODY, secrets, NOW) == Genuine()


@pytest.mark.parametrize(
    ("header", "body", "now"),
    [
        (sign(BODY, (SECRET,), NOW), BODY + b" ", NOW),
        (sign(BODY, (OTHER,), NOW), BODY, NOW),
        (sign(BODY, (SECRET,), NOW).replace(f"t={NOW}", f"t={NOW + 1}"), BODY, NOW),
        (sign(BODY, (SECRET,), NOW), BODY, NOW + TOLERANCE_S + 1),
        (sign(BODY, (SECRET,), NOW), BODY, NOW - TOLERANCE_S - 1),
        (sign(BODY, (SECRET,), NOW).partition(",")[2], BODY, NOW),
        (sign(BODY, (SECRET,), NOW) + f",t={NOW}", BODY, NOW),
        (f"t={NOW}", BODY, NOW),
        (f"t={NOW},v1=", BODY, NOW),
        (f"t=x{NOW},v1=00", BODY, NOW),
        (f"t={NOW},v1=\xff", BODY, NOW),
        ("", BODY, NOW),
    ],
    ids=range(12),  # a secret in a name would be another one in each process
)
def test_anything_else_is_doubtful_and_says_why(header: str, body: bytes, now: int) -> None:
    assert isinstance(verify(header, body, (SECRET,), now), Doubtful)


def test_a_signature_of_a_later_version_beside_ours_changes_nothing() -> None:
    assert verify(sign(BODY, (SECRET,), NOW) + ",v2=zz", BODY, (SECRET,), NOW) == Genuine()


@given(st.text(max_size=80))
def test_no_header_makes_it_fall_over_or_believe(header: str) -> None:
    assert isinstance(verify(header, BODY, (SECRET,), NOW), Doubtful)


def test_openssl_comes_to_the_same_signature() -> None:
    command = ["openssl", "dgst", "-sha256", "-hmac", SECRET]
    said = subprocess.run(command, input=f"{NOW}.".encode() + BODY, capture_output=True, check=True).stdout
    assert sign(BODY, (SECRET,), NOW) == f"t={NOW},v1={said.decode().split()[-1]}"
