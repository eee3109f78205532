# SPDX-License-Identifier: Apache-2.0
"""Who is told of a stop, what counts as an answer, and who is late, on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from consent import ledger, notices
from consent.model import Channel, Event, Kind, Provision, Recorded
from consent.notices import ANSWER_S, CHASE_S, ERASE_S, Notice
from gateway import db

NOW = 1_800_000_000
TRUST, OTHER = "uk/nhs/XZZ01", "uk/council/E06999901"


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One write transaction."""
    with db.write(engine) as opened:
        yield opened


def event(id: str, kind: Kind, **more: Any) -> Event:
    given = kind is Kind.GIVEN
    members = {
        "id": id,
        "kind": kind,
        "person": "p-1",
        "organisation": TRUST,
        "purpose": "care",
        "agreement": "dsa-1",
        "provision": Provision(categories=("support.plan",)),
        "at": NOW,
        "actor": "p-1",
        "channel": Channel.WEB,
        "expires_at": NOW + 1000 if given else 0,
        "notice_hash": "aa" if given else "",
        "language": "en" if given else "",
    }
    return Event(**(members | more))


def stopped(connection: Connection) -> Notice:
    ledger.record(connection, event("e-1", Kind.GIVEN))
    stop = event("e-2", Kind.WITHDRAWN)
    made = notices.make(connection, stop, ledger.record(connection, stop), NOW)
    assert made is not None
    return made


def test_a_stop_has_one_notice_to_its_recipient(connection: Connection) -> None:
    made = stopped(connection)
    assert (made.organisation, made.seq, made.event) == (TRUST, 2, "e-2")
    assert (made.answer_by, made.erase_by) == (NOW + ANSWER_S, NOW + ERASE_S)
    assert notices.make(connection, event("e-2", Kind.WITHDRAWN), Recorded(2, "x"), NOW) is None
    assert notices.of_event(connection, "e-2") == [made]
    assert notices.missing(connection) == []


def test_what_stops_nothing_has_none(connection: Connection) -> None:
    for kind in (Kind.GIVEN, Kind.REFUSED, Kind.RENEWED, Kind.REQUESTED, Kind.OBJECTED):
        assert notices.make(connection, event("e-9", kind), Recorded(1, "x"), NOW) is None


def test_a_stop_without_its_notice_is_found(connection: Connection) -> None:
    ledger.record(connection, event("e-1", Kind.GIVEN))
    stop = event("e-2", Kind.WITHDRAWN)
    place = ledger.record(connection, stop)
    assert notices.missing(connection) == [(stop, place)]
    notices.make(connection, stop, place, NOW)
    assert notices.missing(connection) == []


def test_only_the_recipient_has_the_notice(connection: Connection) -> None:
    made = stopped(connection)
    assert notices.find(connection, made.id, TRUST) == made
    assert notices.find(connection, made.id, OTHER) is None
    assert notices.to(connection, OTHER) == []
    assert notices.to(connection, TRUST) == [made]
    assert notices.to(connection, TRUST, after=made.id) == []


def test_an_answer_is_kept_as_it_was_first_given(connection: Connection) -> None:
    made = stopped(connection)
    first = notices.acknowledge(connection, made, NOW + 5)
    assert notices.acknowledge(connection, first, NOW + 9) == first
    erased = notices.confirm_erasure(connection, first, NOW + 20)
    assert (erased.acknowledged_at, erased.erased_at) == (NOW + 5, NOW + 20)
    assert notices.confirm_erasure(connection, erased, NOW + 30) == erased
    assert notices.to(connection, TRUST) == []


def test_who_has_erased_has_acknowledged(connection: Connection) -> None:
    erased = notices.confirm_erasure(connection, stopped(connection), NOW + 20)
    assert erased.acknowledged_at == NOW + 20


def test_late_is_late_at_the_exact_second(connection: Connection) -> None:
    made = stopped(connection)
    assert made.late(NOW + ANSWER_S - 1) == ()
    assert made.late(NOW + ANSWER_S) == ("acknowledgement",)
    assert made.late(NOW + ERASE_S) == ("acknowledgement", "erasure")
    told = notices.acknowledge(connection, made, NOW + 5)
    assert (told.late(NOW + ERASE_S - 1), told.late(NOW + ERASE_S)) == ((), ("erasure",))
    assert notices.confirm_erasure(connection, told, NOW + 6).late(NOW + 10 * ERASE_S) == ()


def test_who_is_late_is_reminded_once_a_day_until_they_have_answered(connection: Connection) -> None:
    made = stopped(connection)
    assert notices.due(connection, NOW + ANSWER_S - 1) == []
    assert notices.due(connection, NOW + ANSWER_S) == [made]
    again = notices.chase(connection, made, NOW + ANSWER_S)
    assert again.chased == 1
    assert notices.due(connection, NOW + ANSWER_S + CHASE_S - 1) == []
    assert notices.due(connection, NOW + ANSWER_S + CHASE_S) == [again]
    told = notices.acknowledge(connection, again, NOW + ANSWER_S + CHASE_S)
    assert notices.due(connection, NOW + ERASE_S - 1) == []
    assert notices.due(connection, NOW + ERASE_S) == [told]
    notices.confirm_erasure(connection, told, NOW + ERASE_S)
    assert notices.due(connection, NOW + 10 * ERASE_S) == []
