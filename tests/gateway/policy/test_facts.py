# SPDX-License-Identifier: Apache-2.0
"""The facts: lean, nameless, complete, and the same for people in the same position."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import structs

from consent.model import CategoryStanding, ObjectionStanding, ObjectionState, Scope, Standing, State
from gateway.model import Binding, Caller, Circumstances, Identifier, Override, Pair, Person, Query, User
from gateway.policy.encoding import checked, encode, schema
from gateway.policy.facts import (
    DAY_S,
    ConsentFacts,
    Facts,
    OverrideFacts,
    PairFacts,
    PersonFacts,
    facts,
)

NOW = 1_795_000_000
MIDNIGHT = (NOW // DAY_S + 1) * DAY_S
CRM = "uk/charity/9999901/crm"
CALLER = Caller("uk/nhs/XZZ01", "Example Acute Hospital Trust", True, "xzz01-discharge", True, "token")
NUMBER = "9990000018"
PERSON = Person("person-id", "handle", True, True, {"https://fhir.nhs.uk/Id/nhs-number": NUMBER})
QUERY = Query(
    id="query",
    subject=Identifier("https://fhir.nhs.uk/Id/nhs-number", NUMBER),
    verify={"family_name": "EXAMPLE"},
    purpose="direct-care.discharge-planning",
    agreement="dsa-2026-014",
    lawful_basis="6(1)(e)",
    special_category_basis="9(2)(h)",
    consent_mode="if-present",
    user=User("user-id", "social-worker"),
    on_behalf_of="",
    case_reference="CASE-1",
    reason="Planning your support after leaving hospital",
    categories=(),
    include=("*",),
    exclude=(),
    fail_on_shortfall=False,
    max_age_s=0,
    deadline_ms=2000,
    preview=False,
)
PLAN = Pair(0, CRM, "support.plan", (), "required")


def made(*statements: CategoryStanding, pair: Pair = PLAN, now: int = NOW, **change: Any) -> Facts:
    by_category = {statement.category: statements for statement in statements}
    standing = Standing(len(statements), by_category)
    parts: dict[str, Any] = {"caller": CALLER, "person": PERSON, "query": QUERY, "standing": standing, **change}
    return facts(pairs=(pair,), now=now, **parts)


def consent(*statements: CategoryStanding, now: int = NOW) -> ConsentFacts:
    return made(*statements, now=now).pairs[0].consent


def given(until: int = NOW + 10, **more: Any) -> CategoryStanding:
    return CategoryStanding("support.plan", State.GIVEN, until, "event", agreement="dsa-2026-014", **more)


def test_nothing_in_the_facts_says_who_the_citizen_or_the_user_is() -> None:
    text = encode(made(given())).decode()
    for secret in (NUMBER, "person-id", "handle", "EXAMPLE", "user-id", "CASE-1", "Planning", "token", "event"):
        assert secret not in text


def test_two_citizens_in_the_same_position_have_the_same_facts() -> None:
    other = structs.replace(PERSON, id="other", handle="other", identifiers={})
    far = given(NOW + 400 * DAY_S)
    farther = given(NOW + 500 * DAY_S)
    assert encode(made(far)) == encode(made(farther, person=other))


def test_the_time_comes_first_and_all_else_follows() -> None:
    early, late = encode(made()), encode(made(now=NOW + 1))
    assert early.startswith(b'{"now":1795000000,')
    assert early.partition(b",")[2] == late.partition(b",")[2]


def test_somebody_who_never_decided_has_no_consent() -> None:
    assert consent() == ConsentFacts()


def test_a_consent_counts_until_its_end_and_no_farther_than_midnight() -> None:
    assert consent(given(NOW + 10)) == ConsentFacts("given", NOW + 10, by="self")
    assert consent(given(MIDNIGHT + 1)) == ConsentFacts("given", MIDNIGHT, by="self")


def test_a_consent_at_its_end_has_expired() -> None:
    assert consent(given(NOW)) == ConsentFacts("expired")


@pytest.mark.parametrize("state", [State.REFUSED, State.WITHDRAWN])
def test_a_no_is_a_no(state: State) -> None:
    assert consent(CategoryStanding("support.plan", state, 0, "event")) == ConsentFacts(state.value)


def test_a_consent_for_another_source_does_not_count() -> None:
    assert consent(given(sources=("uk/council/E06999901/core",))) == ConsentFacts()


def test_a_consent_under_another_agreement_does_not_count() -> None:
    assert consent(structs.replace(given(), agreement="dsa-2026-021")) == ConsentFacts()


def test_a_consent_to_some_fields_names_them() -> None:
    assert consent(given(fields=("goal", "title"))).fields == ("goal", "title")


def test_a_field_taken_out_later_is_named_as_taken_out() -> None:
    held = consent(given(holes=(Scope(("goal",)),)))
    assert (held.fields, held.fields_except) == ((), ("goal",))


def test_a_role_that_a_token_assures_is_believed_before_one_the_request_states() -> None:
    assured = structs.replace(CALLER, user=User("user-id", "clinician", assured=True))
    assert made(caller=assured).caller.role == "clinician"
    assert made(caller=assured).caller.role_assured is True
    assert made().caller.role == "social-worker"
    assert made().caller.role_assured is False


def test_without_a_user_there_is_no_role() -> None:
    assert made(query=structs.replace(QUERY, user=None)).caller.role == ""


def test_every_default_is_the_one_that_refuses() -> None:
    empty = json.loads(encode(Facts(pairs=(PairFacts(),))))
    assert empty["caller"] == {
        "organisation": "",
        "organisation_active": False,
        "system_active": False,
        "role": "",
        "role_assured": False,
        "training": [],
    }
    assert empty["person"] == {
        "known": False,
        "deceased": False,
        "age_band": "",
        "relationships": [],
        "opt_outs": [],
    }
    assert empty["request"]["consent_mode"] == "required"
    assert empty["standings"][0]["consent"] == {
        "state": "none",
        "until": 0,
        "fields": [],
        "except": [],
        "by": "",
        "times": 0,
        "recent": -1,
        "erase_by": 0,
        "access_modes": [],
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("now",), "1795000000"),
        (("now",), True),
        (("now",), 1795000000.5),
        (("person", "known"), 1),
        (("person", "known"), "true"),
        (("caller", "organisation_active"), 1),
        (("caller", "role_assured"), None),
        (("request", "consent_mode"), "whatever"),
        (("request", "purpose"), None),
        (("pairs",), {}),
        (("pairs", 0, "n"), "0"),
        (("pairs", 0, "n"), True),
        (("pairs", 0, "standing"), 1),
        (("pairs", 0, "standing"), -1),
        (("standings", 0, "consent", "until"), "9999999999"),
        (("standings", 0, "consent", "state"), "GIVEN"),
        (("standings", 0, "fields"), "goal"),
        (("person", "name"), "Example"),
    ],
)
def test_facts_of_a_wrong_type_are_caught_before_they_are_judged(path: tuple[Any, ...], value: Any) -> None:
    document = json.loads(encode(made()))
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(msgspec.ValidationError):
        checked(json.dumps(document).encode())


def test_the_schema_gives_every_member_a_default() -> None:
    definitions = schema()["$defs"]
    without = [
        f"{name}.{member}"
        for name, definition in definitions.items()
        for member, how in definition["properties"].items()
        if "default" not in how
    ]
    assert definitions["EncodedFacts"]["additionalProperties"] is False
    assert not [
        member
        for member in without
        if member
        not in {
            "EncodedFacts.caller",
            "EncodedFacts.person",
            "EncodedFacts.request",
            "StandingFacts.consent",
            "RequestFacts.override",
        }
    ]


def test_circumstances_are_told_of_the_person_and_not_who_they_are() -> None:
    found = Circumstances(deceased=True, age_band="13-15", relationships=("referral",))
    judged = made(circumstances=found, standing=Standing(1, {}, opt_outs=("national-data-opt-out",)))
    assert judged.person == PersonFacts(True, True, "13-15", ("referral",), ("national-data-opt-out",))


@pytest.mark.parametrize(
    ("categories", "binds"),
    [((), True), (("support",), True), (("support.plan",), True), (("support.plans",), False), (("care",), False)],
)
def test_a_restriction_binds_its_category_and_all_below_it(categories: tuple[str, ...], binds: bool) -> None:
    found = Circumstances(restrictions=(Binding("sealed-record", categories), Binding("court-order", categories)))
    [pair] = made(circumstances=found).pairs
    assert pair.restrictions == (("court-order", "sealed-record") if binds else ())


def test_an_objection_that_stops_the_sharing_speaks_before_one_that_does_not() -> None:
    overridden = ObjectionStanding(("support.plan",), ObjectionState.OVERRIDDEN)
    for state, said in ((ObjectionState.PENDING, "pending"), (ObjectionState.UPHELD, "upheld")):
        both = Standing(2, {}, objections=(overridden, ObjectionStanding((), state)))
        assert [pair.objection for pair in made(standing=both).pairs] == [said]
    one = Standing(1, {}, objections=(overridden,))
    assert [pair.objection for pair in made(standing=one).pairs] == ["overridden"]
    elsewhere = Standing(1, {}, objections=(ObjectionStanding(("health",), ObjectionState.UPHELD),))
    assert [pair.objection for pair in made(standing=elsewhere).pairs] == ["none"]


def test_break_glass_and_what_the_request_declares_stand_in_the_facts() -> None:
    asking = structs.replace(QUERY, declared_reason="court", statute="https://www.legislation.gov.uk/ukpga/2014/23")
    found = Circumstances(override=Override("o-1", "vital-interests", NOW + 60, ("support.plan",)))
    judged = made(query=asking, circumstances=found)
    assert judged.request.override == OverrideFacts("vital-interests", NOW + 60, ("support.plan",))
    assert (judged.request.declared_reason, judged.request.statute) == (asking.declared_reason, asking.statute)
    assert made().request.override == OverrideFacts()


def test_training_counts_where_the_token_says_so() -> None:
    trained = structs.replace(CALLER, user=User("user-id", "clinician", True, ("information-governance",)))
    assert made(caller=trained).caller.training == ("information-governance",)
