# SPDX-License-Identifier: Apache-2.0
"""Canaries: with every library at its most talkative, nothing personal and no secret is written or sent astray.

A second worker of the commons logs at DEBUG. It is asked about citizens whose sources answer, fail, lie and send
garbage, in requests good and bad, all of them full of values that stand nowhere else. Then everything that was
written is searched: its output, both databases with their write-ahead logs, the served log, errors and headers.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from joserfc.jwk import JWKRegistry

from connectors.sandbox.stories import Story
from gateway import keyring
from gateway.identity.assertions import make_assertion
from gateway.identity.metadata import GRANT
from gateway.model import User
from gateway.sandbox import story
from gateway.web.record_queries import ASK, PREVIEW
from tests.fixtures.commons import World, free_port, question
from tests.fixtures.starting import await_answer

OUTCOMES = (
    "all-returned",
    "consent-not-given",
    "consent-given",
    "source-down",
    "lying-source",
    "garbage-source",
    "throttled",
    "superseded",
    "ambiguous",
    "stale-extract",
    "silent-withheld",
    "conflicting-duplicates",
    "no-nhs-number",
    "hung-source",
)
USER, CASE, CORRELATION = "u-canary-Ptarmigan", "case-canary-Capercaillie", "correlation-canary-Dunnock"
KEY, TOKEN = "key-canary-Wheatear", "token-canary-Redpoll"
REASON = "Planning for somebody called Fieldfare after hospital"
WRONG_NAME = "Whimbrel-Lapwing"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Loud:
    """The talkative worker, and all that was said to it and by it."""

    world: World
    url: str
    output: Path
    secrets: dict[str, str] = field(default_factory=dict)
    answers: list[httpx.Response] = field(default_factory=list)
    others: list[httpx.Response] = field(default_factory=list)


@contextmanager
def talkative(world: World, folder: Path) -> Iterator[Loud]:
    port = free_port()
    output = folder / "output"
    command = [sys.executable, "-X", "dev", "-m", "tests.faults.loud", str(world.settings.data_dir), str(port)]
    with output.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | {"PYTHONASYNCIODEBUG": "1"})
    loud = Loud(world, f"http://127.0.0.1:{port}", output)
    try:
        await_answer(f"{loud.url}/health/ready", process, said=output)
        yield loud
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def loud(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loud]:
    """A worker to whom everything has been said, and who has ended, so that all it wrote is there."""
    with talkative(world, tmp_path_factory.mktemp("loud")) as worker:
        get_tokens(worker)
        ask_well(worker)
        ask_badly(worker)
        look_around(worker)
    return worker


def client_key(world: World, system: str) -> Any:
    return JWKRegistry.import_key(json.loads((world.settings.data_dir / "clients" / f"{system}.jwk").read_text()))


def get_tokens(loud: Loud) -> None:
    """Good and bad assertions at the token endpoint; the tokens of `loud.secrets` name our user."""
    for outcome in OUTCOMES:
        ask = story(outcome).ask
        if f"access token of {ask.system}" in loud.secrets:
            continue
        user = User(USER, ask.role, assured=True)
        key, us, now = client_key(loud.world, ask.system), loud.world.url, int(time.time())
        good = make_assertion(key, ask.system, us, now, user)
        stale = make_assertion(key, ask.system, us, now - 1000, user)
        elsewhere = make_assertion(key, ask.system, "https://x.example", now, user)
        for name, assertion in (("good", good), ("used", good), ("stale", stale), ("elsewhere", elsewhere)):
            form = {"grant_type": GRANT, "client_assertion_type": JWT_BEARER, "client_assertion": assertion}
            reply = httpx.post(f"{loud.url}/oauth2/token", data=form)
            assert reply.status_code == (200 if name == "good" else 401), (name, reply.text)
            loud.secrets[f"{name} assertion of {ask.system}"] = assertion
            if name == "good":
                loud.secrets[f"access token of {ask.system}"] = reply.json()["access_token"]
            else:
                loud.others.append(reply)


def sent_headers(loud: Loud, told: Story) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {loud.secrets[f'access token of {told.ask.system}']}",
        "Content-Type": "application/json",
        "X-Request-ID": str(uuid.uuid4()),
    }


def full(told: Story) -> dict[str, Any]:
    """The citizen's question with everything in it that could leak."""
    body = question(told) | {"deadline_ms": 400, "case": {"reason": REASON, "reference": CASE}}
    body["subject"]["verify"] = {"birth_date": told.citizen.birth_date, "family_name": told.citizen.family}
    return body


