# SPDX-License-Identifier: Apache-2.0
"""Sources that take their time: all three made late alike, and how late the slowest is when asked directly."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator

import httpx
import psycopg

from connectors.sandbox.council.store import set_fault
from tests.bench import questions
from tests.bench.candidate import Fleet
from tests.bench.town import TENANCY, council_url

READS = 20


@contextlib.contextmanager
def sources(fleet: Fleet, delay_ms: int) -> Iterator[None]:
    """In the block, every source answers that much later."""
    _upstreams(fleet, delay_ms)
    set_fault(fleet.town.twins.council, "slow", delay_ms=delay_ms)
    try:
        yield
    finally:
        _upstreams(fleet, 0)
        set_fault(fleet.town.twins.council, "none")


def slowest_ms(fleet: Fleet) -> float:
    """The median of the slowest source, each read directly, one read after the other."""
    one = fleet.town.residents[0]
    read = questions.source_reads(fleet.town)[0]
    headers = read["headers"] | {"X-Request-ID": "60e0b220-8136-4ca5-ae46-1d97ef59d068"}
    url = f"http://127.0.0.1:{fleet.upstream}{read['path']}"
    over_http, in_database = [], []
    with httpx.Client() as http, psycopg.connect(council_url(fleet.town.twins), autocommit=True) as council:
        for _ in range(READS):
            started = time.perf_counter()
            http.post(url, content=read["body"], headers=headers).raise_for_status()
            over_http.append(time.perf_counter() - started)
            started = time.perf_counter()
            council.execute(TENANCY, [one.council_ref]).fetchall()
            in_database.append(time.perf_counter() - started)
    return max(statistics.median(over_http), statistics.median(in_database)) * 1000


def _upstreams(fleet: Fleet, delay_ms: int) -> None:
    httpx.put(f"http://127.0.0.1:{fleet.upstream}/delay?ms={delay_ms}").raise_for_status()
