# SPDX-License-Identifier: Apache-2.0
"""A past decision is judged again from what the log holds, and what stands in the way is told."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import delete

from gateway import db
from gateway.audit.tables import data_key
from gateway.errors import NotFound
from gateway.rehearsing.replay import OBLIGATIONS, replay
from tests.gateway.rehearsing.conftest import Books, judged, question


def test_the_same_facts_under_the_law_of_their_day_give_the_same_verdicts(books: Books) -> None:
    for id_ in books.write([question(), question(consented=True), question(role="benefits-officer")]):
        found = replay(books.reader, books.archive, f"dec_{id_}")
        assert (found.outcome, found.differing) == ("same", ())
        assert len(found.verdicts) == 2


def test_a_verdict_that_the_facts_do_not_give_is_told(books: Books) -> None:
    real = judged(question(), books.judge.decide(question()))
    forged = (real[0], structs.replace(real[1], allow=True, fields=("goal",), grounds=("consent",), reason=""))
    [id_] = books.write([question()], verdicts=forged)
    found = replay(books.reader, books.archive, id_)
    assert (found.outcome, found.differing) == ("differs", ("uk/charity/9999901/crm support.plan",))


@pytest.mark.parametrize("member", [{"hidden": ("court_order",)}, {"override": "vital-interests"}])
def test_what_the_agency_was_not_told_of_a_verdict_is_compared_too(books: Books, member: dict[str, Any]) -> None:
    real = judged(question(), books.judge.decide(question()))
    [id_] = books.write([question()], verdicts=(structs.replace(real[0], **member), real[1]))
    found = replay(books.reader, books.archive, id_)
    assert (found.outcome, found.differing) == ("differs", ("uk/nhs/XZG01/gp-record health.allergies",))


def test_a_duty_that_the_facts_do_not_give_is_told(books: Books) -> None:
    [id_] = books.write([question()], obligations=())
    assert replay(books.reader, books.archive, id_).differing == (OBLIGATIONS,)


def test_what_had_been_refused_stays_refused_when_a_query_is_decided_anew(books: Books) -> None:
    before = judged(question(), books.judge.decide(question()))
    [id_] = books.write([question(consented=True)], verdicts=before, anew=True)
    assert replay(books.reader, books.archive, id_).outcome == "same"
    [id_] = books.write([question(consented=True)], verdicts=before)
    assert replay(books.reader, books.archive, id_).outcome == "differs"


def test_a_law_that_is_not_in_the_archive_or_was_changed_there_is_told(books: Books) -> None:
    [id_] = books.write([question()])
    [file] = list(books.archive)
    raw = file.read_bytes()
    file.write_bytes(raw[:-40])
    assert replay(books.reader, books.archive, id_).outcome == "bundle-missing"
    file.unlink()
    assert replay(books.reader, books.archive, id_).outcome == "bundle-missing"


def test_facts_that_were_erased_are_told_as_erased(books: Books) -> None:
    [id_] = books.write([question()])
    with db.write(books.engine) as connection:
        connection.execute(delete(data_key))
    found = replay(books.reader, books.archive, id_)
    assert (found.outcome, found.verdicts) == ("facts-erased", ())


def test_what_is_no_decision_is_not_found(books: Books) -> None:
    books.write([question()])
    for id_ in ("dec_" + "0" * 36, "", "dec_"):
        with pytest.raises(NotFound):
            replay(books.reader, books.archive, id_)
