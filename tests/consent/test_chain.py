# SPDX-License-Identifier: Apache-2.0
"""The bytes of the chain, pinned for ever, and what shows when one of them changes."""

from __future__ import annotations

import hashlib
import json

import msgspec
import pytest
import rfc8785
from hypothesis import given as for_all
from hypothesis import strategies as st

from consent import chain
from consent.chain import START, Broken, Link, Verified
from consent.conditions import Conditions, Frequency
from consent.errors import LedgerCorrupt
from consent.model import Channel, Event, Kind, Provision, Recorded
from consent.words import AccessMode, By, ConsentType, Unit
from tests.consent.decisions import PERSON, PLAN, decision, given, histories, refused, withdrawn

AB = b"ab" * 32
NOTICE = b"6f1d" * 16
ID = b"01900000-0000-7000-8000-000000000001"

GOLDEN = {
    Kind.GIVEN: (
        b'{"event":{"actor":"citizen","agreement":"dsa-2026-014","at":1800000000,"channel":"web",'
        b'"expires_at":1831536000,"id":"'
        + ID
        + b'","kind":"given","language":"en","notice_hash":"'
        + NOTICE
        + b'",'
        b'"organisation":"uk/nhs/XZZ01","person":"person-a","predecessor":"an-earlier-one",'
        b'"provision":{"categories":["support.plan"],"fields":["support.plan/goal"],'
        b'"sources":["uk/charity/9999901/crm"]},"purpose":"direct-care.discharge-planning"},'
        b'"previous":"' + AB + b'","seq":8,"v":1}',
        "56a2a2f25d4d6af9077d14672536fb0fa73e64afeaca16bf7d97c49671538eeb",
    ),
    Kind.REFUSED: (
        b'{"event":{"actor":"citizen","agreement":"dsa-2026-014","at":1800000000,"channel":"web",'
        b'"id":"' + ID + b'","kind":"refused","organisation":"uk/nhs/XZZ01","person":"person-a",'
        b'"provision":{"categories":["support.plan"]},"purpose":"direct-care.discharge-planning"},'
        b'"previous":"' + AB + b'","seq":8,"v":1}',
        "7d1607c89b1916cde1c0ceeca0c83de22d8cea2f139487e31cccc5615c302bb1",
    ),
    Kind.WITHDRAWN: (
        b'{"event":{"actor":"citizen","agreement":"dsa-2026-014","at":1800000000,"channel":"web",'
        b'"id":"' + ID + b'","kind":"withdrawn","organisation":"uk/nhs/XZZ01","person":"person-a",'
        b'"provision":{"categories":["support.plan"]},"purpose":"direct-care.discharge-planning"},'
        b'"previous":"' + AB + b'","seq":8,"v":1}',
        "69f8eaa08f3e309eb129cd6e66b7955c7756958693dc9ae63530e4a66391e88d",
    ),
}
EVENTS = {
    Kind.GIVEN: given(
        fields=("support.plan/goal",),
        sources=("uk/charity/9999901/crm",),
        predecessor="an-earlier-one",
        id=ID.decode(),
    ),
    Kind.REFUSED: refused(id=ID.decode()),
    Kind.WITHDRAWN: withdrawn(id=ID.decode()),
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_the_bytes_of_each_kind_of_event_never_change(kind: Kind) -> None:
    content, hash_ = GOLDEN[kind]
    assert chain.link(EVENTS[kind], Recorded(7, AB.decode())) == (content, Recorded(8, hash_))
    assert chain.event_of(content) == EVENTS[kind]


@for_all(histories())
def test_a_link_is_canonical_json_as_in_rfc_8785(events: list[Event]) -> None:
    content, recorded = chain.link(events[-1], START)
    assert content == rfc8785.dumps(json.loads(content))
    assert recorded.hash == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["Siân Ŵyn", 'a "quote" \\ and a \x01 control', "\U0001f4dc", "\u2028"])
def test_any_text_is_canonical(name: str) -> None:
    content, _ = chain.link(given(name), START)
    assert content == rfc8785.dumps(json.loads(content))


def test_what_is_not_said_is_not_written() -> None:
    content, _ = chain.link(refused(), START)
    assert set(json.loads(content)["event"]) == {
        "id",
        "kind",
        "person",
        "organisation",
        "purpose",
        "agreement",
        "provision",
        "at",
        "actor",
        "channel",
    }


