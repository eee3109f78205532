# SPDX-License-Identifier: Apache-2.0
"""A law as one file: the same bytes for the same law, and nothing in it that a law does not have."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest

from gateway.policy import packing
from gateway.policy.bundle import Bundle
from gateway.policy.packing import BUNDLE_MANIFEST, SIGNATURES, BundleRefusedError, archive, extract, unpack
from gateway.policy.vocabulary import load
from tests.fixtures.law import POLICIES, TIME, Steward


def test_the_same_law_number_time_and_key_give_the_same_bytes(steward: Steward, law: Bundle) -> None:
    assert steward.pack(law, 3) == steward.pack(law, 3)
    assert steward.pack(law, 3) != steward.pack(law, 4)


def test_what_is_unpacked_is_what_was_packed(steward: Steward, law: Bundle) -> None:
    packed = unpack(steward.pack(law, 7))
    assert packed.bundle == law
    assert (packed.release.sequence, packed.release.time) == (7, TIME)


def test_the_bundle_holds_the_words_of_the_law_but_no_tests(steward: Steward, law: Bundle) -> None:
    packed = unpack(steward.pack(law))
    told, written = packing.words(packed.bundle), load(POLICIES)
    assert (told.agreements, told.purposes, told.rules) == (written.agreements, written.purposes, written.rules)
    assert not [name for name in packed.files if "_test" in name]


def test_its_manifest_names_revision_roots_number_and_time(steward: Steward, law: Bundle) -> None:
    manifest = json.loads(extract(steward.pack(law, 2))[BUNDLE_MANIFEST])
    assert manifest == {
        "revision": law.revision,
        "roots": sorted({"commons", *json.loads(law.data)}),
        "rego_version": 1,
        "metadata": {"sequence": 2, "time": TIME},
    }


def test_a_file_that_does_not_fit_the_revision_is_refused(steward: Steward, law: Bundle) -> None:
    files = extract(steward.pack(law))
    files["data.json"] = files["data.json"].replace(b"true", b"false", 1)
    with pytest.raises(BundleRefusedError) as raised:
        unpack(archive(files))
    assert raised.value.code == "edited"


@pytest.mark.parametrize(
    "name", ["../limits/x.rego", "/limits/x.rego", "limits/x.sh", "a/b/c/d/x.rego", "plan.json", "policy.wasm", ""]
)
def test_a_file_under_a_name_that_no_law_has_is_refused(steward: Steward, law: Bundle, name: str) -> None:
    with pytest.raises(BundleRefusedError, match=r"no file of a law|cannot be unpacked"):
        unpack(archive(extract(steward.pack(law)) | {name: b"package x"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_only_plain_files_are_taken(kind: bytes) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        entry = tarfile.TarInfo("limits/x.rego")
        entry.type, entry.linkname = kind, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(BundleRefusedError):
        unpack(gzip.compress(made.getvalue()))


def test_a_file_that_stands_twice_is_refused(steward: Steward, law: Bundle) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for content in (b"{}", b"[]"):
            entry = tarfile.TarInfo("data.json")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    with pytest.raises(BundleRefusedError):
        unpack(gzip.compress(made.getvalue()))


def test_what_inflates_beyond_any_law_is_refused(
    monkeypatch: pytest.MonkeyPatch, steward: Steward, law: Bundle
) -> None:
    monkeypatch.setattr(packing, "LARGEST", 1000)
    with pytest.raises(BundleRefusedError, match="larger than 1000 bytes"):
        unpack(steward.pack(law))


@pytest.mark.parametrize(
    "raw", [b"", b"PK\x03\x04", gzip.compress(b"no archive", mtime=0), gzip.compress(b"", mtime=0)[:5]]
)
def test_what_is_no_bundle_is_refused(raw: bytes) -> None:
    with pytest.raises(BundleRefusedError) as raised:
        unpack(raw)
    assert raised.value.code == "malformed"


def test_a_cut_bundle_is_refused(steward: Steward, law: Bundle) -> None:
    raw = steward.pack(law)
    for length in range(0, len(raw) - 1, 997):
        with pytest.raises(BundleRefusedError):
            unpack(raw[:length])


@pytest.mark.parametrize("missing", [BUNDLE_MANIFEST, "data.json", "manifest.json"])
def test_a_bundle_that_lacks_a_part_is_refused(steward: Steward, law: Bundle, missing: str) -> None:
    files = extract(steward.pack(law))
    del files[missing]
    with pytest.raises(BundleRefusedError):
        unpack(archive(files))


@pytest.mark.parametrize(
    "signatures",
    [b"{}", b'{"signatures":"x"}', b"[]", b'{"signatures":[1]}', b"\xff", b'{"signatures":["a"],"x":1}'],
)
def test_a_file_of_signatures_in_another_form_is_refused(steward: Steward, law: Bundle, signatures: bytes) -> None:
    with pytest.raises((BundleRefusedError, KeyError)) as raised:
        unpack(archive(extract(steward.pack(law)) | {SIGNATURES: signatures}))
    assert isinstance(raised.value, BundleRefusedError)
