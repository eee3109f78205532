# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench.withdrawal`: how soon a withdrawal bites, from its acknowledgement to a refusal elsewhere.

A citizen agrees and the other node answers; the citizen withdraws on one node, and from the instant at which
that is acknowledged the other node is asked until it refuses. The time holds the refused question's own way
through the gateway, since that is what an agency would see. Two gateway processes over PostgreSQL; one over
SQLite.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from gateway.web.record_queries import ASK
from tests.faults.traffic import PLAN, Teller, node, tellers
from tests.fixtures.commons import World, running
from tests.fixtures.postgres import PostgresAbsentError, cluster

TARGET_MS = 100
_STORY = ("consent-given",)


@dataclass(frozen=True, slots=True)
class Row:
    """One store: milliseconds from acknowledgement to refusal, and of the withdrawal itself. `late` counts answers
    that were released in between: there must be none."""

    store: str
    rounds: int
    p50_ms: float
    p99_ms: float
    most_ms: float
    withdrawal_p50_ms: float
    withdrawal_p99_ms: float
    late: int

    @property
    def good(self) -> bool:
        """Whether the target is met and nothing was released too late."""
        return self.p99_ms < TARGET_MS and not self.late


def measure(world: World, here: str, there: str, rounds: int, store: str) -> Row:
    """Withdraw `here`, ask `there`, so many times."""
    [teller] = tellers(world, _STORY)
    asking = {"Authorization": f"Bearer {world.token()}", "Content-Type": "application/json"}
    bites, withdrawals, late = [], [], 0
    with (
        httpx.Client(base_url=here, headers=teller.desk.headers) as citizen,
        httpx.Client(base_url=there) as agency,
    ):
        for _ in range(rounds):
            _agree(citizen, teller)
            assert _answered(agency, asking, teller), "the consent did not reach the other node"
            sent = time.perf_counter()
            stopped = citizen.post(f"/v1/consent/records/{teller.record}/withdraw")
            acknowledged = time.perf_counter()
            assert stopped.status_code == 200, stopped.status_code
            while _answered(agency, asking, teller):
                late += 1
            bites.append((time.perf_counter() - acknowledged) * 1000)
            withdrawals.append((acknowledged - sent) * 1000)
    return Row(
        store,
        rounds,
        statistics.median(bites),
        _p99(bites),
        max(bites),
        statistics.median(withdrawals),
        _p99(withdrawals),
        late,
    )


def _agree(citizen: httpx.Client, teller: Teller) -> None:
    body = {"record": teller.record, "decision": "give", "categories": [PLAN], "notice_hash": teller.notice}
    given = citizen.post("/v1/consent/decisions", json=body)
    assert given.status_code == 201, given.status_code


def _answered(agency: httpx.Client, headers: dict[str, str], teller: Teller) -> bool:
    reply = agency.post(ASK, content=teller.body, headers=headers | {"X-Request-ID": str(uuid.uuid4())})
    assert reply.status_code in (200, 403), reply.status_code
    return reply.status_code == 200


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]


@contextlib.contextmanager
def _postgresql() -> Iterator[tuple[World, str]]:
    with (
        cluster() as url,
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), database_url=url.render_as_string(hide_password=False)) as world,
        node(world) as other,
    ):
        yield world, other


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    """Measure, print, write. Exit status 0 only if every p99 is under the target and nothing was released late."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.withdrawal", description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("bench-results/withdrawal.json"))
    chosen, said = parser.parse_args(arguments), console or Console()
    rows: list[Row] = []
    try:
        with _postgresql() as (world, other):
            rows.append(measure(world, world.url, other, chosen.rounds, "PostgreSQL, two nodes"))
    except PostgresAbsentError as absent:
        said.print(f"PostgreSQL is not measured. {absent}", highlight=False)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as world:
        rows.append(measure(world, world.url, world.url, chosen.rounds, "SQLite, one node"))
    _show(said, rows)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0 if all(row.good for row in rows) else 1


def _show(said: Console, rows: Sequence[Row]) -> None:
    table = Table("store", "rounds", "bites: p50 ms", "p99", "most", "withdrawal: p50 ms", "p99", "released late")
    for row in rows:
        figures = (row.p50_ms, row.p99_ms, row.most_ms, row.withdrawal_p50_ms, row.withdrawal_p99_ms)
        table.add_row(row.store, str(row.rounds), *(f"{one:.1f}" for one in figures), str(row.late))
    said.print(table)
    said.print(
        f"Acknowledged → refused on the other node: the target is a p99 under {TARGET_MS} ms.", highlight=False
    )


if __name__ == "__main__":
    sys.exit(main())
