# SPDX-License-Identifier: Apache-2.0
"""One measurement of one candidate: load it, read what it cost, check what it answered and logged."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import programs
from tests.bench.candidate import Candidate
from tests.bench.pinned import LOAD_CORE, cpu_seconds, memory_mb, on

IN_FLIGHT = 16
WARMUP_SHARE = 0.2
"""Seconds before each measurement that are not measured, as a share of it."""

OPEN_SHARE = 0.6
"""The rate of the open loop, as a share of the throughput just measured …"""

OPEN_MOST = 2000.0
"""… and at most so many requests a second: with more the load itself would be what is measured."""

OPEN_CONNECTIONS = 32
"""The most an open loop has under way: the smallest bulkhead of the three sources. More than that the gateway
answers at once with a partial answer, by design; here they wait their turn, and their wait counts."""


@dataclass(slots=True)
class Sample:
    """One run of the load generator with what it cost. `faults` is empty if all was as it must be; `slowest_ms` is
    how late the slowest source was, where sources were made late."""

    rps: float
    p50_ms: float
    p99_ms: float
    cpu_s_per_1000: float
    rss_mb: float
    faults: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0


def closed(candidate: Candidate, folder: Path, seconds: float) -> Sample:
    """With IN_FLIGHT requests under way all the time."""
    return _sample(candidate, folder, ["-mode", "closed", "-inflight", str(IN_FLIGHT)], seconds)


def opened(candidate: Candidate, folder: Path, seconds: float, *, rate: float) -> Sample:
    """By a fixed schedule of `rate` requests a second; latency counts from when each was due."""
    arguments = ["-mode", "open", "-inflight", str(OPEN_CONNECTIONS), "-rate", f"{rate:.1f}"]
    return _sample(candidate, folder, arguments, seconds)


def eased(candidate: Candidate, folder: Path, seconds: float, *, rps: float) -> Sample:
    """By a schedule that leaves it room, `rps` being what it can do."""
    return opened(candidate, folder, seconds, rate=max(1.0, min(rps * OPEN_SHARE, OPEN_MOST)))


def _sample(candidate: Candidate, folder: Path, arguments: Sequence[str], seconds: float) -> Sample:
    file = folder / f"{candidate.name}.requests.json"
    file.write_text(json.dumps(candidate.requests()))
    logged = candidate.entries() if candidate.entries else 0
    used = cpu_seconds(candidate.pids)
    told = _load(candidate.port, file, arguments, seconds)
    used = cpu_seconds(candidate.pids) - used
    faults: Counter[str] = Counter(told["errors"])
    if told["sample"]:
        (folder / f"{candidate.name}.fault.txt").write_text(told["sample"])
    if not told["responses"]:
        faults["no answer at all"] += 1
    if candidate.entries:
        missing = candidate.per_answer * told["responses"] - (candidate.entries() - logged)
        if missing:
            faults["log entries that differ"] += abs(missing)
    return Sample(
        rps=told["rps"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        cpu_s_per_1000=used / max(told["responses"], 1) * 1000,
        rss_mb=memory_mb(candidate.pids),
        faults=faults,
    )


def _load(port: int, file: Path, arguments: Sequence[str], seconds: float) -> dict[str, Any]:
    command = [
        programs.built("load"), "-address", f"127.0.0.1:{port}", "-requests", str(file),
        "-seconds", str(seconds), "-warmup", f"{seconds * WARMUP_SHARE:.2f}", *arguments,
    ]  # fmt: skip
    with on(LOAD_CORE):
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told
