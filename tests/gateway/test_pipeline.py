# SPDX-License-Identifier: Apache-2.0
"""A part that fails stops the query before the next stage: nothing is fetched, or nothing is sent."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Envelope
from consent.live import LiveLedger
from consent.model import Kind, Standing
from gateway.errors import PolicyUnavailable
from gateway.items import Itemiser
from gateway.model import Decision
from gateway.pipeline import RESEALS, Commons
from gateway.policy.facts import Facts
from gateway.sandbox import story
from gateway.web.record_queries import PREVIEW
from tests.faults.inside import (
    Got,
    asked,
    decide,
    entry_types,
    inside,
    log_size,
    own_copy,
    plan_row,
    refuse_entries,
    sql,
)
from tests.fixtures.commons import World, question

MARK = "Marlowe 9990000018"
"""What an exception's text might hold."""


@pytest.fixture
def copy(world: World, tmp_path: Path) -> World:
    """The world over databases that this test may break."""
    world.token()
    world.token("e06999901-adult-social-care", "housing-officer")
    return own_copy(world, tmp_path)


def refused(got: Got, code: str, status: int = 503) -> None:
    assert (got.status, got.json["code"]) == (status, code)
    assert "items" not in got.json
    assert "detail" not in got.json or MARK not in got.json["detail"]


class BrokenJudge:
    """A judge that cannot answer."""

    revision = "none"

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def judge(self, facts: Facts) -> Decision:
        raise self._error


async def test_a_judge_without_an_answer_is_a_503_before_anything_is_fetched_or_written(copy: World) -> None:
    async with inside(copy, lambda _: {"judge": BrokenJudge(PolicyUnavailable())}) as worker:
        size = log_size(copy)
        refused(await worker.ask(asked()), "policy-unavailable")
        refused(await worker.ask(asked(), path=PREVIEW), "policy-unavailable")
        assert worker.fetched == []
        assert log_size(copy) == size


