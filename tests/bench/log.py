# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench.log`: how fast the log takes entries, and what a kill -9 in the same run leaves of it.

Every entry counts only when it is acknowledged: durable (fsync on), integrated in the tree and covered by a signed
checkpoint. Writers are coroutines of the process that writes, or of four workers that send to it over its socket;
the load is on the same cores as the log. Beside our figures stand those that others published of theirs, on
their own hardware; they acknowledge before integrating, so the two are not the same promise.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import URL, select

from gateway import db, keyring, migrate
from gateway.audit import merkle
from gateway.audit.checkpoint import open_note
from gateway.audit.reader import Reader
from gateway.audit.sealing import SealKey
from gateway.audit.shards import Shard
from gateway.audit.tables import entry
from tests.bench.log_writer import NAME
from tests.fixtures.postgres import cluster

WRITERS, WORKERS, RATE, ENTRY = 64, 4, 1000.0, 2000
TARGET_P99_MS, TARGET_RATE = 25.0, 10_000

PUBLISHED = (
    ("Tessera POSIX, NVMe, up to 7 cores", "~10,000", "in queue 3.0 s, integrated after 3.1 s more"),
    ("Tessera POSIX, e2-micro", "> 1,500", "in queue 0.37 s, integrated after 1.2 s more"),
    ("TesseraCT e2-standard-2 (2 vCPU), Spanner", "600", ""),
    ("Trillian, 2 cores, MySQL (as a user reports)", "~60", ""),
    ("Sunlight (200 ms period, pool of 750)", "<= 3,750", "capped by design"),
)
"""System, entries a second, and what their makers say of the delay."""


