# SPDX-License-Identifier: Apache-2.0
"""The candidates: how each is started, what is sent to it, and which duties it leaves out."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc.jwk import ECKey
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from connectors.sandbox.stories import CHARITY_REF, COUNCIL_REF, GP, NHS_NUMBER
from gateway.identity.client import ask_token
from gateway.identity.tokens import issue
from gateway.model import User
from gateway.policy import bundle, vocabulary
from tests.bench import envoy, naive_tables, programs, questions
from tests.bench.candidate import Candidate, Fleet, without
from tests.bench.pinned import Pinned, free_port
from tests.bench.questions import ONE, THREE, Sent
from tests.bench.town import AGREEMENT, CONSENTED, PURPOSE, Town

CLIENT = "xzz01-discharge"
ORGANISATION = "uk/nhs/XZZ01"
USER = User("u-1", "discharge-coordinator", assured=True)
ISSUER = "https://issuer.example"  # of the tokens of candidates that have no token endpoint
POLICY = Path(__file__).with_name("policy.rego")
CONSENT_S = 180 * 86400
SLOW_MS = 20
SLOW_RATE = 20.0
_KEY = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)


def echo(fleet: Fleet) -> Candidate:
    """The least a Python server can do: the ceiling of everything here that is one."""
    port = free_port()
    run = fleet.start("echo", [sys.executable, "-m", "tests.bench.echo", str(port)], port)
    requests = questions.echoes(fleet.town)
    title = "Bare ASGI echo of the query (uvicorn, uvloop, httptools)"
    return Candidate("echo", title, without(), port, lambda: requests, (run.pid,))


def direct(fleet: Fleet) -> Candidate:
    """The source itself. It runs on the core of the load: what the two can do together at most."""
    requests = questions.source_reads(fleet.town)
    pids = (fleet.running["upstream"].pid,)
    return Candidate("direct", "The source read directly", without("fetch"), fleet.upstream, lambda: requests, pids)


def plain_envoy(fleet: Fleet) -> Candidate:
    """A plain proxy before the source."""
    port, file = free_port(), fleet.folder / "envoy.json"
    envoy.write(file, port=port, upstream=fleet.upstream)
    run = _envoy(fleet, "envoy", file, port)
    requests = questions.source_reads(fleet.town)
    return Candidate("envoy", "Envoy, plain proxy", without("fetch"), port, lambda: requests, (run.pid,))


def envoy_opa(fleet: Fleet) -> Candidate:
    """The same; Envoy verifies the token (and remembers it), OPA judges every request over ext_authz."""
    opa_port, port = free_port(), free_port()
    until = int(time.time()) + CONSENT_S
    people = {one.nhs_number: dict.fromkeys(CONSENTED, until) for one in fleet.town.residents}
    data = fleet.folder / "envoy-opa-data.json"
    data.write_text(json.dumps(_judged_by() | {"people": people}))
    plugin = "plugins.envoy_ext_authz_grpc"
    opa = fleet.start(
        "opa-envoy-plugin",
        [programs.opa_envoy_plugin(), "run", "--server", "--addr", f"127.0.0.1:{free_port()}",
         "--set", f"{plugin}.addr=127.0.0.1:{opa_port}", "--set", f"{plugin}.path=bench/access/allow",
         "--log-level", "error", "--disable-telemetry", str(POLICY), str(data)],
        opa_port,
    )  # fmt: skip
    file = fleet.folder / "envoy-opa.json"
    filters = (envoy.token_check({"keys": [_KEY.as_dict(private=False)]}, ISSUER), envoy.ext_authz())
    envoy.write(file, port=port, upstream=fleet.upstream, filters=filters, opa=opa_port)
    run = _envoy(fleet, "envoy-opa", file, port)

    def requests() -> list[Sent]:
        headers = {
            envoy.TOKEN_HEADER: _token(), "x-agreement": AGREEMENT, "x-purpose": PURPOSE,
            "x-source": GP, "x-category": ONE[0],
        }  # fmt: skip
        return questions.source_reads(fleet.town, **headers)

    title = f"Envoy with ext_authz to OPA (opa-envoy-plugin {programs.PLUGIN})"
    done = ("fetch", "token", "policy", "consent")
    return Candidate("envoy-opa", title, without(*done), port, requests, (run.pid, opa.pid))


def naive(fleet: Fleet) -> Candidate:
    """The version anyone would write."""
    opa_port, port = free_port(), free_port()
    data = fleet.folder / "naive-data.json"
    data.write_text(json.dumps(_judged_by()))
    opa = fleet.start(
        "naive-opa",
        [programs.opa(), "run", "--server", "--addr", f"127.0.0.1:{opa_port}", "--log-level", "error",
         "--disable-telemetry", str(POLICY), str(data)],
        opa_port,
    )  # fmt: skip
    database = fleet.folder / "naive.db"
    _fill(fleet.town, f"sqlite:///{database}")
    config = {
        "database_url": f"sqlite:///{database}",
        "public_key": _KEY.as_dict(private=False),
        "issuer": ISSUER,
        "opa_port": opa_port,
        "gp_url": fleet.town.twins.addresses["nhs"],
        "gp_token": fleet.town.bearer,
    }
    file = fleet.folder / "naive.json"
    file.write_text(json.dumps(config))
    command = [sys.executable, "-m", "tests.bench.naive", str(port)]
    run = fleet.start("naive", command, port, environment={"NAIVE_CONFIG": str(file)})

    def entries() -> int:
        with sqlite3.connect(database) as connection:
            return int(connection.execute("SELECT count(*) FROM audit").fetchone()[0])

    return Candidate(
        name="naive",
        title="FastAPI, pydantic, httpx, OPA server, SQLAlchemy",
        skips=without(
            "fetch", "token", "policy", "consent", "identity links", "field filter", "mapping", "durable log"
        ),
        port=port,
        requests=lambda: questions.queries(fleet.town, _token(), ONE),
        pids=(run.pid, opa.pid),
        entries=entries,
        per_answer=1,
    )


def ours(fleet: Fleet) -> Candidate:
    """The gateway, one source asked."""
    return _ours(fleet, "ours-1", "This gateway, one source", ONE)


def ours_three(fleet: Fleet) -> Candidate:
    """The gateway, three sources asked: two over HTTP, one in PostgreSQL."""
    return _ours(fleet, "ours-3", "This gateway, three sources", THREE)


def ours_slow(fleet: Fleet) -> Candidate:
    """The same with sources that take their time, and little to do."""
    title = f"This gateway, three sources of {SLOW_MS} ms, {SLOW_RATE:.0f} queries a second"
    return _ours(fleet, "ours-3-slow", title, THREE, rate=SLOW_RATE)


MAKERS: dict[str, Callable[[Fleet], Candidate]] = {
    "echo": echo,
    "direct": direct,
    "envoy": plain_envoy,
    "envoy-opa": envoy_opa,
    "naive": naive,
    "ours-1": ours,
    "ours-3": ours_three,
    "ours-3-slow": ours_slow,
}


def _ours(fleet: Fleet, name: str, title: str, categories: tuple[str, ...], rate: float = 0.0) -> Candidate:
    settings = fleet.town.settings
    url = settings.public_url
    port = urlsplit(url).port or 0
    run = fleet.gateway(port)
    jwk = (settings.data_dir / "clients" / f"{CLIENT}.jwk").read_text()

    def requests() -> list[Sent]:
        token = asyncio.run(ask_token(url, CLIENT, jwk, user=USER.id, role=USER.role))
        return questions.queries(fleet.town, token, categories)

    def entries() -> int:
        return int(httpx.get(f"{url}/health/ready").json()["log_size"])

    return Candidate(name, title, (), port, requests, (run.pid,), entries, 2, rate)


def _envoy(fleet: Fleet, name: str, file: Path, port: int) -> Pinned:
    alone = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return fleet.start(name, [programs.envoy(), "-c", str(file), *alone], port)


def _token() -> str:
    return issue(
        _KEY, issuer=ISSUER, system=CLIENT, organisation=ORGANISATION, user=USER, now=int(time.time()), life=300
    )


def _judged_by() -> dict[str, Any]:
    """The data of `policy.rego`: agreements and roles as the commons compiles them, and who may ask."""
    known = bundle.documents(vocabulary.load())
    agreements = {
        id: agreement | {"terms": {
            source: {category: agreement["kinds"][kind] for category, kind in terms.items()}
            for source, terms in agreement["terms"].items()
        }}
        for id, agreement in known["agreements"].items()
    }  # fmt: skip
    return {
        "agreements": agreements,
        "roles": known["roles"],
        "systems": {CLIENT: {"active": True, "organisation": ORGANISATION}},
        "organisations": {ORGANISATION: {"active": True}},
    }


def _fill(town: Town, database_url: str) -> None:
    """The naive version's database: the same citizens and consents as the gateway has."""
    engine = create_engine(database_url)
    naive_tables.Base.metadata.create_all(engine)
    until = int(time.time()) + CONSENT_S
    with Session(engine) as session:
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