# -- reading --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"witness": "somebody"},
        {"event": {"kind": "foretold"}},
        {"event": {"court_order": True}},
        {"event": {"provision": {"categories": [PLAN], "only_on_mondays": True}}},
        {"event": {"at": "yesterday"}},
    ],
)
def test_what_a_newer_version_wrote_is_not_passed_over(change: dict[str, object]) -> None:
    link = json.loads(chain.link(withdrawn(), START)[0])
    event = {**link["event"], **change.pop("event", {})}  # type: ignore[dict-item]
    with pytest.raises(LedgerCorrupt):
        chain.event_of(rfc8785.dumps({**link, "event": event, **change}))


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'"\xff"', b"[]"])
def test_what_is_not_a_link_is_corrupt(content: bytes) -> None:
    with pytest.raises(LedgerCorrupt):
        chain.event_of(content)


# -- verifying ------------------------------------------------------------------------------------------------

Row = tuple[int, bytes, str]


def linked(events: list[Event]) -> list[Row]:
    rows, head = [], START
    for event in events:
        content, head = chain.link(event, head)
        rows.append((head.seq, content, head.hash))
    return rows


def head_of(rows: list[Row]) -> Recorded:
    return Recorded(rows[-1][0], rows[-1][2]) if rows else START


def forged(link: Link, seq: int) -> Row:
    content = msgspec.json.encode(link, order="sorted")
    return seq, content, chain.digest(content)


@for_all(histories())
def test_what_was_written_is_whole(events: list[Event]) -> None:
    rows = linked(events)
    assert chain.verify(PERSON, rows, head_of(rows)) == Verified(head_of(rows))


@for_all(histories(), st.data())
def test_any_changed_byte_breaks_the_chain(events: list[Event], data: st.DataObject) -> None:
    rows = linked(events)
    place = data.draw(st.integers(0, len(rows) - 1))
    seq, content, hash_ = rows[place]
    at = data.draw(st.integers(0, len(content) - 1))
    other = bytes([content[at] ^ data.draw(st.integers(1, 255))])
    rows[place] = (seq, content[:at] + other + content[at + 1 :], hash_)
    assert chain.verify(PERSON, rows, head_of(rows)) == Broken(seq, "the content does not have its hash")


@for_all(histories(), st.data())
def test_a_changed_event_with_a_new_hash_breaks_the_chain_after_it(
    events: list[Event], data: st.DataObject
) -> None:
    rows = linked([*events, withdrawn()])
    head = head_of(rows)
    place = data.draw(st.integers(0, len(events)))
    link = msgspec.json.decode(rows[place][1], type=Link)
    rows[place] = forged(msgspec.structs.replace(link, previous=link.previous[::-1] + "0"), place + 1)
    assert isinstance(chain.verify(PERSON, rows, head), Broken)


def test_a_missing_event_is_seen() -> None:
    rows = linked([given(), withdrawn(), given()])
    del rows[1]
    assert chain.verify(PERSON, rows, head_of(rows)) == Broken(2, "an event is missing")


def test_a_missing_end_is_seen_from_the_head() -> None:
    rows = linked([given(), withdrawn()])
    assert chain.verify(PERSON, rows[:1], head_of(rows)) == Broken(1, "the chain does not end where its head says")


def test_exchanged_events_are_seen() -> None:
    (one, first, first_hash), (two, second, second_hash) = linked([given(), withdrawn()])
    rows = [(one, second, second_hash), (two, first, first_hash)]
    assert chain.verify(PERSON, rows, head_of(rows)) == Broken(1, "the event does not follow the one before")


def test_an_event_of_another_person_is_seen() -> None:
    rows = linked([given(person="person-b")])
    assert chain.verify(PERSON, rows, head_of(rows)) == Broken(1, "the event is another person's")


def test_a_number_that_does_not_fit_its_place_is_seen() -> None:
    rows = [forged(Link(event=given(), previous="", seq=2, v=1), 1)]
    assert chain.verify(PERSON, rows, head_of(rows)) == Broken(1, "the event does not follow the one before")