class Options(argparse.Namespace):
    """The arguments."""

    seconds: float
    stores: list[str]
    data: Path | None


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did: `rate` in entries a second, latencies in milliseconds, processor time per entry in µs of
    all processes of ours (not PostgreSQL's)."""

    rate: float
    p50: float
    p99: float
    worst: float
    refused: int
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Place:
    """One log: where it is kept and with which keys."""

    url: str
    keys: Path
    folder: Path


@contextlib.contextmanager
def places(stores: Sequence[str], data: Path | None) -> Iterator[dict[str, Place]]:
    """A new log on each store, on a real disk."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-log-", dir=data or "/var/tmp")))
        keyring.create(folder / "keys")
        urls = {"SQLite": f"sqlite:///{folder / 'commons.db'}"}
        if "PostgreSQL" in stores:
            found: URL = stack.enter_context(cluster())
            urls["PostgreSQL"] = found.render_as_string(hide_password=False)
        made = {}
        for store in stores:
            migrate.upgrade(urls[store])
            seat = folder / store
            seat.mkdir()
            made[store] = Place(urls[store], folder / "keys", seat)
        yield made


class Process:
    """One running `log_writer`."""

    def __init__(self, place: Place, out: Path, seconds: float, *arguments: str) -> None:
        self.out = out
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.log_writer", "--url", place.url, "--keys", str(place.keys),
             "--folder", str(place.folder), "--out", str(out), "--seconds", str(seconds), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self._line() != "ready":
            raise RuntimeError("a writer did not start")

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def go(self) -> None:
        """Let it begin, or end."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def told(self) -> tuple[int, int, float, float]:
        """Appended, refused, seconds, processor seconds."""
        appended, refused, spent, cpu, _ = self._line().split()
        return int(appended), int(refused), float(spent), float(cpu)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def end(self) -> None:
        """Let it go, and wait for it."""
        self.go()
        self._process.communicate()


def start(place: Place, folder: Path, seconds: float, *, rate: float, socket: bool, keep: bool) -> list[Process]:
    """Writers in the process that leads, or in WORKERS beside it, ready to begin; the first leads."""
    share = WORKERS if socket else 1
    load = ["--rate", str(rate / share)] if rate else ["--writers", str(WRITERS // share)]
    load += ["--keep"] if keep else []
    names = iter(range(100))

    def one(*arguments: str) -> Process:
        return Process(place, folder / f"{time.monotonic_ns()}-{next(names)}", seconds, *arguments)

    return [one(), *[one(*load) for _ in range(WORKERS)]] if socket else [one(*load)]


def measure(place: Place, folder: Path, seconds: float, *, rate: float = 0.0, socket: bool = False) -> Run:
    """One run: closed loop with WRITERS under way, or open loop at `rate`. What was written before is on the disk
    first, so that no run waits for what another left to the kernel."""
    os.sync()
    processes = start(place, folder, seconds, rate=rate, socket=socket, keep=False)
    for process in processes:
        process.go()
    told = [process.told() for process in processes]
    for process in reversed(processes):
        process.end()
    took = array("f")
    for process in processes:
        took.frombytes(process.out.read_bytes())
    took = array("f", sorted(took))
    count = len(took) or 1
    return Run(
        rate=sum(one[0] for one in told) / max(one[2] for one in told),
        p50=took[count // 2],
        p99=took[count * 99 // 100],
        worst=took[-1],
        refused=sum(one[1] for one in told),
        cpu_us=sum(one[3] for one in told) / count * 1e6,
    )


def bare(folder: Path, seconds: float) -> Run:
    """The same open loop at RATE onto a bare file: whatever is due is appended and synced. It is what the disk
    alone does to such a rate, in this very run; a virtual disk may stand still for half a second."""
    os.sync()
    took = array("f")
    file = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    used, due = time.process_time(), time.perf_counter()
    until = due + seconds
    while due < until:
        time.sleep(max(0.0, due - time.perf_counter()))
        batch = max(1, int((time.perf_counter() - due) * RATE))
        os.write(file, os.urandom(ENTRY * batch))
        os.fdatasync(file)
        now = time.perf_counter()
        took.extend((now - due - n / RATE) * 1000 for n in range(batch))
        due += batch / RATE
    os.close(file)
    took = array("f", sorted(took))
    count, cpu = len(took), time.process_time() - used
    return Run(count / seconds, took[count // 2], took[count * 99 // 100], took[-1], 0, cpu / count * 1e6)


def crash(place: Place, folder: Path, seconds: float, *, socket: bool) -> str:
    """Kill the process that writes while WRITERS append, start the log again, and check it; gives what was found.
    Raises AssertionError for an acknowledged entry that is not where it was acknowledged, or another root."""
    processes = start(place, folder, seconds + 30, rate=0.0, socket=socket, keep=True)
    for process in processes:
        process.go()
    time.sleep(seconds)
    processes[0].kill()
    time.sleep(min(1.0, seconds))  # the workers find another leader, and go on
    for process in processes[1:]:
        process.kill()
    for process in processes:
        process.end()
    lines = [line for process in processes if process.out.exists() for line in _whole_lines(process.out)]
    acknowledged = {id_: int(index) for index, id_ in (line.split() for line in lines)}
    assert len(acknowledged) == len(lines) > 0, "an entry was acknowledged twice"
    assert len(set(acknowledged.values())) == len(lines), "two entries were acknowledged at one place"
    size = _check(place, acknowledged)
    return f"killed after {seconds:g} s: all {len(lines):,} acknowledged entries stand, root of {size:,} recomputed"


def _whole_lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _check(place: Place, acknowledged: dict[str, int]) -> int:
    """Recompute the whole tree from the entries; gives its size."""
    keys = keyring.load(place.keys)
    engine = db.connect(place.url)
    shard: Shard | None = Reader(engine, NAME, SealKey(keys.seal, keys.wrap.read)).shard()
    assert shard is not None
    frontier: list[bytes] = []
    size = 0
    with db.read(engine) as connection:
        rows = connection.execution_options(yield_per=10_000).execute(
            select(entry.c.idx, entry.c.id, entry.c.entry).where(entry.c.idx >= shard.start).order_by(entry.c.idx)
        )
        for block in rows.partitions():
            hashes = []
            for row in block:
                assert row.idx == shard.start + size + len(hashes), "a place is empty"
                index = acknowledged.pop(row.id, None)
                assert index in {None, row.idx - shard.start}, "an entry stands elsewhere"
                hashes.append(merkle.leaf_hash(bytes(row.entry)))
            frontier, size = merkle.grow(frontier, size, hashes)
    engine.dispose()
    assert not acknowledged, "an acknowledged entry is lost"
    signed = open_note(shard.checkpoint, shard.origin, keys.log.public_key())
    assert (signed.size, signed.root) == (size, merkle.root(frontier)), "the root differs"
    return size


def report(
    runs: dict[tuple[str, str], tuple[Run, Run]], disk: Run, crashes: dict[tuple[str, str], str], out: Console
) -> None:
    """Our figures, the disk's, those of others, and what the crash left."""
    ours = Table("store", "writers", "entries/s", "p50", "p99", "µs CPU", "p50 *", "p99 *", "worst *", "refused")
    for (store, where), (closed, opened) in runs.items():
        ours.add_row(
            store, where, f"{closed.rate:,.0f}", f"{closed.p50:.1f} ms", f"{closed.p99:.1f} ms",
            f"{closed.cpu_us:.0f}", f"{opened.p50:.1f} ms", f"{opened.p99:.1f} ms", f"{opened.worst:.1f} ms",
            str(closed.refused + opened.refused),
        )  # fmt: skip
    figures = (f"{one:.1f} ms" for one in (disk.p50, disk.p99, disk.worst))
    ours.add_row("a bare file", "append and sync", "", "", "", f"{disk.cpu_us:.0f}", *figures, "")
    out.print(ours)
    out.print(f"{WRITERS} writers, each with one under way; * at {RATE:,.0f} entries/s. ", end="")
    out.print(f"Wanted: {TARGET_RATE:,} entries/s and, at {RATE:,.0f}/s, p99 under {TARGET_P99_MS:g} ms.")
    theirs = Table("published by others", "entries/s", "delay")
    for row in PUBLISHED:
        theirs.add_row(*row)
    out.print(theirs)
    for (store, where), sentence in crashes.items():
        out.print(f"{store}, {where}: {sentence}", highlight=False)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.log", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement; there are two a row")
    parser.add_argument("--stores", type=lambda text: text.split(","), default=["SQLite", "PostgreSQL"])
    parser.add_argument("--data", type=Path, help="folder to work in: the disk that is measured (/var/tmp)")
    chosen = parser.parse_args(arguments, Options())
    out = Console()
    runs: dict[tuple[str, str], tuple[Run, Run]] = {}
    crashes: dict[tuple[str, str], str] = {}
    with places(chosen.stores, chosen.data) as made, tempfile.TemporaryDirectory() as scratch:
        for store, place in made.items():
            for where, socket in (("in the process", False), (f"{WORKERS} workers", True)):
                folder = Path(scratch)
                opened = measure(place, folder, chosen.seconds, rate=RATE, socket=socket)
                closed = measure(place, folder, chosen.seconds, socket=socket)
                runs[store, where] = closed, opened
                crashes[store, where] = crash(place, folder, min(chosen.seconds, 5.0), socket=socket)
        disk = bare(Path(next(iter(made.values())).folder), chosen.seconds)
    report(runs, disk, crashes, out)


if __name__ == "__main__":
    main()