async def test_a_judge_that_falls_over_is_a_500_without_its_words(
    copy: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with inside(copy, lambda _: {"judge": BrokenJudge(RuntimeError(MARK))}) as worker:
        got = await worker.ask(asked())
        refused(got, "internal-fault", 500)
        assert worker.fetched == []
    assert MARK not in got.body.decode()
    assert MARK not in caplog.text
    assert "RuntimeError" in caplog.text
    assert got.json["trace_id"] in caplog.text


class ShortJudge:
    """A judge that forgets the last pair."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.revision = real.revision

    async def judge(self, facts: Facts) -> Decision:
        decision = await self._real.judge(facts)
        return Decision(self.revision, decision.verdicts[:-1], decision.obligations, decision.valid_until)


async def test_a_decision_that_does_not_cover_every_pair_fetches_nothing(copy: World) -> None:
    async with inside(copy, lambda real: {"judge": ShortJudge(real.judge)}) as worker:
        refused(await worker.ask(asked()), "internal-fault", 500)
        assert worker.fetched == []


async def test_a_ledger_that_cannot_be_read_is_a_503_before_anything_is_fetched_or_written(copy: World) -> None:
    async with inside(copy) as worker:
        sql(copy, "commons.db", "DROP TABLE consent_standing")
        size = log_size(copy)
        refused(await worker.ask(asked()), "consent-store-unavailable")
        refused(await worker.ask(asked(), path=PREVIEW), "consent-store-unavailable")
        assert worker.fetched == []
        assert log_size(copy) == size


async def test_a_database_without_its_people_is_a_503_before_anything_is_fetched(copy: World) -> None:
    async with inside(copy) as worker:
        sql(copy, "commons.db", "PRAGMA foreign_keys=OFF", "DROP TABLE person_verifier")
        refused(await worker.ask(asked()), "database-unavailable")
        assert worker.fetched == []


async def test_without_a_witness_entry_nothing_is_fetched(copy: World) -> None:
    async with inside(copy) as worker:
        refuse_entries(copy, "access.intended")
        refused(await worker.ask(asked()), "audit-unavailable")
        assert worker.fetched == []


async def test_a_refusal_that_cannot_be_logged_is_not_told(copy: World) -> None:
    body = question(story("consent-not-given")) | {"categories": [{"code": "support.plan"}]}
    async with inside(copy) as worker:
        refuse_entries(copy, "access.refused")
        got = await worker.ask(body)
        refused(got, "audit-unavailable")
        assert "summary" not in got.json


async def test_a_preview_that_cannot_be_logged_is_not_told(copy: World) -> None:
    async with inside(copy) as worker:
        refuse_entries(copy, "access.previewed")
        got = await worker.ask(asked(), path=PREVIEW)
        refused(got, "audit-unavailable")
        assert "verdicts" not in got.json


async def test_without_a_seal_entry_no_byte_is_sent(copy: World) -> None:
    async with inside(copy) as worker:
        refuse_entries(copy, "access.disclosed")
        got = await worker.ask(asked())
        refused(got, "audit-unavailable")
        assert worker.fetched != []
        assert "data" not in got.body.decode()


async def test_a_log_that_somebody_else_holds_is_a_503_within_its_deadline(copy: World) -> None:
    async with inside(copy):
        pass  # what was decided before is logged now
    hasty = replace(copy, settings=copy.settings.model_copy(update={"log_commit_deadline_ms": 1000}))
    async with inside(hasty) as worker:
        with contextlib.closing(sqlite3.connect(copy.settings.data_dir / "log.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused(await worker.ask(asked()), "audit-unavailable")
            assert worker.fetched == []
            other.execute("ROLLBACK")
        assert (await worker.ask(asked())).status == 200


async def test_an_alarm_that_cannot_be_logged_stops_the_answer(copy: World) -> None:
    async with inside(copy) as worker:
        refuse_entries(copy, "connector.alarm")
        got = await worker.ask(question(story("lying-source")))
        refused(got, "audit-unavailable")
        assert "provenance" not in got.body.decode()


async def test_no_byte_of_an_answer_passes_before_its_seal_entry_is_committed(copy: World) -> None:
    async with inside(copy) as worker:
        before = log_size(copy) - 1
        for body in (asked(), asked("consent-not-given"), question(story("lying-source"))):
            got = await worker.ask(body, watch=partial(committed, copy, before))
            assert got.status == 200
            types, ids = got.at_body
            assert types[0] == "access.intended"
            assert types[-1] == "access.disclosed"
            assert got.json["receipt"]["id"].removeprefix("rc_") in ids
            index = int(got.header("audit-entry").split("#")[1])
            assert index == log_size(copy) - 1
            before = index


def committed(world: World, after: int) -> tuple[list[str], set[str]]:
    """Types of the entries after an index, and the ids of all, as another connection sees them."""
    return entry_types(world, after), {row[0] for row in sql(world, "log.db", "SELECT id FROM entry")}


async def test_no_byte_of_a_refusal_passes_before_its_entry_is_committed(copy: World) -> None:
    body = question(story("consent-not-given")) | {"categories": [{"code": "support.plan"}]}
    async with inside(copy) as worker:
        before = log_size(copy) - 1
        got = await worker.ask(body, watch=lambda: entry_types(copy, before))
        assert (got.status, got.at_body) == (403, ["access.refused"])


async def test_the_digest_in_the_seal_entry_is_that_of_the_bytes_that_were_sent(copy: World) -> None:
    async with inside(copy) as worker:
        got = await worker.ask(asked())
        result = worker.commons.log.open_groups(got.json["receipt"]["id"].removeprefix("rc_"))["result"].value
        assert result["digest"] == "sha-256:" + hashlib.sha256(got.body).hexdigest()
        assert result["status"] == 200


class Clumsy(Itemiser):
    """Falls over the records of one source."""

    def __init__(self, real: Itemiser, source: str, error: Exception) -> None:
        super().__init__(real._key, real._vocabulary)
        self._source = source
        self._error = error

    def _item(self, asked: Any, refused: Any, consent: str, envelope: Envelope, *rest: Any) -> Any:
        if envelope.source == self._source:
            raise self._error
        return super()._item(asked, refused, consent, envelope, *rest)


@pytest.mark.parametrize("error", [TypeError(MARK), RecursionError(MARK), OverflowError(MARK), ValueError(MARK)])
async def test_an_error_in_filtering_drops_its_source_and_no_other(
    copy: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def parts(real: Commons) -> Mapping[str, Any]:
        return {"itemiser": Clumsy(real.itemiser, "uk/charity/9999901/crm", error)}

    async with inside(copy, parts) as worker:
        got = await worker.ask(question(story("all-returned")))
    assert got.status == 200
    table = got.json["completeness"]["summary"]
    states = {row["state"] for row in table if row["source"] == "uk/charity/9999901/crm"}
    assert states - {"not-asked"} == {"unavailable"}
    assert {item["provenance"]["source"] for item in got.json["items"]} == {
        "uk/nhs/XZG01/gp-record",
        "uk/council/E06999901/core",
    }
    assert MARK not in caplog.text


class Restless:
    """A ledger in whose chain something is decided each time that it is read."""

    def __init__(self, real: LiveLedger) -> None:
        self._real = real

    async def standing(self, person: str, organisation: str, purpose: str, at_least: int = 0) -> Standing:
        standing = await self._real.standing(person, organisation, purpose, at_least)
        return Standing(standing.seq + 1000, standing.by_category)

    async def close(self) -> None:
        await self._real.close()


async def test_consent_that_never_stands_still_ends_in_a_503_and_not_in_an_answer(copy: World) -> None:
    async with inside(copy, lambda real: {"ledger": Restless(real.ledger)}) as worker:
        before = log_size(copy) - 1
        refused(await worker.ask(asked()), "consent-store-unavailable")
        assert entry_types(copy, before) == ["access.intended", "access.failed"]
    assert RESEALS > 1


class Behind:
    """A reader whose notice of a change is slow to come: it answers from memory until it is told what to expect."""

    def __init__(self, real: LiveLedger) -> None:
        self._real = real
        self._kept: Standing | None = None

    async def standing(self, person: str, organisation: str, purpose: str, at_least: int = 0) -> Standing:
        if self._kept is None or self._kept.seq < at_least:
            self._kept = await self._real.standing(person, organisation, purpose, at_least)
        return self._kept

    async def close(self) -> None:
        await self._real.close()


async def test_a_reader_that_is_behind_is_told_what_the_log_saw(copy: World) -> None:
    async with inside(copy, lambda real: {"ledger": Behind(real.ledger)}) as worker:
        assert plan_row((await worker.ask(asked())).json)["state"] == "returned"
        decide(copy, story("all-returned"), Kind.WITHDRAWN, ["support.plan"])
        got = await worker.ask(asked())
        assert got.status == 200
        assert plan_row(got.json)["reason"] == "consent-withdrawn"


async def test_a_worker_at_its_limit_says_so_at_once_and_recovers(copy: World) -> None:
    async with inside(copy) as worker:
        queries = worker.app.queries
        assert queries is not None
        queries._free = 1
        replies = await asyncio.gather(*(worker.ask(asked()) for _ in range(5)))
        assert sorted(got.status for got in replies) == [200, 503, 503, 503, 503]
        assert {got.json["code"] for got in replies if got.status == 503} == {"busy"}
        assert (await worker.ask(asked())).status == 200
