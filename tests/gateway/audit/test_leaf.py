# SPDX-License-Identifier: Apache-2.0
"""Entries: their bytes are canonical, their commitments as specified, their types named once."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import events, leaf, merkle
from gateway.audit.events import Entry

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ENTRIES = st.builds(
    Entry,
    id=TEXT,
    type=st.sampled_from(sorted(events.NAMES)),
    at_ms=st.integers(0, 2**53 - 1),
    org=TEXT,
    svc=TEXT,
    purpose=TEXT,
    decision=st.sampled_from(["permit", "deny", "break_glass", ""]),
    policy=TEXT,
    subjects=st.integers(0, 1000),
    groups=st.dictionaries(st.sampled_from(events.GROUPS), st.dictionaries(st.just("member"), TEXT, max_size=1)),
    subject_key=TEXT,
)
COUNTS = st.integers(0, 2**53 - 1)


@given(ENTRIES, COUNTS, COUNTS)
def test_an_entry_is_canonical_json(event: Entry, number: int, count: int) -> None:
    built = leaf.finish(leaf.build(event), number, count)
    assert built.entry == rfc8785.dumps(json.loads(built.entry))
    assert built.hash == merkle.leaf_hash(built.entry)


@given(ENTRIES, COUNTS, COUNTS)
def test_what_is_packed_to_be_sealed_unpacks_and_fits_the_commitments(
    event: Entry, number: int, count: int
) -> None:
    built = leaf.finish(leaf.build(event), number, count)
    unpacked = leaf.unpack(built.actor) | leaf.unpack(built.subject)
    given = {name: dict(value) for name, value in event.groups.items()}  # type: ignore[call-overload]
    if number and "subject" in given:
        given["subject"]["number"] = number
    assert {name: group.value for name, group in unpacked.items()} == given
    assert json.loads(built.entry).get("count", 0) == count
    assert set(leaf.unpack(built.actor)) <= {"actor"}
    commitments = json.loads(built.entry)["c"]
    assert commitments == {
        name: b64encode(leaf.commitment(name, group.salt, group.content)).decode()
        for name, group in unpacked.items()
    }


def test_a_commitment_is_computed_as_specified() -> None:
    salt = bytes(range(32))
    expected = sha256(b"dsc-audit/v1/subject\x00" + salt + b'{"handle":"sub_1"}').digest()
    assert leaf.commitment("subject", salt, b'{"handle":"sub_1"}') == expected


def test_no_name_of_an_event_is_used_twice() -> None:
    names = [kind.name for kind in events.TYPES]
    assert len(set(names)) == len(names)
    assert set(names) == events.NAMES


@pytest.mark.parametrize("kind", events.TYPES, ids=lambda kind: kind.name)
def test_an_event_is_named_subject_dot_verb_and_explained(kind: events.EventType) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_-]+", kind.name)
    assert re.fullmatch(r"[A-Z].*\.", kind.sentence)


def test_names_of_events_in_old_logs_keep_their_meaning() -> None:
    """What was once written stands in logs for ever; this list only grows."""
    written = {
        "log.started",
        "log.closed",
        "log.continued",
        "access.intended",
        "access.refused",
        "access.previewed",
        "access.disclosed",
        "connector.alarm",
        "consent.given",
        "consent.refused",
        "consent.withdrawn",
    }
    assert written <= events.NAMES


def test_an_entry_without_groups_has_nothing_to_seal() -> None:
    built = leaf.finish(leaf.build(Entry("i", "log.started", 1, "", "o", "", "", "", 0, {})), 0, 0)
    assert (built.actor, built.subject) == (b"", b"")
    assert leaf.unpack(b"") == {}


def test_the_reference_page_tells_every_type_and_member() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "log.md").read_text()
    draft = leaf.build(Entry("i", "log.continued", 1, "", "o", "", "", "", 0, {}, previous="note"))
    members = json.loads(leaf.finish(draft, 1, 1).entry)
    for name in (*events.GROUPS, *members):
        assert f"`{name}`" in page
