# SPDX-License-Identifier: Apache-2.0
"""One decision, told to the agency, to the citizen and to an auditor: each what they may know, and nobody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway import db
from gateway.identity.registry import RegistryFault, set_scope
from gateway.sandbox import story
from tests.fixtures.citizens import sign_in
from tests.fixtures.commons import World

AUDITORS = "9999901-casework"
WHY = {"Audit-Reason": "Complaint 17 of the citizen"}


def grant(world: World, granted: bool) -> None:
    engine = db.connect(world.settings.url)
    with db.write(engine) as connection:
        set_scope(connection, AUDITORS, "auditor", granted, now=int(time.time()))
    engine.dispose()


@pytest.fixture
def auditor(world: World) -> Iterator[None]:
    """For one test the charity's system is an auditor's."""
    grant(world, True)
    yield
    grant(world, False)


def asked(world: World) -> str:
    return str(world.ask(story("consent-not-given")).json()["decision"])


def verdicts(body: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["category"], one["source"]): one for one in body["verdicts"]}


def test_the_citizen_is_told_the_true_reason_in_their_words_and_never_who_at_the_agency_it_was(
    world: World,
) -> None:
    decision = asked(world)
    headers = sign_in(world, story("consent-not-given"))
    reply = httpx.get(f"{world.url}/v1/decisions/{decision}", headers=headers)
    assert reply.status_code == 200
    body = reply.json()
    assert (body["organisation"], body["emergency"]) == ("uk/nhs/XZZ01", False)
    assert body["reason"]
    plan = verdicts(body)["support.plan", "uk/charity/9999901/crm"]
    assert (plan["allow"], plan["you_can"]) == (False, "")  # what was never given cannot be withdrawn
    assert plan["sentences"]
    assert all(len(set(one["sentences"])) == len(one["sentences"]) for one in body["verdicts"])
    duties = {duty["type"]: duty["sentence"] for duty in body["obligations"]}
    assert duties["erase-by"] == "The service must erase what it received by this date."
    assert "u-1" not in reply.text
    assert "broken" not in reply.text


def test_a_decision_about_somebody_else_does_not_exist_for_a_citizen(world: World) -> None:
    decision = asked(world)
    headers = sign_in(world, story("all-returned"))
    for id_ in (decision, "dec_" + "0" * 36, decision.removeprefix("dec_")):
        assert httpx.get(f"{world.url}/v1/decisions/{id_}", headers=headers).status_code == 404


def test_an_auditor_sees_all_of_it_says_why_and_is_in_the_log_for_it(world: World, auditor: None) -> None:
    decision = asked(world)
    looked = world.get(f"/v1/decisions/{decision}", AUDITORS, "link-worker", **WHY)
    assert looked.status_code == 200
    body = looked.json()
    assert body["groups"]["actor"]["user"] == "u-1"
    assert body["groups"]["facts"]["request"]["agreement"] == "dsa-2026-014"
    assert any(
        "support.plan of uk/charity/9999901/crm: refused (consent-not-given). Every limit holds, and no ground"
        in one
        for one in body["sentences"]
    )
    assert any("shared. Carried by: " in one for one in body["sentences"])
    assert body["override"] is False
    unsaid = world.get(f"/v1/decisions/{decision}", AUDITORS, "link-worker")
    assert (unsaid.status_code, unsaid.json()["code"]) == (400, "malformed")


def test_without_the_scope_the_same_system_sees_nothing_of_it(world: World) -> None:
    decision = asked(world)
    assert world.get(f"/v1/decisions/{decision}", AUDITORS, "link-worker", **WHY).status_code == 404
    assert world.get(f"/v1/decisions/{decision}").status_code == 200
    assert httpx.get(f"{world.url}/v1/decisions/{decision}").status_code == 401


def test_only_a_scope_that_there_is_can_be_granted(world: World) -> None:
    engine = db.connect(world.settings.url)
    with db.write(engine) as connection:
        for system, scope in ((AUDITORS, "everything"), ("nobody", "auditor")):
            with pytest.raises(RegistryFault):
                set_scope(connection, system, scope, True, now=1)
    engine.dispose()
