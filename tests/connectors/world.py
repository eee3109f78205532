# SPDX-License-Identifier: Apache-2.0
"""A small world for connector tests: one system per engine, holding plans of one citizen, and how to load it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from connectors.base import Envelope, Read
from connectors.gather import gather
from connectors.registry import Registry, load

SYSTEM = "urn:uk:charity:9999901:crm:client"
ASKED = "7340021559"  # stands for the citizen; no log line or error may ever hold it
OTHER = "7340021567"
SECRET_KEY = "key-51b0c7e2"
SURNAME = "Canaryworth"

PLAN = "support.plan"
PERSON = "identity.demographics"
VOCABULARY = {
    PLAN: frozenset({"title", "goal", "status", "reviewed", "key_worker"}),
    PERSON: frozenset({"given_name", "family_name", "birth_date", "postcode"}),
}
FIELDS = {
    PLAN: ("title", "goal", "status", "reviewed"),
    PERSON: ("given_name", "family_name", "birth_date", "postcode"),
}

_MANIFEST: dict[str, Any] = {
    "id": "uk/charity/9999901/crm",
    "version": "1.0.0",
    "title": "A system under test",
    "owner": "uk/charity/9999901",
    "controller": "uk/charity/9999901",
    "sector": "third-sector",
    "status": "live",
    "categories": [{"id": PLAN, "sensitivity": "special"}, {"id": PERSON, "sensitivity": "standard"}],
    "identifiers": {"accepts": [SYSTEM]},
    "freshness": {"mode": "live"},
    "limits": {"timeout_ms": 5000, "concurrency": 4, "max_bytes": 65536, "max_records": 20, "max_pages": 4},
    "breaker": {"fail": 1000},
    "secrets": ["crm_base_url", "crm_key"],
    "connect": {"base_url": "crm_base_url", "auth": {"kind": "header", "header": "X-Api-Key", "secret": "crm_key"}},
    "mapping": "crm.yaml",
}

REST_MAPPING: dict[str, Any] = {
    "id": "crm",
    "version": 3,
    "engine": "rest-json",
    "code_maps": {"status": {"A": "active", "C": "closed"}},
    "categories": {
        PLAN: {
            "record": "support-plan",
            "select": {
                "request": {"method": "POST", "path": "/plans/search", "json": {"client": "{identifier}"}},
                "items": "plans",
            },
            "echo": "client.number",
            "source_record": "id",
            "version": "rev",
            "last_updated": "changed",
            "fields": [
                {"to": "title", "from": "name", "via": ["trim"], "required": True},
                {"to": "goal", "from": "goal"},
                {"to": "status", "from": "state", "code_map": "status"},
                {"to": "reviewed", "from": "reviewed", "via": ["uk-date"]},
            ],
        },
        PERSON: {
            "record": "person",
            "select": {"request": {"path": "/people/{identifier}"}},
            "echo": "number",
            "fields": [
                {"to": "given_name", "from": "first"},
                {"to": "family_name", "from": "last", "required": True},
                {"to": "birth_date", "from": "born", "via": ["uk-date"]},
                {"to": "postcode", "from": "home.postcode", "via": ["postcode"]},
            ],
        },
    },
}

FHIR_MAPPING: dict[str, Any] = {
    "id": "record",
    "version": 1,
    "engine": "fhir-rest",
    "categories": {
        PLAN: {
            "record": "support-plan",
            "select": {
                "resource": "CarePlan",
                "search": {"patient:identifier": "{system}|{identifier}", "date": "ge{since}"},
            },
            "echo": "subject.identifier.value",
            "source_record": "id",
            "version": "meta.versionId",
            "last_updated": "meta.lastUpdated",
            "where": [{"from": "status", "not_in": ["entered-in-error"]}],
            "fields": [
                {"to": "title", "from": "title", "required": True},
                {"to": "goal", "from": "description"},
                {"to": "status", "from": "status"},
                {"to": "reviewed", "from": "period.start", "via": ["iso-date"]},
            ],
        },
        PERSON: {
            "record": "person",
            "select": {"resource": "Patient", "read": "Patient/{identifier}"},
            "echo": f"identifier[?system=='{SYSTEM}'] | [0].value",
            "version": "meta.versionId",
            "superseded": {"asked_in": "link[?type=='replaces'].other.identifier.value", "replaced_by": "id"},
            "restricted": {"when": [{"from": "meta.security[].code", "contains": "R"}], "drop": ["postcode"]},
            "fields": [
                {"to": "given_name", "from": "name[0].given", "join": " "},
                {"to": "family_name", "from": "name[0].family", "required": True},
                {"to": "birth_date", "from": "birthDate", "via": ["iso-date"]},
                {"to": "postcode", "from": "address[0].postalCode", "via": ["postcode"]},
            ],
        },
    },
}

_VIEWS = {
    "RPT_PLAN": ["REF", "WHOSE", "TTL", "GOAL", "ST_CD", "REV_DT", "CHG_TS", "MADE_DT", "SECRET_NOTE"],
    "RPT_PERSON": ["REF", "WHOSE", "FOR_NM", "SUR_NM", "DOB", "PCODE"],
}
SQL_MAPPING: dict[str, Any] = {
    "id": "core",
    "version": 2,
    "engine": "sql-view",
    "code_maps": {"status": {"A": "active", "C": "closed"}},
    "categories": {
        PLAN: {
            "record": "support-plan",
            "select": {"view": "RPT_PLAN", "key": "REF", "order_by": ["TTL"], "since": "REV_DT"},
            "echo": "WHOSE",
            "last_updated": "CHG_TS",
            "as_of": "MADE_DT",
            "fields": [
                {"to": "title", "from": "TTL", "via": ["trim"], "required": True},
                {"to": "goal", "from": "GOAL"},
                {"to": "status", "from": "ST_CD", "via": ["trim"], "code_map": "status"},
                {"to": "reviewed", "from": "REV_DT", "via": ["iso-date"]},
            ],
        },
        PERSON: {
            "record": "person",
            "select": {"view": "RPT_PERSON", "key": "REF"},
            "echo": "WHOSE",
            "fields": [
                {"to": "given_name", "from": "FOR_NM", "via": ["title"]},
                {"to": "family_name", "from": "SUR_NM", "via": ["title"], "required": True},
                {"to": "birth_date", "from": "DOB", "via": ["compact-date"]},
                {"to": "postcode", "from": "PCODE", "via": ["postcode"]},
            ],
        },
    },
}


def manifest(engine: str, **over: Any) -> dict[str, Any]:
    """A manifest of this engine; objects in `over` are merged, other values replace."""
    made = deepcopy(_MANIFEST) | {"engine": {"name": engine}}
    if engine == "sql-view":
        made |= {"secrets": ["core_url"], "connect": {"database_url": "core_url", "views": deepcopy(_VIEWS)}}
    for key, value in over.items():
        made[key] = made[key] | value if isinstance(value, dict) and isinstance(made.get(key), dict) else value
    return made


def registry(
    folder: Path, made: Mapping[str, Any], mapping: Mapping[str, Any], secrets: Mapping[str, str]
) -> Registry:
    """Writes one manifest and its mapping, and loads them."""
    for name, content in (("manifests", made), ("mappings", mapping)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "crm.yaml").write_text(yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True))
    return load(folder / "manifests", folder / "mappings", VOCABULARY, secrets)


def web(folder: Path, engine: str, url: str, mapping: Mapping[str, Any] | None = None, **over: Any) -> Registry:
    """A registry with one HTTP source at `url`."""
    mapping = mapping or (REST_MAPPING if engine == "rest-json" else FHIR_MAPPING)
    return registry(folder, manifest(engine, **over), mapping, {"crm_base_url": url, "crm_key": SECRET_KEY})


async def ask(
    source: Registry,
    *categories: str,
    identifier: str = ASKED,
    deadline_s: float = 5.0,
    fields: Mapping[str, tuple[str, ...]] = FIELDS,
    since: str = "",
    max_age_s: int = 0,
) -> list[Envelope]:
    """Asks the one source, under a guard that fails the test when it does not come back."""
    deadline = asyncio.get_running_loop().time() + deadline_s
    read = Read(
        source="uk/charity/9999901/crm",
        identifier_system=SYSTEM,
        identifier=identifier,
        wants={category: fields[category] for category in categories or (PLAN,)},
        since=dict.fromkeys(categories or (PLAN,), since),
        deadline=deadline,
        max_age_s=max_age_s,
        request_id="0190f2d8-7f3e-7cc0-8000-51b0c7e25a11",
    )
    async with asyncio.timeout(20):
        return await gather(source, [read], deadline)
