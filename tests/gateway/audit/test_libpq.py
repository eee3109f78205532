# SPDX-License-Identifier: Apache-2.0
"""The lean way to PostgreSQL: values arrive as they were, refusals are told, lost connections not used again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import make_url

from gateway.audit.libpq import Lane, Refused, bigint, bigints, byteas, ints, number, texts
from gateway.audit.store import DuplicateError, StoreError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def dsn(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
async def lane(fresh_database: str) -> AsyncIterator[Lane]:
    lane = await Lane.dial(dsn(fresh_database), "SET statement_timeout = 5000")
    yield lane
    lane.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts_=st.lists(st.none() | TEXT, max_size=5),
    blobs=st.lists(st.none() | st.binary(), max_size=5),
    long=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
    short=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5),
)
async def test_arrays_arrive_as_they_were(
    lane: Lane, texts_: list[str | None], blobs: list[bytes | None], long: list[int], short: list[int]
) -> None:
    found = await lane.run(
        [
            ("SELECT x, x IS NULL FROM unnest($1::text[]) x", (texts(texts_),)),
            ("SELECT x, x IS NULL FROM unnest($1::bytea[]) x", (byteas(blobs),)),
            ("SELECT x FROM unnest($1::bigint[]) x", (bigints(long),)),
            ("SELECT x::bigint FROM unnest($1::int[]) x", (ints(short),)),
        ],
        5,
    )
    assert [None if null == b"\1" else x.decode() for x, null in found[0]] == texts_
    assert [None if null == b"\1" else x for x, null in found[1]] == blobs
    assert [number(x) for (x,) in found[2]] == long
    assert [number(x) for (x,) in found[3]] == short


async def test_a_refused_statement_stops_those_after_it_and_not_the_connection(lane: Lane) -> None:
    insert = "INSERT INTO log.entry SELECT $1::bigint, $2::text, $3::bytea, $3::bytea"
    row = (bigint(1), b"id", b"")
    await lane.run([(insert, row)], 5)
    for _ in range(3):
        with pytest.raises(DuplicateError):
            await lane.run([("BEGIN", ()), (insert, row), ("SELECT 1", ()), ("COMMIT", ())], 5)
        await lane.run([("ROLLBACK", ())], 5)
        with pytest.raises(Refused, match="42P01"):
            await lane.run([("SELECT 2::bigint", ()), ("SELECT * FROM absent", ()), ("SELECT 3::bigint", ())], 5)
    assert await lane.run([("SELECT 3::bigint", ()), ("SELECT 2::bigint", ())], 5) == [
        [(bigint(3),)],
        [(bigint(2),)],
    ]


async def test_a_batch_larger_than_the_socket_takes_goes_through(lane: Lane) -> None:
    large = [bytes([n]) * 1_000_000 for n in range(30)]
    assert await lane.run([("SELECT x FROM unnest($1::bytea[]) x", (byteas(large),))], 30) == [
        [(x,) for x in large]
    ]


async def test_a_lost_connection_is_told_and_not_used_again(lane: Lane) -> None:
    with pytest.raises(StoreError):
        await lane.run([("SELECT pg_terminate_backend(pg_backend_pid())", ()), ("SELECT 1", ())], 5)
    assert not lane.open
    with pytest.raises(StoreError):
        await lane.run([("SELECT 1", ())], 5)


async def test_a_silent_server_costs_the_timeout(lane: Lane) -> None:
    with pytest.raises(StoreError):
        await lane.run([("SELECT pg_sleep(4)", ())], 0.05)
    assert not lane.open


async def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(StoreError):
        await Lane.dial("postgresql://x:y@127.0.0.1:1/none", "SELECT 1")
