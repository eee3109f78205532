# SPDX-License-Identifier: Apache-2.0
"""What a candidate is, the duties it may do or leave out, and the fleet: the processes that are up meanwhile."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import programs
from tests.bench.pinned import CANDIDATE_CORE, LOAD_CORE, Pinned, free_port
from tests.bench.questions import Sent
from tests.bench.town import Town

DUTIES = (
    "fetch",  # the source is asked
    "token",  # signature, audience and times of the access token; the asker is still active
    "policy",  # agreement, purpose, role, category, ground
    "consent",  # what the citizen decided is looked up
    "identity links",  # one person, many identifiers; a source is given its own one only
    "field filter",  # only permitted fields leave
    "mapping",  # records in shared words; whose they are is checked
    "durable log",  # an entry is on disk before anything is released
    "witness",  # and another one before anything is fetched
    "provable log",  # not to be rewritten unseen: Merkle tree, signed checkpoints, sealed parts, receipt
    "consent at release",  # read again in the transaction that releases
    "sealed identifiers",  # encrypted at rest, found by a keyed blind index; pairwise handles
    "completeness",  # what came, what did not, and why, with provenance
    "bulkheads",  # deadline, bulkhead and breaker for each source
    "one effect",  # a retry is one query
)


def without(*done: str) -> tuple[str, ...]:
    """Every duty but those."""
    return tuple(duty for duty in DUTIES if duty not in done)


@dataclass(slots=True)
class Candidate:
    """One running candidate. `requests()` makes what is sent anew, since tokens end. `entries()` counts its log
    entries, of which each answer must add `per_answer`. With a `rate` it is asked that often a second only."""

    name: str
    title: str
    skips: tuple[str, ...]
    port: int
    requests: Callable[[], list[Sent]]
    pids: tuple[int, ...]
    entries: Callable[[], int] | None = None
    per_answer: int = 0
    rate: float = 0.0


@dataclass(slots=True)
class Fleet:
    """Starts processes over one town, and ends what it started. Candidates run on the one core, all their helpers
    included; upstreams on the other."""

    town: Town
    folder: Path
    profile: Path | None = None
    upstream: int = 0
    running: dict[str, Pinned] = field(default_factory=dict)

    def start_upstream(self) -> None:
        """The recorded HTTP sources, on the core of the load; the gateway's secrets then name them."""
        self.upstream = free_port()
        command = [
            programs.built("upstream"), "-recording", str(self.town.recording), "-port", str(self.upstream),
        ]  # fmt: skip
        self.start("upstream", command, self.upstream, core=LOAD_CORE)
        self.town.twins.addresses["nhs"] = f"http://127.0.0.1:{self.upstream}/FHIR/R4"
        self.town.twins.addresses["charity"] = f"http://127.0.0.1:{self.upstream}/api/v2"
        self.town.twins.write_secrets(self.town.settings.secrets)

    def gateway(self, port: int) -> Pinned:
        """The product, one worker, started once for all that ask it."""
        if "gateway" in self.running:
            return self.running["gateway"]
        module = ["tests.bench.profiled", str(self.profile)] if self.profile else ["gateway.cli"]
        command = [
            sys.executable, "-m", *module, "serve",
            "--data", str(self.town.settings.data_dir), "--port", str(port),
        ]  # fmt: skip
        run = self.start("gateway", command, port, end=signal.SIGINT if self.profile else signal.SIGTERM)
        if self.profile:
            os.kill(run.pid, signal.SIGUSR1)
        return run

    def start(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        *,
        core: int = CANDIDATE_CORE,
        environment: dict[str, str] | None = None,
        end: signal.Signals = signal.SIGTERM,
    ) -> Pinned:
        """Start one and wait until its port answers."""
        run = Pinned(command, core, self.folder / f"{name}.txt", environment=environment, end=end)
        self.running[name] = run
        run.await_port(port)
        return run

    def stop(self) -> None:
        """End all, the last started first."""
        while self.running:
            self.running.popitem()[1].stop()
