# SPDX-License-Identifier: Apache-2.0
"""The version anyone would write, and write well: FastAPI, pydantic, httpx, an OPA server asked through
opa-python-client, SQLAlchemy for identity links and consent, and one durable audit row for each request.

Everything is pooled, asynchronous and reused where its library can be; nothing is slowed down. What it leaves out
is named in `candidates.py`. It asks the same source with the same request, has a policy of the same checks judge
it, and answers in the shape of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import importlib.util
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from opa_client import AsyncOpaClient
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import create_engine, event, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from tests.bench.naive_tables import Audit, Consent, Link

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
GP = "uk/nhs/XZG01/gp-record"
MEDICATIONS = "health.medications"


class Strict(BaseModel):
    """Members that are not known are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Identifier(Strict):
    """An identifier of the citizen."""

    system: str = Field(max_length=120)
    value: str = Field(max_length=64)


class Subject(Strict):
    """The citizen asked about."""

    identifier: Identifier


class LegalBasis(Strict):
    """Under which agreement."""

    agreement: str = Field(max_length=80)


class Case(Strict):
    """Why."""

    reason: str = Field(min_length=8, max_length=300)
    reference: str = ""


class Category(Strict):
    """What is asked for."""

    code: str = Field(max_length=80)
    need: str = "required"
    fields: list[str] = []


class Query(Strict):
    """The request."""

    subject: Subject
    purpose: str = Field(max_length=80)
    legal_basis: LegalBasis
    case: Case
    categories: list[Category] = Field(min_length=1, max_length=30)
    deadline_ms: int = Field(2000, ge=50, le=30000)


class Item(BaseModel):
    """One record of the answer."""

    id: str
    category: str
    source: str
    data: dict[str, Any]
    retrieved_at: datetime.datetime


class Answer(BaseModel):
    """The answer."""

    id: str
    status: str
    items: list[Item]


if importlib.util.find_spec("sniffio") is None:
    # httpcore (1.0) looks for it several times in each request; where it is not installed, searching the disk for
    # it costs more than all else. This answers at once, and spares the naive version what is no fault of its own.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

CONFIG: dict[str, Any] = json.loads(Path(os.environ["NAIVE_CONFIG"]).read_text())
KEY = ECKey.import_key(CONFIG["public_key"])
engine = create_engine(CONFIG["database_url"], pool_size=20)


@event.listens_for(engine, "connect")
def _durable(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA busy_timeout=5000")


class Clients:
    """What lives as long as the server. SQLite takes one writer at a time: who waits in line here is spared the
    growing pauses of its busy handler."""

    writing = asyncio.Lock()
    http: httpx.AsyncClient
    opa: AsyncOpaClient


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open the pools and close them."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with (
        httpx.AsyncClient(limits=limits, timeout=10) as Clients.http,
        AsyncOpaClient(host="127.0.0.1", port=CONFIG["opa_port"]) as Clients.opa,
    ):
        yield


app = FastAPI(lifespan=lifespan)


async def identify(authorization: Annotated[str, Header()]) -> dict[str, Any]:
    """The claims of a good token."""
    try:
        claims: dict[str, Any] = jwt.decode(authorization.removeprefix("Bearer "), KEY, algorithms=["ES256"]).claims
        registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": CONFIG["issuer"]},
            aud={"essential": True, "value": CONFIG["issuer"]},
            exp={"essential": True},
        )
        registry.validate(claims)
    except (JoseError, ValueError) as error:
        raise HTTPException(401) from error
    return claims


def _stand(subject: Identifier, organisation: str, purpose: str) -> tuple[str, dict[str, str], dict[str, int]]:
    """The person, their identifiers, and category → end of consent."""
    with Session(engine) as session:
        person = session.scalar(
            select(Link.person).where(Link.system == subject.system, Link.value == subject.value)
        )
        if person is None:
            return "", {}, {}
        links = session.scalars(select(Link).where(Link.person == person)).all()
        consents = session.scalars(
            select(Consent).where(
                Consent.person == person, Consent.organisation == organisation, Consent.purpose == purpose
            )
        ).all()
        return person, {link.system: link.value for link in links}, {c.category: c.expires_at for c in consents}


async def medications(nhs_number: str) -> list[dict[str, Any]]:
    """The GP record's medications in our words."""
    reply = await Clients.http.post(
        f"{CONFIG['gp_url']}/MedicationRequest/_search",
        content=urlencode({"patient:identifier": f"{NHS_NUMBER}|{nhs_number}"}),
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/fhir+json",
            "Authorization": f"Bearer {CONFIG['gp_token']}",
            "X-Request-ID": str(uuid.uuid4()),
        },
    )
    reply.raise_for_status()
    found = []
    for entry in reply.json().get("entry", []):
        held = entry["resource"]
        if held["subject"]["identifier"]["value"] != nhs_number:
            raise HTTPException(502)
        concept = held["medicationCodeableConcept"]
        dosage: dict[str, Any] = next(iter(held.get("dosageInstruction", [])), {})
        dose: dict[str, Any] = next(iter(dosage.get("doseAndRate", [])), {})
        found.append(
            {
                "name": concept["text"],
                "dose": dose.get("doseQuantity", {}).get("unit"),
                "frequency": dosage.get("timing", {}).get("code", {}).get("text") or dosage.get("text"),
                "status": held["status"],
                "started": held.get("authoredOn"),
                "prescriber": held.get("requester", {}).get("display"),
                "code": concept["coding"][0]["code"],
            }
        )
    return found


def _record(claims: dict[str, Any], person: str, purpose: str, decision: str, body: str, id: str) -> None:
    with Session(engine) as session:
        session.add(
            Audit(
                id=id,
                at=datetime.datetime.now(datetime.UTC),
                system=claims["client_id"],
                organisation=claims["organisation"],
                user=claims.get("user", {}).get("id", ""),
                person=person,
                purpose=purpose,
                decision=decision,
                body_digest=hashlib.sha256(body.encode()).hexdigest(),
            )
        )
        session.commit()


@app.post("/v1/record-queries")
async def ask(query: Query, claims: Annotated[dict[str, Any], Depends(identify)]) -> Answer:
    """Answer one query."""
    subject = query.subject.identifier
    person, identifiers, consents = await run_in_threadpool(_stand, subject, claims["organisation"], query.purpose)
    asked = {
        "claims": claims,
        "agreement": query.legal_basis.agreement,
        "purpose": query.purpose,
        "source": GP,
        "categories": [category.code for category in query.categories],
        "known": person != "",
        "consent": consents,
    }
    judged = await Clients.opa.query_rule(asked, package_path="bench.access", rule_name="decision")
    decision = judged["result"]
    if not decision["allow"] or decision["fields"].keys() != {MEDICATIONS}:
        raise HTTPException(403)
    records = await medications(identifiers[NHS_NUMBER])
    now = datetime.datetime.now(datetime.UTC)
    permitted = decision["fields"][MEDICATIONS]
    items = [
        Item(
            id=f"it_{n}",
            category=MEDICATIONS,
            source=GP,
            data={name: record[name] for name in permitted if record.get(name) is not None},
            retrieved_at=now,
        )
        for n, record in enumerate(records, 1)
    ]
    answer = Answer(id=str(uuid.uuid4()), status="complete", items=items)
    body = answer.model_dump_json()
    async with Clients.writing:
        await run_in_threadpool(_record, claims, person, query.purpose, json.dumps(decision), body, answer.id)
    return answer


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
