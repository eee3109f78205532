# SPDX-License-Identifier: Apache-2.0
"""What the log is told of a query: all that explains it, nothing of a record, and nothing personal in the clear."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Envelope, Outcome
from consent.model import Standing
from gateway import evidence
from gateway.audit import leaf
from gateway.audit.events import Entry
from gateway.completeness import Part, table
from gateway.evidence import Asked, Ruling
from gateway.identity.circumstances import NOTHING, Found
from gateway.model import (
    Caller,
    CategoryAsked,
    Circumstances,
    Decision,
    Disclosure,
    Identifier,
    Item,
    Obligation,
    Pair,
    Person,
    Provenance,
    Query,
    User,
    Verdict,
)
from gateway.policy.encoding import checked
from gateway.policy.facts import Facts, PairFacts, PersonFacts

CHARITY = "uk/charity/9999901/crm"
PERSONAL = ("9990000018", "Marlowe", "1941-03-14", "u-17", "case-5", "Planning", "sub_7", "p-7", "token-7", "Walk")


def asked(*, preview: bool = False, user: User | None = None) -> Asked:
    query = Query(
        id="q-7",
        subject=Identifier("https://fhir.nhs.uk/Id/nhs-number", "9990000018"),
        verify={"birth_date": "1941-03-14", "family_name": "Marlowe"},
        purpose="direct-care.discharge-planning",
        agreement="dsa-2026-014",
        lawful_basis="6(1)(e)",
        special_category_basis="",
        consent_mode="if-present",
        user=user or User("u-17", "discharge-coordinator"),
        on_behalf_of="",
        case_reference="case-5",
        reason="Planning your support",
        categories=(CategoryAsked("support.plan", "optional", ("title",)),),
        include=("*",),
        exclude=(),
        fail_on_shortfall=False,
        max_age_s=0,
        deadline_ms=1000,
        preview=preview,
    )
    caller = Caller("uk/nhs/XZZ01", "An agency", True, "xzz01-discharge", True, "token-7")
    person = Person("p-7", "sub_7", True, True, {"https://fhir.nhs.uk/Id/nhs-number": "9990000018"})
    pair = Pair(0, CHARITY, "support.plan", ("title",), "optional")
    return Asked("w-7", 1_700_000_000_000, "r-7", caller, query, person, (pair,))


def decision(*, allow: bool = True, disclosure: Disclosure = "explain") -> Decision:
    yes = Verdict(0, True, ("title",), ("consent",), disclosure=disclosure)
    no = Verdict(0, False, broken=("consent",), reason="consent-withdrawn", disclosure=disclosure)
    return Decision("rev", (yes if allow else no,), (Obligation("no-onward-sharing"),), 2**31)


def parts(given: Decision, *, released: bool = True) -> list[Part]:
    item = Item(
        "it_1",
        "support.plan",
        {"title": "Walk to the shop", "goal": "Walk"},
        Provenance(CHARITY, "c@1", "m-v1", "2026-11-23T00:00:00.000Z", "dsa-2026-014", "sha-256:00"),
    )
    envelope = Envelope(CHARITY, "support.plan", Outcome.FOUND)
    return [Part(asked().pairs[0], given.verdicts[0], envelope, (item,) if released else ())]


FACTS = Facts(
    now=1_700_000_000, person=PersonFacts(known=True), pairs=(PairFacts(0, CHARITY, "support.plan", ("title",)),)
)


def ruling(given: Decision) -> Ruling:
    return Ruling(Standing(3, {}), Found(NOTHING, Circumstances()), FACTS, given)


def sealed(given: Decision, *, anew: bool, released: bool = True) -> Entry:
    made = parts(given, released=released)
    return evidence.seal(
        asked(), "s-7", ruling(given), made, table(made, frozenset(), {}), 200, "sha-256:ab", anew=anew
    )


def entries() -> dict[str, Entry]:
    return {
        "witness": evidence.witness(asked(), ruling(decision())),
        "refusal at once": evidence.witness(asked(), ruling(decision(allow=False))),
        "dry run": evidence.witness(asked(preview=True), ruling(decision())),
        "refusal at the seal": evidence.refusal(asked(), "x-7", ruling(decision(allow=False))),
        "seal": sealed(decision(), anew=False),
        "seal of what was decided anew": sealed(decision(), anew=True),
        "alarm": evidence.alarm(asked(), "a-7", decision(), CHARITY, "identity-mismatch"),
    }


@pytest.mark.parametrize("name", list(entries()))
def test_nothing_personal_stands_in_the_clear_and_every_group_has_a_canonical_form(name: str) -> None:
    entry = entries()[name]
    written = leaf.finish(leaf.build(entry), 0, 0)
    for value in PERSONAL:
        assert value.encode() not in written.entry, value
    assert entry.subject_key == "p-7"
    assert {"actor", "subject"} <= set(entry.groups)


@pytest.mark.parametrize("name", list(entries()))
def test_no_value_of_a_record_and_no_identifier_stands_in_any_entry_not_even_sealed(name: str) -> None:
    built = leaf.finish(leaf.build(entries()[name]), 0, 0)
    for value in (b"Walk", b"9990000018", b"Marlowe", b"1941-03-14"):
        assert value not in built.actor + built.subject


def opened(entry: Entry) -> dict[str, Any]:
    built = leaf.finish(leaf.build(entry), 0, 0)
    groups = leaf.unpack(built.actor) | leaf.unpack(built.subject)
    return {name: group.value for name, group in groups.items()}


def test_each_kind_of_entry_has_its_type() -> None:
    assert {name: entry.type for name, entry in entries().items()} == {
        "witness": "access.intended",
        "refusal at once": "access.refused",
        "dry run": "access.previewed",
        "refusal at the seal": "access.refused",
        "seal": "access.disclosed",
        "seal of what was decided anew": "access.disclosed",
        "alarm": "connector.alarm",
    }
    assert {entry.decision for name, entry in entries().items() if "refusal" in name} == {"deny"}


def test_a_witness_tells_who_asked_what_why_and_how_it_was_judged() -> None:
    groups = opened(evidence.witness(asked(), ruling(decision(allow=False))))
    assert groups["actor"] == {
        "system": "xzz01-discharge", "token": "token-7", "user": "u-17", "role": "discharge-coordinator",
    }  # fmt: skip
    assert groups["subject"] == {"handle": "sub_7"}
    assert (groups["request"]["reason"], groups["request"]["case"]) == ("Planning your support", "case-5")
    assert groups["basis"]["consent_seq"] == 3
    [verdict] = groups["basis"]["verdicts"]
    assert (verdict["allow"], verdict["reason"], verdict["broken"]) == (False, "consent-withdrawn", ["consent"])


def test_a_witness_holds_the_facts_as_the_judge_was_given_them() -> None:
    groups = leaf.unpack(leaf.finish(leaf.build(evidence.witness(asked(), ruling(decision()))), 0, 0).subject)
    assert checked(groups["facts"].content) == FACTS


def test_what_a_token_says_of_the_user_is_told_from_what_only_the_system_says() -> None:
    said = evidence.witness(asked(user=User("u-17", "r")), ruling(decision()))
    assured = evidence.witness(asked(user=User("u-17", "r", assured=True)), ruling(decision()))
    assert "assured" not in opened(said)["actor"]
    assert opened(assured)["actor"]["assured"] is True


def test_a_seal_names_fields_and_the_witness_it_follows() -> None:
    result = opened(sealed(decision(), anew=False))["result"]
    assert result == {
        "decision": "w-7",
        "status": 200,
        "digest": "sha-256:ab",
        "released": [{"source": CHARITY, "category": "support.plan", "items": 1, "fields": ["goal", "title"]}],
        "states": [f"support.plan {CHARITY} returned"],
    }


def test_a_seal_of_what_was_decided_anew_holds_the_law_and_looks_like_any_other_from_outside() -> None:
    usual, anew = sealed(decision(), anew=False), sealed(decision(allow=False), anew=True, released=False)
    assert list(usual.groups) == list(anew.groups)
    basis = opened(anew)["result"]["basis"]
    assert basis["verdicts"][0]["reason"] == "consent-withdrawn"
    assert opened(anew)["result"]["released"] == []
    assert opened(anew)["result"]["facts"]["now"] == FACTS.now


def test_what_is_silent_and_withheld_is_explained_to_the_auditor_and_permits_in_the_clear() -> None:
    silent = decision(allow=False, disclosure="silent")
    entry = evidence.witness(asked(), ruling(silent))
    assert (entry.type, entry.decision) == ("access.intended", "permit")
    assert opened(entry)["basis"]["verdicts"][0]["reason"] == "consent-withdrawn"
