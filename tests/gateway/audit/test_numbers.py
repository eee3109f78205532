# SPDX-License-Identifier: Apache-2.0
"""Each entry about a citizen is numbered for their organisation, each entry of an organisation for itself: an
omission shows as a gap. By the same rows a citizen's entries are found."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter

import pytest
from sqlalchemy import Engine, text

from gateway import db
from gateway.audit.events import Entry
from gateway.audit.log import Log, Moved
from gateway.audit.sequencer import Guard
from gateway.errors import AuditUnavailable

from .conftest import IN_2026, MakeEntry, MakeLog

ANN, BOB = "person-ann", "person-bob"
COUNCIL, TRUST = "uk/council/E00001", "uk/nhs/XZZ01"
DISCHARGE = "direct-care.discharge-planning"


def told(log: Log, person: str) -> list[tuple[str, int, int]]:
    """(organisation, number in the sealed group, count in the clear) of a citizen's entries, in order."""
    found = []
    for stored in log.reader.of_person(person):
        number = log.open_groups(stored.id)["subject"].value["number"]
        assert number == stored.number
        found.append((stored.org, number, json.loads(stored.entry)["count"]))
    return found


async def test_a_citizens_entries_are_numbered_for_each_organisation(log: Log, make_entry: MakeEntry) -> None:
    for n, (person, org) in enumerate(
        [(ANN, COUNCIL), (ANN, TRUST), (BOB, COUNCIL), (ANN, COUNCIL), (BOB, TRUST), (ANN, COUNCIL)]
    ):
        await log.append(make_entry(n, subject_key=person, org=org))
    assert told(log, ANN) == [(COUNCIL, 1, 1), (TRUST, 1, 1), (COUNCIL, 2, 3), (COUNCIL, 3, 4)]
    assert told(log, BOB) == [(COUNCIL, 1, 2), (TRUST, 1, 2)]


async def surely(log: Log, entry: Entry) -> None:
    """Append it; a log that others keep from its turn for too long says so, and is asked again."""
    for _ in range(100):
        with contextlib.suppress(AuditUnavailable):
            await log.append(entry)
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the log never had its turn")


async def test_numbers_have_no_gap_whoever_writes(engine: Engine, make_log: MakeLog, make_entry: MakeEntry) -> None:
    logs = [make_log(engine) for _ in range(3)]
    await asyncio.gather(*[log.start() for log in logs])
    await asyncio.gather(
        *[surely(logs[n % 3], make_entry(n, subject_key=(ANN, BOB)[n % 2], org=COUNCIL)) for n in range(300)]
    )
    counts = set()
    for person in (ANN, BOB):
        found = logs[0].reader.of_person(person, limit=1000)
        assert [stored.number for stored in found] == list(range(1, 151))
        counts |= {json.loads(stored.entry)["count"] for stored in found}
    assert counts == set(range(1, 301))


async def test_what_is_not_written_uses_up_no_number(log: Log, make_entry: MakeEntry) -> None:
    await log.append(make_entry(1, subject_key=ANN))
    moved = await log.append(make_entry(2, subject_key=ANN), guard=Guard(ANN, 7))
    assert isinstance(moved, Moved)
    await log.append(make_entry(1, subject_key=ANN))  # again
    await log.append(make_entry(3, subject_key=ANN))
    assert [number for _, number, _ in told(log, ANN)] == [1, 2]


async def test_numbers_go_on_after_a_restart_and_in_a_new_year(
    engine: Engine, make_log: MakeLog, make_entry: MakeEntry
) -> None:
    for n, clock in enumerate([lambda: IN_2026, lambda: IN_2026, lambda: IN_2026 + 365 * 86_400_000]):
        log = make_log(engine, clock=clock)
        await log.start()
        await log.append(make_entry(n, subject_key=ANN))
        await log.close()
    assert [number for _, number, _ in told(log, ANN)] == [1, 2, 3]
    assert [stored.year for stored in log.reader.of_person(ANN)] == [2026, 2026, 2027]


async def test_entries_about_nobody_have_no_number(log: Log, make_entry: MakeEntry) -> None:
    event = make_entry(1, subject_key="", org="", groups={"result": {"x": 1}})
    await log.append(event)
    stored = log.entry_by_id(event.id)
    assert stored is not None
    assert "count" not in json.loads(stored.entry)
    assert log.reader.of_person("") == []


async def test_a_citizens_entries_are_read_a_page_at_a_time(log: Log, make_entry: MakeEntry) -> None:
    for n in range(20):
        await log.append(make_entry(n, subject_key=(ANN, BOB)[n % 2], org=(COUNCIL, TRUST)[n % 4 // 2]))
    reader = log.reader
    whole = reader.of_person(ANN)
    assert [stored.id for stored in whole] == [make_entry(n).id for n in range(0, 20, 2)]
    page = reader.of_person(ANN, limit=4)
    assert page == whole[:4]
    assert reader.of_person(ANN, page[-1].place, 4) == whole[4:8]
    assert reader.of_person(ANN, before=whole[5].place, limit=3) == [whole[4], whole[3], whole[2]]
    assert {stored.org for stored in reader.of_person(ANN, organisation=TRUST)} == {TRUST}


async def test_releases_are_counted_by_citizen_organisation_purpose_and_time(
    log: Log, make_entry: MakeEntry
) -> None:
    for n in range(12):
        await log.append(
            make_entry(
                n,
                subject_key=(ANN, BOB)[n % 2],
                type=("access.disclosed", "access.intended")[n // 2 % 2],
                purpose=DISCHARGE if n < 10 else "research",
            )
        )
    start = make_entry(0).at_ms
    assert log.count(ANN, TRUST, DISCHARGE, start) == 3  # 0, 4, 8
    assert log.count(ANN, TRUST, DISCHARGE, start + 1) == 2
    assert log.count(ANN, TRUST, DISCHARGE, start + 9) == 0
    assert log.count(ANN, COUNCIL, DISCHARGE, start) == 0
    assert log.count(BOB, TRUST, "research", start) == 0
    assert log.count("nobody", TRUST, DISCHARGE, start) == 0


@pytest.mark.parametrize("table", ["subject_entry", "organisation_count"])
async def test_who_it_is_stands_nowhere_in_the_clear(
    log: Log, engine: Engine, make_entry: MakeEntry, table: str
) -> None:
    await log.append(make_entry(1, subject_key="canary-person"))
    with db.read(engine) as connection:
        rows = connection.execute(text(f"SELECT * FROM log.{table}")).all()
    assert rows
    assert "canary" not in str(rows)


async def test_more_citizens_than_are_held_in_memory_keep_their_numbers(
    log: Log, make_entry: MakeEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.numbers.MOST", 5)
    people = [f"person-{n % 20}" for n in range(100)]
    for n, person in enumerate(people):
        await log.append(make_entry(n, subject_key=person))
    for person, count in Counter(people).items():
        assert [number for _, number, _ in told(log, person)] == list(range(1, count + 1))
