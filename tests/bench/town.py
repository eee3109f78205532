# SPDX-License-Identifier: Apache-2.0
"""The ground of a benchmark: a synthetic town, a gateway's folder, and what its sources said, recorded.

The HTTP sources are recorded from the real twins once and then served by `upstream`; the council stays the real
PostgreSQL. Only citizens about whom all three sources have something are asked about, and each of them has
consented that the charity's support plan is shared, so that every answer is a whole one.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg

from connectors.sandbox.launch import Twins
from connectors.sandbox.populate import Progress, read_links
from connectors.sandbox.stories import CHARITY_REF, COUNCIL_REF, NHS_NUMBER
from connectors.sandbox.test_citizens import TEST_CITIZENS
from consent import ledger
from consent.model import Channel, Kind
from gateway import db, keyring, sandbox
from gateway.consents import recording
from gateway.identity.identifiers import normalise
from gateway.identity.linking import Linking, bulk_link
from gateway.identity.sealing import person_keys
from gateway.policy import vocabulary as law
from gateway.settings import Settings

AGREEMENT = "dsa-2026-014"
PURPOSE = "direct-care.discharge-planning"
CONSENTED = ("support.plan", "support.befriending")
TENANCY = 'SELECT * FROM "RPT"."RPT_TENANCY" WHERE "LKP_REF" = %s'


@dataclass(frozen=True, slots=True)
class Resident:
    """One citizen asked about: identifiers, and what must stand in a right answer."""

    nhs_number: str
    council_ref: str
    charity_ref: str
    medicine: str
    plan: str

    def __repr__(self) -> str:
        return "Resident(…)"


@dataclass(frozen=True, slots=True)
class Town:
    """What candidates are started over. `recording` is the file that `upstream` serves; `bearer` the GP record's
    credential."""

    settings: Settings
    twins: Twins
    residents: tuple[Resident, ...]
    recording: Path
    bearer: str


def prepare(folder: Path, *, port: int, people: int, residents: int, progress: Progress | None = None) -> Town:
    """Make it all anew in `folder` but for the town itself, which is kept; the council's twin runs when this
    returns. `residents` is the most that are asked about."""
    for made in folder.glob("*"):
        if made.name != "town":
            shutil.rmtree(made) if made.is_dir() else made.unlink()
    settings = sandbox.prepare(folder, port=port)
    sandbox.settle(settings, people=people, seed=1, progress=progress)
    twins = Twins(folder / "town")
    try:
        for name in ("nhs", "charity", "council"):
            twins.start(name)
        found, recorded = _record(twins, folder / "town", residents)
        _consent(settings, found)
    except BaseException:
        twins.stop()
        raise
    twins.stop("nhs", "charity")
    recording = folder / "recording.json"
    recording.write_text(json.dumps(recorded))
    return Town(settings, twins, found, recording, recorded["bearer"])


def search(nhs_number: str) -> str:
    """The form body of a FHIR search by NHS number."""
    return urlencode({"patient:identifier": f"{NHS_NUMBER}|{nhs_number}"})


def council_url(twins: Twins) -> str:
    """The council's database as its driver names it."""
    return twins.secrets["council_core_database_url"].replace("postgresql+psycopg://", "postgresql://")


def _record(twins: Twins, town: Path, wanted: int) -> tuple[tuple[Resident, ...], dict[str, Any]]:
    """Ask each source about ordinary citizens until enough are found that all three know something of."""
    secrets = twins.secrets
    medications: dict[str, str] = {}
    plans: dict[str, str] = {}
    found: list[Resident] = []
    with httpx.Client(timeout=10) as http, psycopg.connect(council_url(twins)) as council:
        for nhs, council_ref, charity in _known_to_all(town):
            if council.execute(TENANCY, [council_ref]).fetchone() is None:
                continue
            record, plan = _medications(http, secrets, nhs), _plans(http, secrets, charity)
            medicine, title = _first_medicine(record), _first_plan(plan)
            if medicine and title:
                medications[nhs], plans[charity] = record.text, plan.text
                found.append(Resident(nhs, council_ref, charity, medicine, title))
            if len(found) == wanted:
                break
    recorded = {
        "bearer": secrets["nhs_gp_token"],
        "api_key": secrets["charity_crm_api_key"],
        "medications": medications,
        "plans": plans,
    }
    return tuple(found), recorded


def _medications(http: httpx.Client, secrets: dict[str, str], nhs_number: str) -> httpx.Response:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": f"Bearer {secrets['nhs_gp_token']}",
        "X-Request-ID": str(uuid.uuid4()),
    }
    url = f"{secrets['nhs_gp_base_url']}/MedicationRequest/_search"
    return http.post(url, content=search(nhs_number), headers=headers)


def _plans(http: httpx.Client, secrets: dict[str, str], client_number: str) -> httpx.Response:
    headers = {"X-Api-Key": secrets["charity_crm_api_key"]}
    url = f"{secrets['charity_crm_base_url']}/plans/search"
    return http.post(url, content=json.dumps({"client_no": client_number}), headers=headers)


def _known_to_all(town: Path) -> Iterator[tuple[str, str, str]]:
    for link in itertools.islice(read_links(town), len(TEST_CITIZENS), None):
        held = link.identifiers
        if held.keys() >= {NHS_NUMBER, COUNCIL_REF, CHARITY_REF}:
            yield held[NHS_NUMBER], held[COUNCIL_REF], held[CHARITY_REF]


def _first_medicine(record: httpx.Response) -> str:
    if record.status_code == 200:
        for entry in record.json().get("entry", ()):
            resource = entry["resource"]
            if resource["status"] not in ("entered-in-error", "draft"):
                return str(resource["medicationCodeableConcept"]["text"])
    return ""


def _first_plan(plan: httpx.Response) -> str:
    held = plan.json().get("values") if plan.status_code == 200 else None
    return str(held[0]["subject"]) if held else ""


def _consent(settings: Settings, residents: tuple[Resident, ...]) -> None:
    vocabulary = law.load(settings.policies_dir)
    agreement = vocabulary.agreements[AGREEMENT]
    keys = person_keys(keyring.load(settings.keys))
    now = int(time.time())
    wanted = [Linking((normalise(NHS_NUMBER, one.nhs_number),)) for one in residents]
    engine = db.connect(settings.url)
    try:
        with db.write(engine) as connection:
            for person in bulk_link(connection, keys, wanted, now=now):
                decided = recording.event(
                    Kind.GIVEN, person, vocabulary, agreement, CONSENTED,
                    actor=person, channel=Channel.PAPER, now=now, lifetime_s=180 * recording.DAY_S,
                )  # fmt: skip
                ledger.record(connection, decided)
    finally:
        engine.dispose()
