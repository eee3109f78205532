# SPDX-License-Identifier: Apache-2.0
"""A witness's line is the one that Go's verifiers accept: pinned, byte for byte."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit import cosignature

NAME = "ico-witness.example/w1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(0x20, 0x40)))
TEXT = "gateway.example.gov.uk/audit\n70000\nBgv+86JoCgNF32/SwcmYtPJl1lKSbMhDoRdDYwUbFUc=\n"
LINE = (
    "— ico-witness.example/w1 MusKqAAAAABpVbkAD1eRs8JK25ifILuNPycXD7KTQlsbO+0d78VEptavZpBMYRbb2Yj0gjAAjRLSweRZ"
    "jAXxvkU3XvjxDeA2mMr7CQ=="
)


def test_the_witness_key_is_written_as_c2sp_has_it() -> None:
    written = "ico-witness.example/w1+32eb0aa8+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
    assert cosignature.vkey(NAME, KEY.public_key()) == written


def test_the_cosignature_is_the_one_that_go_verified() -> None:
    assert cosignature.cosign(NAME, KEY, TEXT, 1_767_225_600).strip() == LINE
