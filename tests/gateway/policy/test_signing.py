# SPDX-License-Identifier: Apache-2.0
"""Only a bundle that a trusted steward signed, whole and as it was signed, passes; ours and OPA's check agree."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.keyring import KeyringError
from gateway.policy import signing
from gateway.policy.bundle import Bundle
from gateway.policy.packing import SIGNATURES, BundleRefusedError, archive, extract, unpack
from tests.fixtures.law import Steward, edited, refitted, steward_in, stripped


def refused(raw: bytes, keys: signing.Trusted) -> str:
    with pytest.raises(BundleRefusedError) as raised:
        signing.verify(unpack(raw), keys)
    return raised.value.code


def resigned(raw: bytes, change: Callable[[str, str, str], list[str]]) -> bytes:
    """The bundle with the three parts of its JWT changed."""
    files = extract(raw)
    head, body, signature = json.loads(files[SIGNATURES])["signatures"][0].split(".")
    made = ".".join(change(head, body, signature))
    return archive(files | {SIGNATURES: json.dumps({"signatures": [made]}).encode()})


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_bundle_of_a_trusted_steward_passes_and_names_the_key(steward: Steward, law: Bundle) -> None:
    assert signing.verify(unpack(steward.pack(law)), steward.trusted) == steward.keyid


def test_a_stripped_signature_is_refused(steward: Steward, law: Bundle) -> None:
    assert refused(stripped(steward.pack(law)), steward.trusted) == "unsigned"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("limits/known_person.rego", b"== true", b"!= false"),
        ("data.json", b'"retention_days":70', b'"retention_days":71'),
        ("data/agreements/dsa-2026-014.yaml", b"DPIA-2026-009", b"DPIA-2026-008"),
        (".manifest", b'"sequence":1', b'"sequence":2'),
    ],
)
def test_an_edited_byte_is_refused_even_if_the_revision_fits(
    steward: Steward, law: Bundle, name: str, old: bytes, new: bytes
) -> None:
    assert refused(edited(steward.pack(law), name, old, new), steward.trusted) == "edited"


def test_a_file_added_or_taken_away_is_refused(steward: Steward, law: Bundle) -> None:
    files = extract(steward.pack(law))
    assert (
        refused(refitted(files | {"limits/more.rego": b"package commons.limits.more"}), steward.trusted) == "edited"
    )
    del files["lib/purpose.rego"]
    assert refused(refitted(files), steward.trusted) == "edited"


def test_a_foreign_key_is_refused_whatever_id_it_claims(steward: Steward, stranger: Steward, law: Bundle) -> None:
    assert stranger.keyid == steward.keyid
    assert refused(stranger.pack(law), steward.trusted) == "foreign-key"
    assert refused(steward.pack(law), {"another": steward.trusted[steward.keyid]}) == "foreign-key"


def test_no_other_algorithm_form_or_purpose_is_taken(steward: Steward, law: Bundle) -> None:
    raw, keys = steward.pack(law), steward.trusted
    for algorithm in ("none", "HS256", "RS256", "es256"):
        head = part({"kid": steward.keyid, "alg": algorithm, "typ": "JWT"})
        assert refused(resigned(raw, lambda h, b, s, head=head: [head, b, s]), keys) == "unsigned"
    assert refused(resigned(raw, lambda h, b, s: [h, b, ""]), keys) == "foreign-key"
    assert refused(resigned(raw, lambda h, b, s: [h, b]), keys) == "unsigned"
    assert refused(resigned(raw, lambda h, b, s: [h, b, s, s]), keys) == "unsigned"
    assert refused(resigned(raw, lambda h, b, s: [h, part({"files": [], "scope": "x"}), s]), keys) == "foreign-key"


def test_a_private_key_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    keyid, private = signing.make_key(tmp_path)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    with pytest.raises(KeyringError, match="never overwritten"):
        signing.make_key(tmp_path, keyid)


def test_a_gateway_that_holds_a_private_key_or_none_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="commons policy trust"):
        signing.trusted(tmp_path)
    steward_in(tmp_path)
    with pytest.raises(KeyringError, match="must not hold"):
        signing.trusted(tmp_path)


def test_what_is_no_key_is_told(tmp_path: Path) -> None:
    for name in ("x.pem", "x.private.pem", "x.txt"):
        (tmp_path / name).write_text("nothing")
    with pytest.raises(KeyringError):
        signing.read_public(tmp_path / "x.pem")
    for name in ("x.private.pem", "x.txt", "absent.private.pem"):
        with pytest.raises(KeyringError):
            signing.read_key(tmp_path / name)


@pytest.mark.parametrize(
    ("what", "good"), [("signed", True), ("stripped", False), ("edited", False), ("foreign", False)]
)
def test_opa_checks_the_same_signature(
    opa: str, steward: Steward, stranger: Steward, law: Bundle, tmp_path: Path, what: str, good: bool
) -> None:
    raw = steward.pack(law)
    made = {
        "signed": raw,
        "stripped": stripped(raw),
        "edited": edited(raw, "limits/known_person.rego", b"== true", b"!= false"),
        "foreign": stranger.pack(law),
    }[what]
    (tmp_path / "bundle.tar.gz").write_bytes(made)
    done = subprocess.run(
        [opa, "build", "-b", "bundle.tar.gz", "-o", "out.tar.gz", "--verification-key", str(steward.public),
         "--verification-key-id", steward.keyid, "--signing-alg", "ES256", "--scope", signing.SCOPE],
        check=False, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode == 0) is good, done.stderr
