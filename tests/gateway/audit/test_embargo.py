# SPDX-License-Identifier: Apache-2.0
"""What is withheld for a time stands in the log all along, and nobody withholds anything in silence."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import Engine

from gateway import db
from gateway.audit import embargo, verify
from gateway.audit.disclosure import CITIZEN
from gateway.audit.log import Log
from gateway.embargoes import LONGEST_S, Embargoes, EmbargoFault

from .conftest import MakeEntry

ORDER = {"reason": "criminal inquiry", "authority": "order-17", "officer": "officer-1"}


@pytest.fixture
async def two(log: Log, make_entry: MakeEntry) -> tuple[str, str]:
    """A decision and the answer that follows it; their ids."""
    asked, answered = make_entry(1, subject_key="person-1"), make_entry(2, type="access.disclosed")
    groups = {"subject": {"handle": "sub_1"}, "result": {"decision": asked.id, "status": 200}}
    await log.append(asked)
    await log.append(make_entry(2, type="access.disclosed", groups=groups, subject_key="person-1"))
    return asked.id, answered.id


async def test_an_embargo_hides_an_answer_with_its_decision_until_its_date(
    engine: Engine, log: Log, two: tuple[str, str]
) -> None:
    now_s = int(time.time())
    await Embargoes(engine, log).set([f"rc_{two[1]}"], until_s=now_s + 3600, **ORDER)
    assert log.reader.hidden(two, now_s) == set(two)
    assert log.reader.hidden(two, now_s + 3600) == frozenset()
    assert log.reader.hidden([], now_s) == frozenset()


async def test_what_was_withheld_is_proven_afterwards_to_have_been_there_all_along(
    engine: Engine, log: Log, two: tuple[str, str], vkey: str
) -> None:
    before = log.checkpoint()
    embargoes = Embargoes(engine, log)
    id_ = await embargoes.set([two[1]], until_s=int(time.time()) + 3600, **ORDER)
    await embargoes.lift(id_, **ORDER)
    assert log.reader.hidden(two, int(time.time())) == frozenset()
    stored = log.entry_by_id(two[1])
    assert stored is not None
    report = verify.proof(log.proof(stored, CITIZEN).text, vkey)
    assert report.ok
    assert '"number": 2' in report.shown
    assert stored.index < int(before.split("\n")[1])  # a checkpoint from before the embargo has it


async def test_an_embargo_and_its_end_are_entries_with_their_reason(
    engine: Engine, log: Log, two: tuple[str, str]
) -> None:
    embargoes = Embargoes(engine, log)
    id_ = await embargoes.set([two[1]], until_s=int(time.time()) + 3600, **ORDER)
    entry = log.entry_by_id(id_)
    assert entry is not None
    assert entry.type == "embargo.set"
    told = log.open_groups(id_)["result"].value
    assert told["reason"] == ORDER["reason"]
    assert told["entries"] == [two[1], two[0]]
    size = log.size
    await embargoes.lift(id_, **ORDER)
    assert log.size == size + 1
    with pytest.raises(EmbargoFault, match="No embargo"):
        await embargoes.lift(id_, **ORDER)


async def test_an_embargo_that_is_not_in_the_log_hides_nothing(
    engine: Engine, log: Log, two: tuple[str, str]
) -> None:
    with db.write(engine) as connection:
        embargo.prepare(connection, "01900000-0000-7000-8000-00000000ffff", two, int(time.time()) + 3600)
    assert log.reader.hidden(two, int(time.time())) == frozenset()


@pytest.mark.parametrize(
    ("change", "match"),
    [({"until": -1}, "within two years"), ({"until": LONGEST_S + 60}, "within two years"),
     ({"reason": ""}, "a reason"), ({"entries": ["unknown"]}, "no entry"), ({"entries": []}, "some entries")],
)  # fmt: skip
async def test_an_embargo_without_date_reason_or_entries_is_refused(
    sqlite_engine: Engine, sqlite_log: Log, change: dict[str, object], match: str
) -> None:
    given = {"entries": ["x"], "until": 60, **ORDER} | change
    entries, until = given.pop("entries"), given.pop("until")
    with pytest.raises(EmbargoFault, match=match):
        await Embargoes(sqlite_engine, sqlite_log).set(
            entries,
            until_s=int(time.time()) + int(str(until)),
            **given,  # type: ignore[arg-type]
        )
