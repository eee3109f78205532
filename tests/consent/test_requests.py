# SPDX-License-Identifier: Apache-2.0
"""What may be asked when, what an answer may be, and when a request stops being open."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from consent import requests
from consent.errors import RequestNotOpen
from consent.model import Provision
from consent.requests import DAY_S, LIFETIME_S, PEACE_S, Answer, Asked, AskedLately, New, OpenAlready, Request
from gateway import db
from tests.consent.decisions import DISCHARGE, HOSPITAL, NOON, PLAN, VISITS


def provision(*categories: str, fields: tuple[str, ...] = ()) -> Provision:
    return Provision(categories=categories or (PLAN,), fields=fields)


def asked(*categories: str, fields: tuple[str, ...] = ()) -> Asked:
    what = provision(*categories, fields=fields)
    return Asked(agreement="dsa-2026-014", purpose=DISCHARGE, provision=what, reason="So that we know", days=90)


def request(id: str = "r-1", *, what: Asked | None = None, **more: Any) -> Request:
    members: dict[str, Any] = {
        "asked_as": "identifier-1",
        "person": "person-a",
        "organisation": HOSPITAL,
        "system": "xzz01-discharge",
        "service": "hub",
        "key": id.encode().ljust(32, b"."),
        "digest": bytes(32),
        "stored": "requested",
        "muted": False,
        "made_at": NOON,
        "expires_at": NOON + LIFETIME_S,
        "changed_at": NOON,
    }
    return Request(id=id, asked=what or asked(), **members | more)


def answered(given: Provision | None, *, what: Asked | None = None, at: int = NOON) -> Request:
    answer = Answer(given=given is not None, event="e-1", at=at, provision=given)
    return request(what=what, stored="answered", changed_at=at, answer=answer)


@pytest.mark.parametrize(
    ("earlier", "now", "wanted"),
    [
        ([], NOON, New()),
        ([request()], NOON, OpenAlready("r-1")),
        ([request(stored="deferred")], NOON, OpenAlready("r-1")),
        ([request(service="other")], NOON, New()),
        ([request()], NOON + LIFETIME_S - 1, OpenAlready("r-1")),
        ([request()], NOON + LIFETIME_S, New()),
        ([request(stored="cancelled")], NOON, New()),
        ([answered(None)], NOON + PEACE_S - 1, AskedLately(NOON + PEACE_S)),
        ([answered(None)], NOON + PEACE_S, New()),
        ([answered(provision())], NOON, New()),
        ([answered(None, what=asked(VISITS))], NOON, New()),
        ([answered(provision(VISITS), what=asked(PLAN, VISITS))], NOON, AskedLately(NOON + PEACE_S)),
        ([answered(None, what=asked(fields=(f"{PLAN}/goal",)))], NOON, AskedLately(NOON + PEACE_S)),
    ],
)
def test_one_is_asked_once_at_a_time_and_left_in_peace_after_a_no(
    earlier: list[Request], now: int, wanted: Any
) -> None:
    assert requests.may_ask(earlier, asked(), "hub", muted=False, now=now) == wanted


def test_a_no_to_all_of_a_category_is_one_to_each_detail_and_one_to_a_detail_leaves_the_others() -> None:
    goal, notes = (asked(fields=(f"{PLAN}/{name}",)) for name in ("goal", "notes"))
    assert isinstance(requests.may_ask([answered(None)], goal, "x", muted=False, now=NOON), AskedLately)
    earlier = [answered(None, what=goal)]
    assert requests.may_ask(earlier, notes, "x", muted=False, now=NOON) == New()


@pytest.mark.parametrize(
    ("answer", "question", "within"),
    [
        (provision(), provision(), True),
        (provision(), provision(PLAN, VISITS), True),
        (provision(PLAN, VISITS), provision(), False),
        (provision(fields=(f"{PLAN}/goal",)), provision(), True),
        (provision(), provision(fields=(f"{PLAN}/goal",)), False),
        (provision(fields=(f"{PLAN}/goal",)), provision(fields=(f"{PLAN}/goal", f"{PLAN}/notes")), True),
        (provision(fields=(f"{PLAN}/notes",)), provision(fields=(f"{PLAN}/goal",)), False),
        (Provision(categories=(PLAN,), sources=("crm",)), provision(), True),
        (provision(), Provision(categories=(PLAN,), sources=("crm",)), False),
        (Provision(categories=(PLAN,), sources=("x",)), Provision(categories=(PLAN,), sources=("crm",)), False),
    ],
)
def test_an_answer_may_narrow_and_never_widen(answer: Provision, question: Provision, within: bool) -> None:
    assert requests.narrows(answer, question) is within


NAMES = st.sets(st.sampled_from((f"{PLAN}/goal", f"{PLAN}/notes")), max_size=2)


@given(NAMES, NAMES, NAMES)
def test_what_narrows_a_narrowing_narrows_the_question(one: set[str], two: set[str], three: set[str]) -> None:
    a, b, c = (provision(fields=tuple(sorted(names))) for names in (one, two, three))
    assert requests.narrows(a, a)
    if requests.narrows(a, b) and requests.narrows(b, c):
        assert requests.narrows(a, c)


def test_a_request_moves_once_and_not_after_its_end(engine: Engine) -> None:
    with db.write(engine) as connection:
        requests.add(connection, request())
        found = requests.find(connection, "r-1")
        assert found == request()
        assert requests.inbox(connection, "person-a", NOON) == [found]
        assert requests.inbox(connection, "person-a", NOON + LIFETIME_S) == []
        with pytest.raises(RequestNotOpen):
            requests.move(connection, found, "answered", NOON + LIFETIME_S)
        answer = Answer(given=True, event="e-1", at=NOON + 1, provision=provision(), expires_at=NOON + DAY_S)
        requests.move(connection, found, "answered", NOON + 1, answer)
        moved = requests.find(connection, "r-1")
        assert moved is not None
        assert (moved.stored, moved.answer, moved.changed_at) == ("answered", answer, NOON + 1)
        with pytest.raises(RequestNotOpen):
            requests.move(connection, found, "cancelled", NOON + 2)


def test_one_that_ran_out_makes_room_and_a_muted_one_is_in_no_inbox(engine: Engine) -> None:
    late = NOON + LIFETIME_S
    with db.write(engine) as connection:
        requests.add(connection, request())
        requests.close_expired(connection, requests.asked_as(connection, "identifier-1", HOSPITAL), late)
        requests.add(connection, request("r-2", made_at=late, expires_at=late + 9, muted=True))
        assert requests.inbox(connection, "person-a", late) == []
        assert [one.state(late) for one in requests.asked_of(connection, "person-a", HOSPITAL)] == [
            "expired",
            "requested",
        ]
        assert requests.made_since(connection, HOSPITAL, NOON + 1) == 1
        assert requests.repeated(connection, "xzz01-discharge", b"r-2".ljust(32, b".")) is not None
