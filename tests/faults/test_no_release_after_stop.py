# SPDX-License-Identifier: Apache-2.0
"""No release after an acknowledged withdrawal, whatever else happens at the same time and on whichever node.

The operations are real ones, over HTTP, against one gateway process over SQLite and two over PostgreSQL; what they
saw is checked by `history.py`, which is itself shown to catch a gateway with a planted fault.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.faults.history import Invocation, check
from tests.faults.traffic import Teller, Traffic, node, tellers
from tests.fixtures.commons import World, running

STORIES = ("consent-given", "all-returned")


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """A log that waits for a slow machine: a 503 is an honest answer, and says nothing here."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COMMONS_LOG_COMMIT_DEADLINE_MS", "20000")
        yield


@pytest.fixture(scope="module")
def on_sqlite(patient: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A commons of this module's own: what is decided here is nobody else's business."""
    with running(tmp_path_factory.mktemp("stops")) as world:
        yield world


@pytest.fixture(scope="module")
def on_postgresql(
    patient: None, new_postgres: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, str]]:
    """A commons over PostgreSQL, and the address of a second node."""
    with (
        running(tmp_path_factory.mktemp("stops-pg"), database_url=new_postgres()) as world,
        node(world) as other,
    ):
        yield world, other


def put(world: World, nodes: list[str], operations: int, *, batch: int = 4000) -> list[Invocation]:
    """The history of that many operations; sessions and tokens are renewed between batches."""
    history: list[Invocation] = []
    for at in range(0, operations, batch):
        people: list[Teller] = tellers(world, STORIES)
        world.token()
        traffic = Traffic(world, nodes, people, seed=at)
        asyncio.run(traffic.run(min(batch, operations - at)))
        history += traffic.history()
    return history


def assert_that_much_happened(counts: dict[str, int], operations: int) -> None:
    for kind in ("give done", "withdraw done", "ask released", "ask withheld", "overlapping"):
        assert counts[kind] > operations // 100, (kind, counts)
    failed = sum(number for name, number in counts.items() if name.endswith("failed"))
    assert failed <= operations // 3, counts  # a slow log gives up on some; nothing is released then


@pytest.mark.slow
def test_two_nodes_over_postgresql_release_nothing_after_a_stop(
    on_postgresql: tuple[World, str], soak: bool
) -> None:
    world, other = on_postgresql
    operations = 100_000 if soak else 800
    report = check(put(world, [world.url, other], operations))
    assert report.holds, report.violations[:10]
    assert_that_much_happened(dict(report.counts), operations)
    sys.stdout.write(f"\n{operations} operations on two nodes over PostgreSQL: {dict(report.counts)}\n")


@pytest.mark.slow
def test_one_node_over_sqlite_releases_nothing_after_a_stop(on_sqlite: World, soak: bool) -> None:
    operations = 100_000 if soak else 800
    report = check(put(on_sqlite, [on_sqlite.url], operations))
    assert report.holds, report.violations[:10]
    assert_that_much_happened(dict(report.counts), operations)
    sys.stdout.write(f"\n{operations} operations on one node over SQLite: {dict(report.counts)}\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "sentence"),
    [("guard", "stands in the log behind"), ("stale", "was acknowledged")],
)
def test_the_checker_catches_a_gateway_with_a_planted_fault(on_sqlite: World, fault: str, sentence: str) -> None:
    with node(on_sqlite, "tests.faults.unguarded", fault) as faulty:
        for _ in range(60):  # a race may be missed; so many times it is not, slow as the machine may be
            report = check(put(on_sqlite, [faulty, on_sqlite.url], 300))
            if any(sentence in violation for violation in report.violations):
                return
    pytest.fail(f"the fault {fault} went unseen: {dict(report.counts)}")


GIVE = Invocation(1, 0, "give", 1, invoked=0, acked=10, outcome="done", seq=1, place=5)
STOP = Invocation(1, 0, "withdraw", 1, invoked=20, acked=30, outcome="done", seq=2, place=8)
ASKED = Invocation(2, 1, "ask", 1, invoked=12, acked=18, outcome="released", seq=1, place=7)


def faults(*history: Invocation) -> list[str]:
    return list(check(history).violations)


def test_a_history_as_it_should_be_holds() -> None:
    after = replace(ASKED, invoked=40, acked=50, outcome="withheld", seq=0, place=-1)
    anew = replace(GIVE, invoked=52, acked=55, seq=3, place=9)
    again = replace(ASKED, invoked=60, acked=70, seq=3, place=10)
    assert faults(GIVE, ASKED, STOP, after, anew, again) == []


def test_a_release_after_the_stop_is_seen() -> None:
    assert "after withdrawal 2" in faults(GIVE, STOP, replace(ASKED, invoked=31, acked=40, place=-1))[0]


def test_a_release_while_the_stop_is_on_its_way_may_be_before_it() -> None:
    assert faults(GIVE, STOP, replace(ASKED, invoked=25, acked=40)) == []


def test_a_release_in_flight_that_the_log_puts_behind_the_stop_is_seen() -> None:
    assert "in the log behind" in faults(GIVE, STOP, replace(ASKED, invoked=25, acked=40, place=9))[0]


def test_a_consent_that_is_newer_than_the_stop_is_no_fault() -> None:
    assert faults(GIVE, STOP, replace(ASKED, invoked=31, acked=40, seq=3, place=9)) == []


def test_withholding_what_stands_is_seen() -> None:
    withheld = replace(ASKED, outcome="withheld", seq=0, place=-1)
    assert "nobody withdrew" in faults(GIVE, withheld)[0]
    assert faults(GIVE, replace(STOP, invoked=15), withheld) == []
    assert faults(GIVE, replace(STOP, invoked=15, outcome="failed", seq=0), withheld) == []


def test_a_withdrawal_that_failed_is_not_held_against_a_release() -> None:
    assert faults(GIVE, replace(STOP, outcome="failed", seq=0), replace(ASKED, invoked=40, acked=50, place=9)) == []


def test_numbers_that_do_not_follow_the_time_are_seen() -> None:
    assert "two decisions have the number" in faults(GIVE, replace(STOP, seq=1))[0]
    assert "began after decision 3" in faults(replace(GIVE, seq=3), STOP)[0]


def test_another_person_is_another_history() -> None:
    assert faults(GIVE, STOP, replace(ASKED, person=2, invoked=40, acked=50)) == []
