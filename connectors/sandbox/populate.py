# SPDX-License-Identifier: Apache-2.0
"""Writes one population into every twin's store, in one pass, and remembers that it did.

data_dir/nhs/        store.db, api-key
data_dir/charity/    store.db, api-key
data_dir/council/    PostgreSQL's files, passwords
data_dir/links.jsonl who is who
data_dir/population.json   what is there; written last, so that a run cut short counts for nothing
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from connectors.sandbox import links
from connectors.sandbox.charity import projection as charity_projection
from connectors.sandbox.council.cluster import Cluster
from connectors.sandbox.council.store import CouncilStore
from connectors.sandbox.links import Link
from connectors.sandbox.nhs import projection as nhs_projection
from connectors.sandbox.person import Citizen
from connectors.sandbox.population import VERSION, population
from connectors.sandbox.store import Writer
from connectors.sandbox.stories import CHARITY, CHARITY_REF, COUNCIL, COUNCIL_REF, GP, NHS_NUMBER, Fault
from connectors.sandbox.test_citizens import TEST_CITIZENS

Progress = Callable[[int, int], None]
"""Called now and then with how many people are done and how many there will be."""

BATCH = 1000


class Summary(Struct, frozen=True):
    """What a data folder holds. `digest` is SHA-256 (hex) over every projected byte in order: the same for the
    same people, seed and version, on every machine. `known_to` counts people by identifier system."""

    people: int
    seed: int
    version: str
    digest: str
    known_to: dict[str, int]
    seconds: float
    fresh: bool = True


class Sink(Protocol):
    """Where citizens are written."""

    def add(self, citizens: list[Citizen], digest: hashlib._Hash) -> None:
        """Writes them."""

    def close(self) -> None:
        """Finishes."""

    def abandon(self) -> None:
        """Ends without finishing."""


def populate(people: int, seed: int, data_dir: Path, progress: Progress | None = None) -> Summary:
    """Fills `data_dir` with `people` for `seed`, unless just that is there already (`fresh` is then false).

    The twins must not be running. Raises ValueError for a number of people that does not fit, CouncilError when
    PostgreSQL cannot be had.
    """
    if present := current(data_dir, people, seed):
        return present
    started = time.monotonic()
    stream = population(people, seed)
    data_dir.mkdir(parents=True, exist_ok=True)
    _stamp(data_dir).unlink(missing_ok=True)
    digest, known_to = _write(stream, people, data_dir, progress or _silent)
    summary = Summary(people, seed, VERSION, digest, known_to, round(time.monotonic() - started, 3))
    _stamp(data_dir).write_bytes(msgspec.json.encode(summary))
    return summary


def current(data_dir: Path, people: int, seed: int) -> Summary | None:
    """What is in `data_dir` if it is exactly that population and can be started, else None."""
    found = summary(data_dir)
    if found is None or (found.people, found.seed, found.version) != (people, seed, VERSION):
        return None
    if not Cluster(data_dir / "council").ready_to_start():
        return None
    return msgspec.structs.replace(found, fresh=False)


def summary(data_dir: Path) -> Summary | None:
    """What is in `data_dir`, None when no population was finished there."""
    try:
        return msgspec.json.decode(_stamp(data_dir).read_bytes(), type=Summary)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def read_links(data_dir: Path) -> Iterator[Link]:
    """Who is who in the population of `data_dir`, in its order: the test citizens first."""
    return links.read(data_dir / "links.jsonl")


def _write(
    stream: Iterator[Citizen], people: int, data_dir: Path, progress: Progress
) -> tuple[str, dict[str, int]]:
    digest = hashlib.sha256()
    known_to = dict.fromkeys((NHS_NUMBER, COUNCIL_REF, CHARITY_REF), 0)
    book = links.Writer(data_dir / "links.jsonl")
    sinks: list[Sink] = []
    done = 0
    try:
        sinks.append(Writer(data_dir / "nhs", nhs_projection.documents, _faults(GP, NHS_NUMBER)))
        sinks.append(Writer(data_dir / "charity", charity_projection.documents, _faults(CHARITY, CHARITY_REF)))
        sinks.append(CouncilStore(data_dir / "council", _faults(COUNCIL, COUNCIL_REF)))
        while batch := list(islice(stream, BATCH)):
            for sink in sinks:
                sink.add(batch, digest)
            book.add(batch)
            for citizen in batch:
                known_to[NHS_NUMBER] += bool(citizen.nhs_number)
                known_to[COUNCIL_REF] += bool(citizen.council_ref)
                known_to[CHARITY_REF] += bool(citizen.charity_ref)
            done += len(batch)
            progress(done, people)
        while sinks:
            sinks.pop().close()
    finally:
        book.close()
        for sink in sinks:
            sink.abandon()
    return digest.hexdigest(), known_to


def _faults(source: str, system: str) -> dict[str, Fault]:
    """How that source always behaves, by its own identifier of the test citizen."""
    return {
        story.identifiers[system]: fault
        for story in TEST_CITIZENS
        for fault in story.faults
        if fault.source == source
    }


def _stamp(data_dir: Path) -> Path:
    return data_dir / "population.json"


def _silent(_done: int, _people: int) -> None:
    return None
