# SPDX-License-Identifier: Apache-2.0
"""What is measured: how each candidate is started, what is sent to it, and which duties it does not do.

Every candidate runs on the one core, all its helpers (an OPA beside it) included; load and upstreams on the other.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from joserfc.jwk import ECKey
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from connectors.sandbox.stories import CHARITY_REF, COUNCIL_REF, NHS_NUMBER
from gateway.identity.client import ask_token
from gateway.identity.tokens import issue
from gateway.model import User
from gateway.policy import bundle, vocabulary
from tests.bench import envoy, naive_tables, programs, questions
from tests.bench.pinned import CANDIDATE_CORE, LOAD_CORE, Pinned, free_port
from tests.bench.questions import ONE, THREE, Sent
from tests.bench.town import CONSENTED, PURPOSE, Town

CLIENT = "xzz01-discharge"
ORGANISATION = "uk/nhs/XZZ01"
ROLE = "discharge-coordinator"
ROOT = Path(__file__).parents[2]

ALL_DUTIES = "none"
PROXY = "token, identity, consent, policy, minimisation, log"


@dataclass(slots=True)
class Candidate:
    """One running candidate. `entries()` counts its log entries, of which each answer must add `per_answer`."""

    name: str
    title: str
    duties_skipped: str
    port: int
    requests: Callable[[], list[Sent]]
    pids: tuple[int, ...]
    entries: Callable[[], int] | None = None
    per_answer: int = 0
    low_load: bool = False


@dataclass(slots=True)
class Fleet:
    """Starts candidates over one town, and ends what it started."""

    town: Town
    folder: Path
    upstream: int = 0
    profile: Path | None = None
    _running: list[Pinned] = field(default_factory=list)
    _gateway: Pinned | None = None

    def start_upstream(self) -> None:
        """The recorded HTTP sources, on the core of the load; the gateway's secrets then name them."""
        self.upstream = free_port()
        command = [
            programs.built("upstream"), "-recording", str(self.town.recording), "-port", str(self.upstream)
        ]  # fmt: skip
        self._start("upstream", command, self.upstream, core=LOAD_CORE)
        self.town.twins.addresses["nhs"] = f"http://127.0.0.1:{self.upstream}/FHIR/R4"
        self.town.twins.addresses["charity"] = f"http://127.0.0.1:{self.upstream}/api/v2"
        self.town.twins.write_secrets(self.town.settings.secrets)

    def stop(self) -> None:
        """End all, the last started first."""
        while self._running:
            self._running.pop().stop()

    # the candidates

    def echo(self) -> Candidate:
        """A bare ASGI echo."""
        port = free_port()
        run = self._start("echo", [sys.executable, "-m", "tests.bench.echo", str(port)], port)
        requests = questions.echoes(self.town)
        return Candidate(
            "echo", "bare ASGI echo of the query", f"fetch, {PROXY}", port, lambda: requests, (run.pid,)
        )

    def direct(self) -> Candidate:
        """The source itself."""
        requests = questions.source_reads(self.town)
        [run] = [run for run in self._running if run.words.stem == "upstream"]
        return Candidate("direct", "the source read directly", PROXY, self.upstream, lambda: requests, (run.pid,))

    def envoy(self) -> Candidate:
        """Envoy as a plain proxy."""
        port, file = free_port(), self.folder / "envoy.json"
        envoy.write(file, port=port, upstream=self.upstream)
        run = self._envoy("envoy", file, port)
        requests = questions.source_reads(self.town)
        return Candidate("envoy", "Envoy, plain proxy", PROXY, port, lambda: requests, (run.pid,))

    def naive(self) -> Candidate:
        """The version anyone would write."""
        opa_port = free_port()
        law = bundle.build(vocabulary.load())
        folder = self.folder / "rules"
        for name, text in law.modules.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        (folder / "data.json").write_text(law.data)
        opa = self._start(
            "naive-opa",
            [programs.opa(), "run", "--server", "--addr", f"127.0.0.1:{opa_port}", "--log-level", "error",
             "--disable-telemetry", str(folder)],
            opa_port,
        )  # fmt: skip
        key = ECKey.generate_key("P-256", private=True, auto_kid=True)
        config = {
            "database_url": f"sqlite:///{self.folder / 'naive.db'}",
            "public_key": key.as_dict(private=False),
            "issuer": "http://127.0.0.1/naive",
            "opa_port": opa_port,
            "gp_url": self.town.twins.addresses["nhs"],
            "gp_token": self.town.bearer,
            "sources": {"health.medications": "uk/nhs/XZG01/gp-record"},
        }
        _fill_naive(self.town, str(config["database_url"]))
        file = self.folder / "naive.json"
        file.write_text(json.dumps(config))
        port = free_port()
        run = self._start(
            "naive",
            [sys.executable, "-m", "tests.bench.naive", str(port)],
            port,
            environment={"NAIVE_CONFIG": str(file)},
        )

        def requests() -> list[Sent]:
            token = issue(
                key, issuer=str(config["issuer"]), system=CLIENT, organisation=ORGANISATION,
                user=User("u-1", ROLE, assured=True), now=int(time.time()), life=300,
            )  # fmt: skip
            return questions.queries(self.town, token, ONE)

        def entries() -> int:
            with sqlite3.connect(self.folder / "naive.db") as connection:
                return int(connection.execute("SELECT count(*) FROM audit").fetchone()[0])

        return Candidate(
            "naive",
            "FastAPI, pydantic, httpx, OPA server, SQLAlchemy",
            "witness before fetch, provable log, consent re-read at release, sealed identifiers and log, "
            "idempotency, provenance, completeness, deadlines",
            port,
            requests,
            (run.pid, opa.pid),
            entries,
            1,
        )

    def ours(self) -> Candidate:
        """The gateway, one source asked."""
        return self._ours("ours-1", "this gateway, one source", ONE)

    def ours_three(self) -> Candidate:
        """The gateway, three sources asked."""
        return self._ours("ours-3", "this gateway, three sources", THREE)

    def _ours(self, name: str, title: str, categories: tuple[str, ...]) -> Candidate:
        url = self.town.settings.public_url
        port = urlsplit(url).port or 0
        if self._gateway is None:
            profiled = ["-m", "cProfile", "-o", str(self.profile)] if self.profile else []
            command = [
                sys.executable, *profiled, "-m", "gateway.cli", "serve",
                "--data", str(self.town.settings.data_dir), "--port", str(port),
            ]  # fmt: skip
            # The profile is written when the interpreter is interrupted, not when it is terminated.
            end = signal.SIGINT if self.profile else signal.SIGTERM
            self._gateway = self._start("gateway", command, port, end=end)
        jwk = (self.town.settings.data_dir / "clients" / f"{CLIENT}.jwk").read_text()

        def requests() -> list[Sent]:
            token = asyncio.run(ask_token(url, CLIENT, jwk, user="u-1", role=ROLE))
            return questions.queries(self.town, token, categories)

        def entries() -> int:
            return int(httpx.get(f"{url}/health/ready").json()["log_size"])

        return Candidate(name, title, ALL_DUTIES, port, requests, (self._gateway.pid,), entries, 2)

    # starting

    def _envoy(self, name: str, file: Path, port: int) -> Pinned:
        alone = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        command = [programs.envoy(), "-c", str(file), *alone]
        return self._start(name, command, port)

    def _start(
        self,
        name: str,
        command: list[str],
        port: int,
        *,
        core: int = CANDIDATE_CORE,
        environment: dict[str, str] | None = None,
        end: signal.Signals = signal.SIGTERM,
    ) -> Pinned:
        run = Pinned(command, core, self.folder / f"{name}.txt", environment=environment, end=end)
        self._running.append(run)
        run.await_port(port)
        return run


def _fill_naive(town: Town, database_url: str) -> None:
    """The same citizens, agency and consents as the gateway has."""
    engine = create_engine(database_url)
    naive_tables.Base.metadata.create_all(engine)
    until = int(time.time()) + 180 * 86400
    with Session(engine) as session:
        session.add(naive_tables.Organisation(id=ORGANISATION, active=True))
        session.flush()
        session.add(naive_tables.System(id=CLIENT, organisation=ORGANISATION, active=True))
        for one in town.residents:
            person = str(uuid.uuid4())
            held = {NHS_NUMBER: one.nhs_number, COUNCIL_REF: one.council_ref, CHARITY_REF: one.charity_ref}
            session.add_all(naive_tables.Link(system=s, value=v, person=person) for s, v in held.items())
            session.add_all(
                naive_tables.Consent(
                    person=person, organisation=ORGANISATION, purpose=PURPOSE, category=category, expires_at=until
                )
                for category in CONSENTED
            )
        session.commit()
    engine.dispose()
