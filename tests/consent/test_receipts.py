# SPDX-License-Identifier: Apache-2.0
"""What a receipt says, for every kind of decision that has one, in claims and in plain words."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from consent import receipts
from consent.conditions import Conditions, Frequency
from consent.model import AccessMode, By, Channel, Event, Kind, Provision, Recorded
from consent.printed import plain
from consent.receipts import Links, Named, Party, Terms, Told, Witness
from consent.words import Unit

TRUST = Party("uk/nhs/XZZ01", "Example Acute Hospital Trust", "ig@acute.example")
TERMS = Terms(
    agreement="dsa-2026-014",
    title="Joined-up hospital discharge",
    controller=TRUST,
    recipients=(TRUST,),
    purposes=(Named("direct-care.discharge-planning", "Planning your discharge", "https://w3id.org/dpv#X"),),
    categories=(Named("support.plan", "Support plan"),),
    lawful_basis="6(1)(a)",
    confidentiality_basis="explicit-consent",
    erase_after_days=70,
)
LINKS = Links(
    record="https://gateway.example/v1/consent/records",
    withdraw="https://gateway.example/v1/consent/records",
    complain="https://ico.org.uk/make-a-complaint/",
    notice="https://gateway.example/v1/consent/notices/aa",
    jwks="https://gateway.example/.well-known/jwks.json",
    log="https://gateway.example/log",
)
WITNESS = Witness("c2sp.org/tlog-proof@v1\n", {"basis": ("c2FsdA==", "e30=")})
PERSON = "person-0123456789"
TOLD = Told(
    recipient=TRUST, notice="n-1", told_at=1_800_000_001, answer_by=1_800_086_400, erase_by=1_802_592_000,
    acknowledged_at=1_800_003_600, erased_at=0, late=("erasure",), chased=2,
)  # fmt: skip


def event(kind: Kind, **more: object) -> Event:
    members = {
        "id": "e-1",
        "kind": kind,
        "person": PERSON,
        "organisation": TRUST.id,
        "purpose": "direct-care.discharge-planning",
        "agreement": "dsa-2026-014",
        "provision": Provision(categories=("support.plan",)),
        "at": 1_800_000_000,
        "actor": PERSON,
        "channel": Channel.WEB,
    }
    return Event(**(members | more))  # type: ignore[arg-type]


def claims(decided: Event, *told: Told, terms: Terms = TERMS) -> dict[str, object]:
    return receipts.claims(
        decided, Recorded(7, "ab" * 32), issuer="https://gateway.example", subject="sub_x", issued_at=1_800_000_100,
        terms=terms, links=LINKS, witness=WITNESS, told=told,
    )  # fmt: skip


@pytest.mark.parametrize("kind", list(receipts.STATUS))
def test_every_kind_has_its_status_and_its_sentence(kind: Kind) -> None:
    found = claims(event(kind))
    assert found["dpv:hasConsentStatus"] == receipts.STATUS[kind]
    words = plain(found)
    assert words.splitlines()[2].endswith(".")
    assert TRUST.name in words
    assert found["event"] == {"seq": 7, "hash": "ab" * 32}


def test_every_kind_that_a_citizen_can_decide_has_a_receipt() -> None:
    theirs = {
        Kind.GIVEN, Kind.REFUSED, Kind.WITHDRAWN, Kind.RENEWED, Kind.REVOKED, Kind.OBJECTED,
        Kind.OBJECTION_TAKEN_BACK, Kind.OPTED_OUT, Kind.OPTED_IN,
    }  # fmt: skip
    assert theirs <= set(receipts.STATUS)


def test_no_two_kinds_are_told_in_the_same_words() -> None:
    first = [plain(claims(event(kind))).splitlines()[2] for kind in receipts.STATUS]
    assert len(set(first)) == len(first)


def test_a_receipt_of_a_consent_says_what_was_read_and_when_it_ends() -> None:
    found = claims(event(Kind.GIVEN, notice_hash="cd" * 32, language="cy", expires_at=1_831_536_000))
    assert found["dpv:hasNotice"] == {"hash": "cd" * 32, "language": "cy", "href": LINKS.notice}
    assert found["dct:valid"] == {"from": "2027-01-15T08:00:00Z", "until": "2028-01-15T08:00:00Z"}
    words = plain(found)
    assert "It ends by itself: 15 January 2028, 08:00 UTC" in words
    assert f"in Welsh, SHA-256 {'cd' * 32}" in words


def test_the_citizen_is_named_by_the_recipients_handle_alone() -> None:
    found = claims(event(Kind.WITHDRAWN), TOLD)
    assert (found["sub"], found["iso27560:pii_principal_id"]) == ("sub_x", "sub_x")
    assert PERSON not in json.dumps(found) + plain(found)


def test_a_stop_receipt_says_who_answered_and_who_is_late() -> None:
    found = claims(event(Kind.WITHDRAWN), TOLD)
    stop = found["stop"]
    assert isinstance(stop, dict)
    assert stop["effective_seq"] == 7
    [one] = stop["recipients"]
    assert (one["id"], one["late"], one["chased"]) == (TRUST.id, ["erasure"], 2)
    assert "erased_at" not in one
    words = plain(found)
    assert "It has acknowledged: on 15 January 2027, 09:00 UTC" in words
    assert "It has erased what it got: not yet" in words
    assert "Late with: erasure; reminded 2 times" in words
    assert "stop" not in claims(event(Kind.WITHDRAWN))


@pytest.mark.parametrize(
    ("basis", "status"),
    [("6(1)(e)", "dpv:PublicInterestObjected"), ("6(1)(f)", "dpv:LegitimateInterestObjected")],
)
def test_an_objection_has_the_status_of_what_it_is_against(basis: str, status: str) -> None:
    assert claims(event(Kind.OBJECTED, lawful_basis=basis))["dpv:hasConsentStatus"] == status


def test_a_receipt_says_the_grounds_and_the_revision_as_they_were_when_it_was_decided() -> None:
    then = {
        "lawful_basis": "6(1)(e)",
        "confidentiality_basis": "implied-consent-direct-care",
        "revision": "7c" * 32,
    }
    found = claims(event(Kind.GIVEN, **then))
    assert found["dpv:hasLegalBasis"] == {"lawful": "6(1)(e)", "confidentiality": "implied-consent-direct-care"}
    words = plain(found)
    assert "On what ground: UK GDPR Article 6(1)(e)\n" in words
    assert "Why it is not a breach of confidence: implied consent direct care\n" in words
    assert f"Agreement as it was then: SHA-256 {'7c' * 32}\n" in words


def test_an_event_of_before_grounds_were_written_down_gets_those_of_its_agreement() -> None:
    found = claims(event(Kind.GIVEN))
    assert found["dpv:hasLegalBasis"] == {"lawful": "6(1)(a)", "confidentiality": "explicit-consent"}
    assert "Agreement as it was then" not in plain(found)


@pytest.mark.parametrize(
    ("language", "named"), [("en", "English"), ("en-simple", "Easy Read"), ("cy", "Welsh"), ("pl", "pl")]
)
def test_a_receipt_names_the_form_that_was_read(language: str, named: str) -> None:
    found = claims(event(Kind.GIVEN, notice_hash="cd" * 32, language=language, expires_at=1_831_536_000))
    assert f"Words you were shown: in {named}, SHA-256" in plain(found)


def test_plain_words_say_which_details_from_where_for_how_long_and_under_what_conditions() -> None:
    conditions = Conditions(
        period_from="2026-01-01",
        access_modes=(AccessMode.VIEW,),
        frequency=Frequency(3, 7, Unit.DAY),
        roles=("nurse",),
    )
    provision = Provision(categories=("support.plan",), fields=("support.plan/goal",), conditions=conditions)
    given = event(Kind.GIVEN, provision=provision, expires_at=1_800_900_000, notice_hash="aa", language="en")
    terms = replace(
        TERMS, fields=(Named("support.plan/goal", "Goal"),), sources=(Named("uk/x/crm", "Befrienders"),)
    )
    words = plain(claims(given, terms=terms))
    for line in (
        "Which details: Goal",
        "From: Befrienders",
        "Only what is dated from 2026-01-01",
        "They may only: look at it",
        "At most 3 times in 7 days",
        "Only for people who work as: nurse",
        "How long it may be kept: 70 days",
    ):
        assert line in words.splitlines(), words


def test_what_somebody_decided_for_another_is_not_told_as_if_they_had_decided_themself() -> None:
    decided = event(
        Kind.GIVEN, by=By.PARENT, authoriser="other", authority="a-1", expires_at=1_800_900_000, notice_hash="aa",
        language="en", channel=Channel.PHONE, read_back=True,
    )  # fmt: skip
    found = claims(decided)
    assert found["dpv:isIndicatedBy"] == {"by": "parental-responsibility", "read_back": True}
    assert "other" not in json.dumps(found)
    words = plain(found)
    assert "Somebody who may decide for the person agreed to this sharing." in words
    assert "In which right: parental responsibility" in words
    assert "How it was decided: said on the telephone, written down by staff, and read back" in words
    assert "You agreed" not in words


def test_what_somebody_else_ended_says_why() -> None:
    ended = event(Kind.REVOKED, target="e-0", reason="court-order")
    assert "Why: A court ordered it to end." in plain(claims(ended))


def test_a_receipt_of_an_earlier_version_can_still_be_read() -> None:
    found = claims(event(Kind.WITHDRAWN))
    found |= {"dpv:hasDataSource": ["uk/x/crm"], "fields": ["support.plan/goal"]}
    del found["dpv:isIndicatedBy"]
    words = plain(found)
    assert "You took your consent back." in words
    assert "Which details: support.plan/goal" in words
    assert "From: uk/x/crm" in words


def test_every_right_and_mode_has_its_words() -> None:
    for by in set(By) - {By.SELF}:
        decided = event(Kind.REFUSED, by=by, authoriser="other", authority="a-1")
        assert "In which right: " in plain(claims(decided))
    for mode in AccessMode:
        provision = Provision(categories=("support.plan",), conditions=Conditions(access_modes=(mode,)))
        assert "They may only: " in plain(claims(event(Kind.REFUSED, provision=provision)))
