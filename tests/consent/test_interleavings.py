# SPDX-License-Identifier: Apache-2.0
"""Givings, withdrawals and reads by many threads over two gateways, recorded and checked as one history.

Each operation is recorded with the instants at which it was invoked and answered. The checker asks whether one
order of all operations explains every answer, and fits time: whoever began after another was answered must see
its effect. Since every answer carries the person's sequence number, that order is known and the check is linear
(Herlihy and Wing's linearizability, for a log). The checker is shown to see each fault that it is there for.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import Engine

from consent import ledger, rules
from consent.errors import EventRefused
from consent.model import Standing, State
from gateway import db
from tests.consent.decisions import DISCHARGE, HOSPITAL, NOON, PLAN, given, withdrawn

PEOPLE = ("person-a", "person-b")
Read = Callable[[Engine, str], Standing]


@dataclass(frozen=True)
class Operation:
    person: str
    wrote: State | None
    """The state that a recorded decision brought about; None for a read."""
    seq: int
    state: State
    invoked: int
    answered: int


def faults(history: list[Operation]) -> Iterator[str]:
    """Why no single order of the operations on one person explains them; nothing when one does."""
    writes = sorted((one for one in history if one.wrote), key=lambda one: one.seq)
    if [one.seq for one in writes] != list(range(1, len(writes) + 1)):
        yield "two decisions have one place, or a decision is lost"
    states = {0: State.NONE} | {one.seq: one.state for one in writes}
    for one in history:
        if states.get(one.seq) is not one.state:
            yield "an answer is not what the ledger said at its sequence number"
    seen, answered = 0, sorted(history, key=lambda one: one.answered)
    for one in sorted(history, key=lambda one: one.invoked):
        while answered and answered[0].answered < one.invoked:
            seen = max(seen, answered.pop(0).seq)
        if one.seq < seen or (one.wrote and one.seq == seen):
            yield "an answer is older than what had been answered before it was asked"


def read_now(engine: Engine, person: str) -> Standing:
    with db.read(engine) as connection:
        return ledger.standing(connection, person, HOSPITAL, DISCHARGE)


class ReadWithoutLooking:
    """A planted fault: a cache that does not ask whether the ledger has moved."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Engine, str], Standing] = {}

    def __call__(self, engine: Engine, person: str) -> Standing:
        return self._kept.setdefault((engine, person), read_now(engine, person))


def work(engine: Engine, read: Read, count: int, seed: int) -> Iterator[Operation]:
    chance = random.Random(seed)
    for _ in range(count):
        person = chance.choice(PEOPLE)
        kind = chance.choice((given, withdrawn, None, None))
        invoked = time.monotonic_ns()
        if kind is None:
            standing = read(engine, person)
            state = rules.held(standing, PLAN, "crm", NOON).state
            yield Operation(person, None, standing.seq, state, invoked, time.monotonic_ns())
            continue
        try:
            with db.write(engine) as connection:
                recorded = ledger.record(connection, kind(person=person))
        except EventRefused:
            continue
        state = State.GIVEN if kind is given else State.WITHDRAWN
        yield Operation(person, state, recorded.seq, state, invoked, time.monotonic_ns())


def run(url: str, read: Read, threads: int, count: int) -> dict[str, list[Operation]]:
    engines = db.connect(url), db.connect(url)
    done: list[Operation] = []
    workers = [
        threading.Thread(target=lambda n=n: done.extend(work(engines[n % 2], read, count, n)))
        for n in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for engine in engines:
        engine.dispose()
    return {person: [one for one in done if one.person == person] for person in PEOPLE}


def test_no_answer_is_older_than_a_decision_that_was_acknowledged(database_url: str, soak: bool) -> None:
    histories = run(database_url, read_now, threads=6, count=20_000 if soak else 60)
    assert sum(map(len, histories.values())) > (100_000 if soak else 250)
    for history in histories.values():
        assert any(one.wrote is State.WITHDRAWN for one in history)
        assert list(faults(history)) == []


def test_the_checker_sees_a_reader_that_keeps_what_was_withdrawn(database_url: str) -> None:
    histories = run(database_url, ReadWithoutLooking(), threads=4, count=30)
    found = {fault for history in histories.values() for fault in faults(history)}
    assert found == {"an answer is older than what had been answered before it was asked"}


WHOLE = [
    Operation(PEOPLE[0], State.GIVEN, 1, State.GIVEN, invoked=0, answered=10),
    Operation(PEOPLE[0], State.WITHDRAWN, 2, State.WITHDRAWN, invoked=20, answered=30),
    Operation(PEOPLE[0], None, 1, State.GIVEN, invoked=25, answered=35),
    Operation(PEOPLE[0], None, 2, State.WITHDRAWN, invoked=40, answered=50),
]


@pytest.mark.parametrize(
    ("place", "planted"),
    [
        (3, {"seq": 1, "state": State.GIVEN}),  # read after the withdrawal was acknowledged, and still given
        (3, {"state": State.GIVEN}),  # the new number with the old answer
        (2, {"seq": 3}),  # a number that nobody wrote
        (1, {"seq": 1}),  # two decisions in one place
        (1, {"seq": 3}),  # a decision lost
        (0, {"invoked": 60, "answered": 70}),  # the first to be written was asked for last
    ],
)
def test_the_checker_sees_a_planted_fault(place: int, planted: dict[str, int]) -> None:
    assert list(faults(WHOLE)) == []
    assert list(faults([*WHOLE[:place], replace(WHOLE[place], **planted), *WHOLE[place + 1 :]])) != []
