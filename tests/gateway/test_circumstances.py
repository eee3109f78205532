# SPDX-License-Identifier: Apache-2.0
"""Circumstances reach the query: who is restricted is refused, also when it is entered while the sources answer;
break-glass serves one user, one citizen, an hour; and a stranger is told nothing else than anybody."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gateway import db, keyring
from gateway.circumstances import local
from gateway.identity import restrictions
from gateway.identity.client import ask_token
from gateway.identity.sealing import person_keys
from gateway.identity.tables import override
from gateway.pipeline import Commons
from gateway.sandbox import person_id, story
from tests.faults.inside import Got, Inside, Meanwhile, asked, call, entry_types, inside, log_size, own_copy
from tests.fixtures.commons import World

WANTED = {
    "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}},
    "reason_code": "vital-interests",
    "text": "Found unconscious at home, allergies are not known",
    "categories": ["health.allergies"],
}


@pytest.fixture
def copy(world: World, tmp_path: Path) -> World:
    """The world over databases that this test may change."""
    world.token()
    return own_copy(world, tmp_path)


def stepped_up(world: World, *, user: str = "u-1", acr: str = "phr", ago: int = 0) -> str:
    """A token of a user who signed in strongly some seconds ago."""
    jwk = (world.settings.data_dir / "clients" / "xzz01-discharge.jwk").read_text()
    return asyncio.run(
        ask_token(
            world.url, "xzz01-discharge", jwk, user=user, role="discharge-coordinator",
            auth_time=int(time.time()) - ago, acr=acr,
        )
    )  # fmt: skip


async def post(worker: Inside, path: str, token: str, body: dict[str, Any]) -> Got:
    sent = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "x-request-id": str(uuid.uuid4()),
    }
    return await call(worker.app, "POST", path, sent, json.dumps(body).encode())


def restrict(world: World, kind: str = "court-order") -> None:
    engine = db.connect(world.settings.url)
    keys = person_keys(keyring.load(world.settings.keys))
    person = person_id(engine, world.settings, story("all-returned"))
    with db.write(engine) as connection:
        restrictions.restrict(
            connection, keys, person, kind, reference="ZZ26P00001", officer="o-1", now=int(time.time()) - 1
        )
    engine.dispose()


def test_the_clock_is_londons_in_summer_and_winter() -> None:
    def at(text: str) -> tuple[int, int]:
        return local(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()))

    assert at("2026-07-01T23:30:00") == (30, 3)
    assert at("2026-12-01T23:30:00") == (23 * 60 + 30, 1)


async def test_what_the_register_knows_stands_in_the_facts_of_the_decision(copy: World) -> None:
    restrict(copy)
    async with inside(copy) as worker:
        got = await worker.ask(asked())
        decision = (got.json.get("decision") or "").removeprefix("dec_")
        facts = worker.commons.log.open_groups(decision)["facts"].value
        assert {kind for one in facts["standings"] for kind in one["restrictions"]} == {"court-order"}


async def test_circumstances_that_move_while_the_sources_answer_are_decided_anew(copy: World) -> None:
    def parts(real: Commons) -> dict[str, Any]:
        return {"itemiser": Meanwhile(real.itemiser, lambda: restrict(copy))}

    async with inside(copy, parts) as worker:
        before = log_size(copy) - 1
        got = await worker.ask(asked())
        last = worker.commons.log
        assert entry_types(copy, before)[0] == "access.intended"
        id_ = got.json.get("receipt") or {}
        id_ = (id_.get("id") if isinstance(id_, dict) else id_.rsplit("/", 1)[-1]).removeprefix("rc_")
        groups = last.open_groups(id_)
        facts = groups["facts"].value if "facts" in groups else groups["result"].value["facts"]
        assert {kind for one in facts["standings"] for kind in one["restrictions"]} == {"court-order"}


@pytest.mark.parametrize("wrong", [{"acr": "pwd"}, {"ago": 3600}, {"user": ""}, {"ago": -600}])
async def test_without_a_fresh_strong_sign_in_the_glass_stays_whole(
    copy: World, world: World, wrong: dict[str, Any]
) -> None:
    token = await asyncio.to_thread(stepped_up, world, **wrong)
    async with inside(copy) as worker:
        size = log_size(copy)
        got = await post(worker, "/v1/overrides", token, WANTED)
        assert (got.status, got.json["code"]) == (401, "insufficient-user-authentication")
        challenge = got.header("www-authenticate")
        assert 'error="insufficient_user_authentication"' in challenge
        assert 'acr_values="phr phrh"' in challenge
        assert 'max_age="300"' in challenge
        assert "override.opened" not in entry_types(copy, size - 1)


async def test_an_override_is_logged_and_cited_by_its_own_user_for_its_own_citizen_alone(
    copy: World, world: World
) -> None:
    mine = await asyncio.to_thread(stepped_up, world)
    other = await asyncio.to_thread(stepped_up, world, user="u-2")
    async with inside(copy) as worker:
        got = await post(worker, "/v1/overrides", mine, WANTED)
        assert got.status == 201
        id_ = got.json["id"]
        groups = worker.commons.log.open_groups(id_.removeprefix("ov_"))
        assert groups["request"].value["text"] == WANTED["text"]
        assert groups["actor"].value["acr"] == "phr"
        cited = asked() | {"override": id_}
        answer = await post(worker, "/v1/record-queries", mine, cited)
        assert answer.status == 200
        witness = worker.commons.log.entry_by_id(answer.json["decision"].removeprefix("dec_"))
        assert witness is not None
        assert json.loads(witness.entry)["decision"] == "break_glass"
        bearer = {"authorization": f"Bearer {mine}"}
        told = await call(worker.app, "GET", f"/v1/decisions/{answer.json['decision']}", bearer, b"")
        assert told.json["override"] is True
        assert all(duty["sentence"] for duty in told.json["obligations"])
        facts = worker.commons.log.open_groups(witness.id)["facts"].value
        assert facts["request"]["override"]["reason"] == "vital-interests"
        for token, body in (
            (other, cited),
            (mine, asked("consent-not-given") | {"override": id_}),
            (mine, asked() | {"override": "ov_" + "0" * 8 + "-0000-7000-8000-" + "0" * 12}),
        ):
            refused = await post(worker, "/v1/record-queries", token, body)
            assert (refused.status, refused.json["code"]) == (403, "override-not-in-force")


async def test_an_override_that_is_over_serves_nobody(copy: World, world: World) -> None:
    mine = await asyncio.to_thread(stepped_up, world)
    async with inside(copy) as worker:
        id_ = (await post(worker, "/v1/overrides", mine, WANTED)).json["id"]
        engine = db.connect(copy.settings.url)
        with db.write(engine) as connection:
            connection.execute(update(override).values(until_at=int(time.time())))
        engine.dispose()
        got = await post(worker, "/v1/record-queries", mine, asked() | {"override": id_})
        assert (got.status, got.json["code"]) == (403, "override-not-in-force")


async def test_a_stranger_s_override_looks_like_any_other(copy: World, world: World) -> None:
    mine = await asyncio.to_thread(stepped_up, world)
    nobody = {"subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990001081"}}}
    async with inside(copy) as worker:
        known = await post(worker, "/v1/overrides", mine, WANTED)
        unknown = await post(worker, "/v1/overrides", mine, WANTED | nobody)
        assert (unknown.status, set(unknown.json)) == (known.status, set(known.json))


@pytest.mark.parametrize(
    ("change", "status", "code", "pointer"),
    [
        ({"reason_code": "curiosity"}, 400, "unknown-reason", "/reason_code"),
        ({"categories": ["health.nothing"]}, 400, "unknown-category", "/categories/0"),
        ({"text": "See https://example.test for the reason why"}, 400, "reason-not-plain", "/text"),
        ({"text": "short"}, 422, "invalid", "/text"),
        ({"categories": []}, 422, "invalid", "/categories"),
    ],
)
async def test_what_is_wrong_with_an_override_is_pointed_at(
    copy: World, world: World, change: dict[str, Any], status: int, code: str, pointer: str
) -> None:
    mine = await asyncio.to_thread(stepped_up, world)
    async with inside(copy) as worker:
        got = await post(worker, "/v1/overrides", mine, WANTED | change)
        assert (got.status, got.json["code"]) == (status, code)
        assert got.json["errors"][0]["pointer"] == pointer
