# SPDX-License-Identifier: Apache-2.0
"""One process that appends to a log, started by `log.py`: closed loop (so many under way all the time) or open loop
(so many a second, latency from when each was due). Waits for a line on its input, then begins; tells what it did.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import sys
import time
from array import array
from pathlib import Path

import uuid_utils
import uvloop

from gateway import db, keyring
from gateway.audit.events import Entry
from gateway.audit.log import Committed, Guard, Log
from gateway.errors import AuditUnavailable

NAME = "bench.example/log"
PEOPLE = 20_000
FIELDS = ["allergies.substance", "allergies.reaction", "medications.name", "medications.dose", "tenancy.landlord"]


class Options(argparse.Namespace):
    """The arguments."""

    url: str
    keys: Path
    folder: Path
    out: Path
    writers: int
    rate: float
    seconds: float
    keep: bool


def entry(n: int) -> Entry:
    """An answer about one of PEOPLE, as the query path writes it."""
    person = n * 7919 % PEOPLE
    groups = {
        "actor": {"system": "bench", "token": f"t-{n % 97}", "user": f"worker-{n % 50}", "role": "social-worker"},
        "subject": {"handle": f"sub_{person:032x}"},
        "result": {"decision": f"{n:036d}", "status": 200, "digest": "sha-256:" + "0" * 64, "released": FIELDS},
    }
    return Entry(
        str(uuid_utils.uuid7()), "access.disclosed", time.time_ns() // 1_000_000, f"uk/council/{n % 40}", "bench",
        "direct-care.discharge-planning", "permit", "0" * 64, 1, groups, f"person-{person}",
    )  # fmt: skip


class Writing:
    """The appends of one process: how long each took, and, if they are kept, where each was acknowledged."""

    def __init__(self, log: Log, acknowledged: int | None) -> None:
        self._log = log
        self._acknowledged = acknowledged
        self._n = os.getpid() * 1_000_003
        self.took = array("f")
        self.refused = 0

    async def one(self, since: float) -> None:
        """Append one; `since` is when it was due."""
        self._n += 1
        event = entry(self._n)
        try:
            committed = await self._log.append(event, guard=Guard(event.subject_key, 0))
        except AuditUnavailable:
            self.refused += 1
            await asyncio.sleep(0.01)
            return
        self.took.append((time.perf_counter() - since) * 1000)
        if self._acknowledged is not None and isinstance(committed, Committed):
            os.write(self._acknowledged, f"{committed.index} {event.id}\n".encode())  # a kill does not take it back

    async def closed(self, until: float) -> None:
        """One writer: the next as soon as the last is acknowledged."""
        while (now := time.perf_counter()) < until:
            await self.one(now)

    async def opened(self, rate: float, until: float) -> None:
        """`rate` a second, however long each takes."""
        due, under_way = time.perf_counter(), set()
        while due < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            while due <= time.perf_counter():
                task = asyncio.create_task(self.one(due))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                due += 1 / rate
        await asyncio.gather(*under_way)


async def write(options: Options) -> None:
    """Append as told, then tell."""
    gc.freeze()  # as `commons serve` does
    gc.set_threshold(10_000, 20, 20)
    engine = db.connect(options.url)
    log = Log(engine, keyring.load(options.keys), NAME, deadline_ms=5000, folder=options.folder)
    await log.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    kept = os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if options.keep else None
    writing = Writing(log, kept)
    began, used = time.perf_counter(), time.process_time()
    until = began + options.seconds
    if options.rate:
        await writing.opened(options.rate, until)
    elif options.writers:
        await asyncio.gather(*[writing.closed(until) for _ in range(options.writers)])
    else:
        await asyncio.sleep(options.seconds)
    spent = time.perf_counter() - began
    if not options.keep:
        with options.out.open("wb") as file:
            writing.took.tofile(file)
    cpu = time.process_time() - used
    print(f"{len(writing.took)} {writing.refused} {spent:.3f} {cpu:.3f} {int(log.leads)}", flush=True)
    await asyncio.to_thread(sys.stdin.readline)  # the one that leads stays until all are done
    await log.close()
    engine.dispose()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--writers", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--keep", action="store_true", help="write down what was acknowledged, as it is")
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        uvloop.run(write(parser.parse_args(namespace=Options())))


if __name__ == "__main__":
    main()
