# SPDX-License-Identifier: Apache-2.0
"""Starts the three twins over one data folder, waits until they answer, and stops them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from connectors.sandbox.council.cluster import Cluster, write_secret

NAMES = ("nhs", "council", "charity")
READY_SECONDS = 60
_ROOT = Path(__file__).parents[2]
"""Where `connectors` is imported from, so that the children find the same one."""


class LaunchError(Exception):
    """A twin did not start. The text says which."""


class Twins:
    """The running twins of one data folder; use as a context manager, or call `stop`.

        with launch(data_dir) as twins:
            twins.write_secrets(secrets_folder)

    `secrets` maps the names that the shipped manifests use to their values: addresses, keys, a database URL.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._cluster = Cluster(data_dir / "council")
        self.addresses: dict[str, str] = {}

    @property
    def secrets(self) -> dict[str, str]:
        """Name of secret → content."""
        return {
            "nhs_gp_base_url": self.addresses["nhs"],
            "nhs_gp_token": (self._data_dir / "nhs" / "api-key").read_text(),
            "charity_crm_base_url": self.addresses["charity"],
            "charity_crm_api_key": (self._data_dir / "charity" / "api-key").read_text(),
            "council_core_database_url": self._cluster.reader_url(),
        }

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each twin."""
        return {name: process.pid for name, process in self._processes.items()}

    @property
    def council(self) -> Cluster:
        """The council's database, for `connectors.sandbox.council.store.set_fault`."""
        return self._cluster

    def write_secrets(self, folder: Path) -> None:
        """Writes one file per secret, mode 0600, as the gateway reads them."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, value in self.secrets.items():
            write_secret(folder / name, value)

    def start(self, name: str, port: int = 0) -> None:
        """Starts one twin (again) and waits for it. Raises LaunchError."""
        process = subprocess.Popen(  # noqa: S603  # our own module with our own arguments
            [sys.executable, "-m", f"connectors.sandbox.{name}", "--data", str(self._data_dir / name),
             "--port", str(port), "--with-parent"],
            stdin=subprocess.PIPE,  # closes when we die, which ends the twin
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us; we then stop the twins in order
            cwd=_ROOT,
        )  # fmt: skip
        self._processes[name] = process
        self.addresses[name] = self._await_ready(name, process)
        if name == "council":
            self._cluster.port = int(self.addresses[name].rsplit(":", 1)[1].split("/")[0])

    def _await_ready(self, name: str, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None  # noqa: S101  # we asked for a pipe
        giving_up = threading.Timer(READY_SECONDS, process.kill)
        giving_up.start()
        line = process.stdout.readline()
        giving_up.cancel()
        if not line.startswith("ready "):
            self.stop(name)
            raise LaunchError(f"the {name} twin did not start; its own words are above")
        return line.split()[1]

    def stop(self, *names: str) -> None:
        """Stops those twins, all of them when none is named."""
        chosen = [name for name in names or tuple(self._processes) if name in self._processes]
        for name in chosen:
            self._processes[name].send_signal(signal.SIGTERM)
        for name in chosen:
            process = self._processes.pop(name)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()

    def __enter__(self) -> Twins:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()


def launch(data_dir: Path, ports: dict[str, int] | None = None) -> Twins:
    """Starts all three twins over a populated folder, at the same time. `ports` fixes some; the rest are free
    ones. Raises LaunchError, and then leaves none running."""
    twins = Twins(data_dir)
    errors: list[LaunchError] = []

    def start(name: str) -> None:
        try:
            twins.start(name, (ports or {}).get(name, 0))
        except LaunchError as error:
            errors.append(error)

    threads = [threading.Thread(target=start, args=(name,)) for name in NAMES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        twins.stop()
        raise errors[0]
    return twins
