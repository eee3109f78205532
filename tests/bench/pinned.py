# SPDX-License-Identifier: Apache-2.0
"""Processes held to one core, and what they cost: CPU seconds and memory with all below them, by /proc."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_USABLE = sorted(os.sched_getaffinity(0))
CANDIDATE_CORE = _USABLE[0]
LOAD_CORE = _USABLE[min(1, len(_USABLE) - 1)]  # the same one where there is no second
READY_S = 60
_TICK = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def on(core: int) -> Iterator[None]:
    """What is started in the block, with all its threads and children, stays on that core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Pinned:
    """One child process on one core, its words in a file; `stop()` ends it."""

    def __init__(
        self,
        command: Sequence[str],
        core: int,
        words: Path,
        *,
        environment: Mapping[str, str] | None = None,
        end: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._end = end
        self.words = words
        with on(core), words.open("wb") as file:
            self._process = subprocess.Popen(
                command,
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
                env=os.environ | dict(environment or {}),
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def await_port(self, port: int) -> None:
        """Wait until it accepts connections. Raises RuntimeError with its last words."""
        for _ in range(READY_S * 20):
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self.words.stem} did not start: {self.words.read_text()[-2000:]}")

    def stop(self) -> None:
        """End it in order, or after ten seconds by force."""
        if self._process.poll() is None:
            self._process.send_signal(self._end)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def tree(roots: Sequence[int]) -> list[int]:
    """Those processes and all below them that live now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = list(roots)
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(roots: Sequence[int]) -> float:
    """CPU time used so far, user and system, with that of children who ended."""
    ticks = 0
    for pid in tree(roots):
        if fields := _stat(pid):
            ticks += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime (proc_pid_stat(5))
    return ticks / _TICK


def memory_mb(roots: Sequence[int]) -> float:
    """Resident memory in MB (10^6 bytes), all processes summed."""
    total = 0
    for pid in tree(roots):
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except FileNotFoundError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return total * 1024 / 1e6


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, [] when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
