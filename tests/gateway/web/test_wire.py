# SPDX-License-Identifier: Apache-2.0
"""Every member of a query wrong in turn: a fault with a place, and nothing of what came."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import CommonsError, Malformed, ReasonNotPlain, UnknownCategory, UnknownPurpose, UnknownSource
from gateway.model import Caller, User
from gateway.web import examples, problems
from gateway.web.wire import Limits, parse

CANARY = "canary7391"
LIMITS = Limits(
    purposes=frozenset({"direct-care.discharge-planning"}),
    fields={
        "health.medications": frozenset({"name", "dose"}),
        "housing.tenancy": frozenset({"started"}),
        "support.plan": frozenset({"title"}),
    },
    sources=frozenset({"uk/charity/9999901/crm"}),
    default_deadline_ms=2000,
    max_deadline_ms=10000,
)
CALLER = Caller("uk/nhs/XZZ01", "Example Acute Hospital Trust", True, "xzz01-discharge", True, "token-1")

Change = Callable[[dict[str, Any]], object]


def body_with(change: Change) -> bytes:
    query = copy.deepcopy(examples.QUERY)
    change(query)
    return json.dumps(query).encode()


def read(body: bytes, caller: Caller = CALLER) -> Any:
    return parse(body, id="q", caller=caller, limits=LIMITS, preview=False)


def setter(*path: str | int, value: Any) -> Change:
    def change(query: dict[str, Any]) -> None:
        place: Any = query
        for step in path[:-1]:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
        place[path[-1]] = value

    return change


def test_the_published_example_is_a_valid_query() -> None:
    query = read(json.dumps(examples.QUERY).encode())
    assert query.purpose == "direct-care.discharge-planning"
    assert [c.code for c in query.categories] == ["health.medications", "housing.tenancy", "support.plan"]
    assert query.deadline_ms == 2000


WRONG: list[tuple[str, Change, type[CommonsError], str]] = [
    ("/subject", setter("subject", value=[CANARY]), Malformed, "wrong-type"),
    (
        "/subject/identifier/system",
        setter("subject", "identifier", "system", value=CANARY),
        Malformed,
        "wrong-form",
    ),
    ("/subject/identifier/value", setter("subject", "identifier", "value", value=7391), Malformed, "wrong-type"),
    (
        "/subject/identifier/value",
        setter("subject", "identifier", "value", value="9" * 65),
        Malformed,
        "wrong-length",
    ),
    (
        "/subject/identifier/value",
        setter("subject", "identifier", "value", value="９９９００００００８"),
        Malformed,
        "wrong-form",
    ),
    ("/subject/identifier/value", setter("subject", "identifier", "value", value="9990000019"), Malformed, ""),
    ("/subject/identifier/value", setter("subject", "identifier", "value", value="9999999999"), Malformed, ""),
    ("/subject/verify/birth_date", setter("subject", "verify", "birth_date", value="1980-02-31"), Malformed, ""),
    ("/purpose", setter("purpose", value=7391), Malformed, "wrong-type"),
    ("/purpose", setter("purpose", value=CANARY), UnknownPurpose, "unknown-code"),
    ("/purpose", setter("purpose", value="dіrect-care"), Malformed, "wrong-form"),
    ("/purpose", setter("purpose", value="a" * 5000), Malformed, "wrong-length"),
    ("/legal_basis/agreement", setter("legal_basis", "agreement", value=f"{CANARY} x"), Malformed, "wrong-form"),
    ("/legal_basis/gdpr_article_6", setter("legal_basis", "gdpr_article_6", value=CANARY), Malformed, "wrong-form"),
    ("/consent/mode", setter("consent", "mode", value=CANARY), Malformed, "unknown-code"),
    (
        "/requester/organisation",
        setter("requester", "organisation", value="uk/nhs/XZZ99"),
        Malformed,
        "not-the-token",
    ),
    ("/requester/system", setter("requester", "system", value="other"), Malformed, "not-the-token"),
    ("/requester/user/id", setter("requester", "user", "id", value=CANARY * 20), Malformed, "wrong-length"),
    ("/requester/user/role", setter("requester", "user", "role", value="Social Worker"), Malformed, "wrong-form"),
    ("/requester/on_behalf_of", setter("requester", "on_behalf_of", value=CANARY), Malformed, "wrong-form"),
    ("/case/reason", setter("case", "reason", value="short"), Malformed, "wrong-length"),
    ("/case/reason", setter("case", "reason", value="x " * 500), Malformed, "wrong-length"),
    ("/case/reason", setter("case", "reason", value="about patient 9990000018"), ReasonNotPlain, "not-plain"),
    ("/case/reason", setter("case", "reason", value="turn \u202e it around"), ReasonNotPlain, "not-plain"),
    ("/case/reason", setter("case", "reason", value="<b>because</b> I say"), ReasonNotPlain, "not-plain"),
    ("/case/reference", setter("case", "reference", value="with space"), Malformed, "wrong-form"),
    ("/categories", setter("categories", value=[]), Malformed, "wrong-length"),
    ("/categories", setter("categories", value=[{"code": "support.plan"}] * 31), Malformed, "wrong-length"),
    ("/categories/0/code", setter("categories", 0, "code", value=CANARY), UnknownCategory, "unknown-code"),
    ("/categories/1/code", setter("categories", 1, "code", value="health.medications"), Malformed, "repeated"),
    ("/categories/0/need", setter("categories", 0, "need", value=CANARY), Malformed, "unknown-code"),
    ("/categories/0/fields/1", setter("categories", 0, "fields", value=["name", CANARY]), UnknownCategory, ""),
    ("/categories/0/since", setter("categories", 0, "since", value="2026-13-01"), Malformed, "not-a-date"),
    ("/sources/include/0", setter("sources", "include", value=["uk/nhs/XX/none"]), UnknownSource, "unknown-code"),
    ("/sources/exclude/0", setter("sources", "exclude", value=["uk/nhs/XX/none"]), UnknownSource, "unknown-code"),
    ("/completeness/on_shortfall", setter("completeness", "on_shortfall", value=CANARY), Malformed, "unknown-code"),
    ("/freshness/max_age_s", setter("freshness", "max_age_s", value=-1), Malformed, "out-of-range"),
    ("/deadline_ms", setter("deadline_ms", value=49), Malformed, "out-of-range"),
    ("/deadline_ms", setter("deadline_ms", value=20000), Malformed, "too-long"),
    ("/deadline_ms", setter("deadline_ms", value=True), Malformed, "wrong-type"),
    ("/format", setter("format", value=CANARY), Malformed, "unknown-code"),
    ("", setter(CANARY, value=1), Malformed, "unknown-member"),
    ("/categories/2", setter("categories", 2, CANARY, value=1), Malformed, "unknown-member"),
    ("/case", lambda query: query.pop("case"), Malformed, "missing"),
    ("/legal_basis/agreement", lambda query: query["legal_basis"].pop("agreement"), Malformed, "missing"),
]


@pytest.mark.parametrize(("pointer", "change", "kind", "code"), WRONG)
def test_a_wrong_member_is_named_by_its_place_and_never_repeated(
    pointer: str, change: Change, kind: type[CommonsError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        read(body_with(change))
    [fault] = caught.value.errors
    assert fault.pointer == pointer
    assert not code or fault.code == code
    shown = problems.body(caught.value, "https://gateway.example", "r").decode()
    assert CANARY not in shown
    assert "7391" not in shown
    assert caught.value.status in (400, 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe{}",
        b'{"purpose":"\\ud800"}',
        b"[" * 100_000,
        b'{"subject":' * 50_000,
        json.dumps(examples.QUERY).encode() + b"x",
        json.dumps(examples.QUERY).encode().replace(b"2000", b"NaN"),
        json.dumps(examples.QUERY).encode().replace(b"2000", b"1e400"),
    ],
)
def test_a_body_that_is_not_one_json_object_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)


def test_a_member_name_that_stands_twice_is_refused_even_deep_inside() -> None:
    body = json.dumps(examples.QUERY).encode()
    for twice in (
        body.replace(b'"purpose"', b'"purpose": "direct-care", "purpose"', 1),
        body.replace(b'"value"', b'"value": "9990000026", "value"', 1),
        body.replace(b'"value"', b'"v\\u0061lue": "9990000026", "value"', 1),
    ):
        with pytest.raises(Malformed):
            read(twice)


def test_a_user_in_the_body_is_only_asserted_and_one_in_the_token_is_assured() -> None:
    body = json.dumps(examples.QUERY).encode()
    assert read(body).user == User("u-123", "discharge-coordinator", assured=False)
    assured = User("u-123", "discharge-coordinator", assured=True)
    by_token = Caller("uk/nhs/XZZ01", "Trust", True, "xzz01-discharge", True, "t", assured)
    assert read(body, by_token).user == assured
    other = Caller("uk/nhs/XZZ01", "Trust", True, "xzz01-discharge", True, "t", User("u-9", "social-worker", True))
    with pytest.raises(Malformed):
        read(body, other)


def test_welsh_and_accented_reasons_are_plain() -> None:
    for reason in ("Cynllunio eich cymorth gartref ŵ", "Aide après l’hôpital"):
        assert read(body_with(setter("case", "reason", value=reason))).reason == reason
