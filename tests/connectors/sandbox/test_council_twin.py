# SPDX-License-Identifier: Apache-2.0
"""The council twin is a database one may look at through four reports, and misbehaves as it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from connectors.sandbox.council.store import EVERYBODY, set_fault
from connectors.sandbox.launch import Twins
from connectors.sandbox.test_citizens import TEST_CITIZENS

CITIZENS = {story.outcome: story.citizen for story in TEST_CITIZENS}
WELL = CITIZENS["all-returned"].council_ref
OTHER = CITIZENS["consent-not-given"].council_ref
VIEWS = ("RPT_PERSON", "RPT_TENANCY", "RPT_ASC", "RPT_CTAX")

Reader = psycopg.Connection[dict[str, Any]]
Tell = Callable[..., None]


@pytest.fixture
def core(running_twins: Twins) -> Iterator[Reader]:
    url = running_twins.secrets["council_core_database_url"].replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        yield connection


@pytest.fixture
def tell(running_twins: Twins) -> Iterator[Tell]:
    told: set[str] = set()

    def set_and_remember(mode: str, identifier: str = EVERYBODY, delay_ms: int = 0) -> None:
        told.add(identifier)
        set_fault(running_twins.council, mode, identifier, delay_ms)

    yield set_and_remember
    for identifier in told:
        set_fault(running_twins.council, "none", identifier)


def _rows(core: Reader, view: str, ref: str) -> list[dict[str, Any]]:
    query = psycopg.sql.SQL("SELECT * FROM {} WHERE {} = %s").format(
        psycopg.sql.Identifier("RPT", view), psycopg.sql.Identifier("LKP_REF")
    )
    return core.execute(query, [ref]).fetchall()


@pytest.mark.parametrize("view", VIEWS)
def test_a_report_shows_the_rows_of_one_reference(core: Reader, view: str) -> None:
    rows = _rows(core, view, WELL)
    assert rows
    assert {(row["LKP_REF"], row["PERS_REF"]) for row in rows} == {(WELL, WELL)}


@pytest.mark.parametrize("view", VIEWS)
def test_a_reference_nobody_has_has_no_rows(core: Reader, view: str) -> None:
    assert _rows(core, view, "9999999") == []


def test_the_extract_is_of_last_night(core: Reader) -> None:
    [row] = _rows(core, "RPT_PERSON", WELL)
    today = core.execute("SELECT current_date AS today").fetchone()
    assert today is not None
    assert row["EXTR_DT"] == (today["today"] - timedelta(days=1)).strftime("%d/%m/%Y")


def test_days_are_written_as_the_supplier_writes_them(core: Reader, running_twins: Twins) -> None:
    [row] = _rows(core, "RPT_PERSON", WELL)
    born = date.fromisoformat(CITIZENS["all-returned"].birth_date)
    assert row["DOB_DT"] == born.strftime("%d/%m/%Y")
    assert row["DOD_DT"] == ""
    with running_twins.council.connect() as owner:
        raw = owner.execute('SELECT "DOB_DT" FROM "CORE"."PRSMST" WHERE "PERS_REF" = %s', [WELL]).fetchone()
    assert raw == (born.strftime("%d%m%Y"),)


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT * FROM "CORE"."PRSMST"',
        'SELECT * FROM "SBX"."FAULT"',
        'INSERT INTO "SBX"."FAULT" VALUES (1, 2, 3)',
        'UPDATE "CORE"."PRSMST" SET "SUR_NM" = NULL',
        "CREATE TABLE public.mine (n int)",
        "CREATE TEMPORARY TABLE mine (n int)",
        "CREATE SCHEMA mine",
    ],
)
def test_the_reader_may_look_at_the_reports_and_do_nothing_else(core: Reader, statement: str) -> None:
    core.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        core.execute(statement)


def test_the_readers_transactions_are_read_only(core: Reader) -> None:
    shown = core.execute("SHOW transaction_read_only").fetchone()
    assert shown == {"transaction_read_only": "on"}


@pytest.mark.parametrize("view", VIEWS)
def test_told_to_lie_it_answers_with_somebody_elses_rows(core: Reader, tell: Tell, view: str) -> None:
    tell("lie", OTHER)
    rows = _rows(core, view, OTHER)
    assert rows
    assert OTHER not in {row["PERS_REF"] for row in rows}
    assert {row["PERS_REF"] for row in _rows(core, view, WELL)} == {WELL}


@pytest.mark.parametrize("view", VIEWS)
def test_told_to_fail_it_raises(core: Reader, tell: Tell, view: str) -> None:
    tell("fail")
    with pytest.raises(psycopg.OperationalError, match="OVERNIGHT BATCH"):
        _rows(core, view, WELL)


@pytest.mark.parametrize(("view", "column"), [("RPT_PERSON", "SUR_NM"), ("RPT_TENANCY", "TWN_NM")])
def test_told_to_send_garbage_its_rows_can_not_be_read(core: Reader, tell: Tell, view: str, column: str) -> None:
    tell("garbage", WELL)
    [row] = _rows(core, view, WELL)
    assert row["PERS_REF"] == WELL
    assert not row[column]


@pytest.mark.parametrize("mode", ["hang", "slow"])
def test_told_to_hang_or_be_slow_it_outlasts_the_time_allowed(core: Reader, tell: Tell, mode: str) -> None:
    tell(mode, delay_ms=5000)
    core.execute("SET statement_timeout = 150")
    with pytest.raises(psycopg.errors.QueryCanceled):
        _rows(core, "RPT_PERSON", WELL)


def test_told_to_be_slow_it_answers_well_in_the_end(core: Reader, tell: Tell) -> None:
    tell("slow", WELL, 50)
    assert [row["PERS_REF"] for row in _rows(core, "RPT_PERSON", WELL)] == [WELL]


def test_told_to_be_stale_its_extract_is_of_an_earlier_night(core: Reader, tell: Tell) -> None:
    [before] = _rows(core, "RPT_PERSON", WELL)
    tell("stale", WELL, 20 * 86_400_000)
    [after] = _rows(core, "RPT_PERSON", WELL)
    assert before | {"EXTR_DT": ""} == after | {"EXTR_DT": ""}
    assert before["EXTR_DT"] != after["EXTR_DT"]


def test_none_ends_a_fault(core: Reader, tell: Tell) -> None:
    tell("fail", WELL)
    tell("none", WELL)
    assert _rows(core, "RPT_PERSON", WELL)