def ask_well(loud: Loud) -> None:
    """Every outcome, for answer and dry run, by each identifier of the citizen, and what the reply points to."""
    with httpx.Client(base_url=loud.url, timeout=20) as client:
        for outcome in OUTCOMES:
            told = story(outcome)
            for path in (ASK, PREVIEW):
                headers = sent_headers(loud, told) | {"Idempotency-Key": f"{KEY}-{uuid.uuid4()}"}
                headers["X-Correlation-ID"] = CORRELATION
                reply = client.post(path, content=json.dumps(full(told)), headers=headers)
                assert reply.status_code == 200, (outcome, reply.text)
                loud.answers.append(reply)
                mine = {"Authorization": headers["Authorization"]}
                for address in (f"/v1/decisions/{reply.json()['decision']}", reply.json()["receipt"]["href"]):
                    loud.others.append(client.get(address, headers=mine))
            for system, value in told.identifiers.items():
                body = full(told)
                body["subject"]["identifier"] = {"system": system, "value": value}
                body["subject"]["verify"]["family_name"] = WRONG_NAME
                loud.others.append(client.post(ASK, content=json.dumps(body), headers=sent_headers(loud, told)))


def ask_badly(loud: Loud) -> None:
    """Canaries where they do not belong: in the address, in every member, in headers, in what is no JSON."""
    told = story("all-returned")
    number, good = told.identifiers[told.subject], full(told)
    wrong: list[Any] = [
        json.dumps(good)[:-1],
        json.dumps(good).replace('"purpose"', f'"{number}"'),
        json.dumps(good | {"purpose": WRONG_NAME}),
        json.dumps(good | {"categories": [{"code": number}]}),
        json.dumps(good | {"subject": number}),
        json.dumps(good | {"subject": {"identifier": {"system": told.subject, "value": number[:-1] + "1"}}}),
        json.dumps(good | {"subject": {"identifier": {"system": f"urn:{number}", "value": number}}}),
        json.dumps(good | {"deadline_ms": number}),
        json.dumps(good | {"legal_basis": {"agreement": f"dsa-{number}"}}),
        json.dumps(good | {"sources": {"include": [f"uk/nhs/{number}"]}}),
        f"{number} {WRONG_NAME} \ud83d".encode("utf-8", "surrogatepass"),
        b"\xff" + number.encode(),
    ]
    with httpx.Client(base_url=loud.url, timeout=20) as client:
        for content in wrong:
            loud.others.append(client.post(ASK, content=content, headers=sent_headers(loud, told)))
        for path in (f"/v1/{quote(WRONG_NAME)}", f"/v1/decisions/dec_{number}", f"/log/tile/{number}"):
            loud.others.append(client.get(path, headers=sent_headers(loud, told)))
        loud.others.append(client.get(f"/v1/catalogue/agreements?callable={number}"))
        for headers in (
            {"Authorization": f"Bearer {TOKEN}"},
            {"Authorization": f"Bearer {TOKEN}.{number}.x"},
            {"Authorization": f"Basic {base64.b64encode(number.encode()).decode()}"},
            {"X-Request-ID": number},
            {"Content-Type": WRONG_NAME},
        ):
            sent = sent_headers(loud, told) | headers
            loud.others.append(client.post(ASK, content=json.dumps(good), headers=sent))
        for form in ({"grant_type": number}, {"client_assertion": TOKEN}, {WRONG_NAME: number}):
            loud.others.append(client.post("/oauth2/token", data=form))
        loud.others.append(client.post(f"/oauth2/token?{number}={WRONG_NAME}", content=number))
    assert {reply.status_code for reply in loud.others} >= {200, 400, 401, 404, 415, 422}