def test_the_same_content_in_other_bytes_is_seen() -> None:
    content = json.dumps(json.loads(linked([given()])[0][1])).encode()
    rows = [(1, content, chain.digest(content))]
    assert chain.verify(PERSON, rows, head_of(rows)) == Broken(1, "the content is not in canonical form")


def test_unreadable_content_with_its_hash_is_seen() -> None:
    rows = [(1, b"{}", chain.digest(b"{}"))]
    assert chain.verify(PERSON, rows, head_of(rows)) == Broken(1, "the content cannot be read")


def test_nobody_has_an_empty_chain_that_ends_somewhere() -> None:
    assert chain.verify(PERSON, [], START) == Verified(START)
    assert isinstance(chain.verify(PERSON, [], Recorded(1, "ab" * 32)), Broken)


# -- what later versions added --------------------------------------------------------------------------------

EVERY_MEMBER = Event(
    id=ID.decode(),
    kind=Kind.RENEWED,
    person=PERSON,
    organisation="uk/nhs/XZZ01",
    purpose="direct-care.discharge-planning",
    agreement="dsa-2026-014",
    provision=Provision(
        categories=(PLAN,),
        conditions=Conditions(
            roles=("nurse",),
            services=("ward",),
            period_from="2020-01-01",
            period_to="2026-12-31",
            access_modes=(AccessMode.VIEW,),
            frequency=Frequency(3, 1, Unit.WEEK),
            erase_by=1_800_009_999,
        ),
    ),
    at=1_800_000_000,
    actor="staff-1",
    channel=Channel.PHONE,
    expires_at=1_831_536_000,
    notice_hash=NOTICE.decode(),
    language="cy",
    predecessor="an-earlier-one",
    revision="ef" * 32,
    read_back=True,
    evidence="cd" * 32,
    request="a-question",
    target="a-target",
    by=By.PARENT,
    authoriser="mother",
    authority="auth-1",
    parties=("mother", PERSON),
    reason="a-reason",
    consent_type=ConsentType.EXPRESSED,
    code="a-code",
    lawful_basis="6(1)(a)",
    confidentiality_basis="explicit-consent",
)


def test_the_bytes_of_every_member_never_change() -> None:
    content, recorded = chain.link(EVERY_MEMBER, Recorded(7, AB.decode()))
    assert set(json.loads(content)["event"]) == set(Event.__struct_fields__) - {"erased"}
    assert content == rfc8785.dumps(json.loads(content))
    assert chain.event_of(content) == EVERY_MEMBER
    assert recorded.hash == "fbb65477321f4d1458e46751e398617a6c20e33b90fe45a10b0adc54d105ef74"


ERASURE = Event(
    id=ID.decode(),
    kind=Kind.ERASED,
    person=PERSON,
    organisation="",
    purpose="",
    agreement="",
    provision=Provision(categories=()),
    at=1_800_000_000,
    actor="officer-1",
    channel=Channel.WEB,
    parties=("mother", PERSON),
    erased=chain.commitment(["ab" * 32, "cd" * 32]),
)


def test_the_bytes_of_an_erasure_and_of_a_salt_never_change() -> None:
    content, recorded = chain.link(ERASURE, Recorded(2, "cd" * 32), "5a" * 16)
    assert content == rfc8785.dumps(json.loads(content))
    assert json.loads(content)["salt"] == "5a" * 16
    assert ERASURE.erased == hashlib.sha256(bytes.fromhex("ab" * 32 + "cd" * 32)).hexdigest()
    assert recorded.hash == "10d7a5023362f0ecc66fe0ec2495228494fd79e015bc7480a534a10393479c8a"


@pytest.mark.parametrize("kind", Kind)
def test_the_name_of_each_kind_never_changes(kind: Kind) -> None:
    assert chain.event_of(chain.link(decision(kind), START)[0]).kind is kind
    assert len(kind.value) <= 16  # the column
    assert kind.value in NAMES


NAMES = [
    "requested",
    "deferred",
    "given",
    "refused",
    "withdrawn",
    "renewed",
    "revoked",
    "invalidated",
    "superseded",
    "carried-over",
    "objected",
    "objection-upheld",
    "overridden",
    "objection-ended",
    "opted-out",
    "opted-in",
    "authority-given",
    "authority-ended",
    "erased",
]