def look_around(loud: Loud) -> None:
    """Everything that is served without or with a monitor's token, after all that."""
    with httpx.Client(base_url=loud.url) as client:
        for path in ("/health/ready", "/log/checkpoint", "/v1/catalogue/sources", "/.well-known/jwks.json"):
            loud.others.append(client.get(path))
        size = int(client.get("/log/checkpoint").text.split("\n")[1])
        monitor = {"Authorization": f"Bearer {loud.world.settings.log_monitor_token}"}
        for n in range((size + 255) // 256):
            width = min(256, size - n * 256)
            for kind in ("entries", "0"):
                name = f"/log/tile/{kind}/{n:03d}" + ("" if width == 256 else f".p/{width}")
                reply = client.get(name, headers=monitor)
                assert reply.status_code == 200
                loud.others.append(reply)


def identifying(told: Story) -> dict[str, str]:
    """What names a citizen or could find them."""
    citizen = told.citizen
    return {f"{told.outcome}: identifier {n}": value for n, value in enumerate(told.identifiers.values())} | {
        f"{told.outcome}: telephone": citizen.telephone,
        f"{told.outcome}: family name": citizen.family,
    }


def personal() -> dict[str, str]:
    """Name of a canary → what must not be found. Names of people stand for all else of their records."""
    found = {
        "user": USER,
        "case": CASE,
        "reason": "Fieldfare",
        "wrong name": WRONG_NAME,
        "key": KEY,
        "correlation": CORRELATION,
        "made-up token": TOKEN,
        "street": "Demonstration Way",
        "key worker": story("all-returned").citizen.holdings.plans[0].key_worker,
        "medicine": story("all-returned").citizen.holdings.medications[0].name,
        "visit's notes": story("all-returned").citizen.holdings.visits[0].notes,
    }
    for outcome in OUTCOMES:
        found |= identifying(story(outcome))
    return {name: value for name, value in found.items() if value}


def kept_secrets(loud: Loud) -> dict[str, str]:
    """Name of a secret → what must not be found: credentials whole and by their signature, keys, passwords."""
    world, found = loud.world, dict(loud.secrets)
    found |= {f"signature of {name}": value.rsplit(".", 1)[1] for name, value in loud.secrets.items()}
    found |= {
        f"connector secret {name}": value for name, value in world.twins.secrets.items() if "base" not in name
    }
    url = world.twins.secrets["council_core_database_url"]
    found["database password"] = re.findall(r":([^:@/]+)@", url)[0]
    for system in ("xzz01-discharge", "e06999901-adult-social-care", "9999901-casework"):
        found[f"private key of {system}"] = client_key(world, system).as_dict(private=True)["d"]
    found["token key"] = keyring.load(world.settings.keys).token[0].as_dict(private=True)["d"]
    for file in world.settings.keys.glob("*.key"):
        found[f"key file {file.name}"] = file.read_text().strip()
    found["monitor's token"] = world.settings.log_monitor_token or ""
    return found


def forms(value: str) -> list[bytes]:
    """A value as it stands, as base64 at each of three offsets, as hexadecimal, in an address and as UTF-16."""
    raw = value.encode()
    shown = [raw, raw.hex().encode(), quote(value).encode(), value.encode("utf-16-le"), value.lower().encode()]
    if len(raw) >= 9:
        for pad in range(3):
            whole = base64.b64encode(b"\0" * pad + raw)
            shown.append(whole[4 if pad else 0 : len(whole) - 4])
    if value.isdigit() and len(value) == 10:
        shown.append(f"{value[:3]} {value[3:6]} {value[6:]}".encode())
    return [form for form in shown if len(form) >= 6] or [raw]


def found_in(text: bytes, canaries: dict[str, str]) -> list[str]:
    """The names of the canaries that are in a text. Short numbers count only if they stand alone."""
    hits = []
    for name, value in canaries.items():
        for form in forms(value):
            if form in text and (not form.isdigit() or re.search(rb"(?<!\d)" + form + rb"(?!\d)", text)):
                hits.append(name)
                break
    return hits


def test_the_search_finds_what_is_there(loud: Loud) -> None:
    everything = personal() | kept_secrets(loud)
    assert len(everything) > 60
    for name, value in everything.items():
        for form in forms(value):
            assert name in found_in(b"before " + form + b" after", everything)
    assert found_in(b"nothing", everything) == []


def test_the_worker_did_talk(loud: Loud) -> None:
    said = loud.output.read_text()
    for library in ("uvicorn", "sqlalchemy", "psycopg", "authlib"):
        assert f"DEBUG {library}" in said or f"INFO {library}" in said
    assert len(said) > 10_000


def test_nothing_personal_and_no_secret_is_in_what_the_worker_said(loud: Loud) -> None:
    assert found_in(loud.output.read_bytes(), personal() | kept_secrets(loud)) == []


def test_nothing_personal_and_no_secret_is_readable_in_the_databases(loud: Loud) -> None:
    files = sorted(loud.world.settings.data_dir.glob("*.db*"))
    assert {file.name for file in files} >= {"commons.db", "log.db", "log.db-wal"}
    for file in filter(Path.is_file, files):  # the log's socket holds nothing
        assert found_in(file.read_bytes(), personal() | kept_secrets(loud)) == [], file.name


def test_nothing_personal_and_no_secret_is_in_the_gateways_usual_output(loud: Loud) -> None:
    assert found_in(loud.world.said().encode(), personal() | kept_secrets(loud)) == []


def test_nothing_personal_and_no_secret_is_in_errors_explanations_receipts_or_the_served_log(loud: Loud) -> None:
    for reply in loud.others:
        if "items" in (reply.json() if "json" in reply.headers["content-type"] else {}):
            continue
        whole = reply.content + repr(reply.headers.multi_items()).encode()
        assert found_in(whole, personal() | kept_secrets(loud)) == [], (reply.request.url.path, reply.status_code)


def test_an_answer_holds_no_identifier_no_secret_and_its_headers_hold_nothing_personal(loud: Loud) -> None:
    identifiers = {
        f"{outcome}: {system}": value
        for outcome in OUTCOMES
        for system, value in story(outcome).identifiers.items()
    }
    asked = {"user": USER, "case": CASE, "reason": "Fieldfare", "key": KEY}
    for reply in loud.answers:
        assert found_in(reply.content, identifiers | asked | kept_secrets(loud)) == []
        fields = [(name, value) for name, value in reply.headers.multi_items() if name != "x-correlation-id"]
        assert found_in(repr(fields).encode(), personal() | kept_secrets(loud)) == []


def test_no_usable_credential_is_in_the_databases(loud: Loud) -> None:
    jwt = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}")
    private = re.compile(rb'"d"\s*:\s*"[A-Za-z0-9_-]{40,}"|PRIVATE KEY')
    for file in filter(Path.is_file, sorted(loud.world.settings.data_dir.glob("*.db*"))):
        for token in jwt.findall(file.read_bytes()):  # a signed notice to a recipient opens nothing
            head = json.loads(base64.urlsafe_b64decode(token.partition(b".")[0] + b"=="))
            assert head["typ"] in {"consent-notice+jwt", "consent-receipt+jwt"}
        assert private.search(file.read_bytes()) is None
