# SPDX-License-Identifier: Apache-2.0
"""A citizen signs in and out over HTTP, with an ID token of the sandbox's provider."""

from __future__ import annotations

import httpx

from gateway.sandbox import story
from tests.faults.inside import entry_types, log_size
from tests.fixtures.citizens import id_token, sign_in
from tests.fixtures.commons import World


def test_a_citizen_signs_in_and_out_and_both_stand_in_the_log(world: World) -> None:
    newest = log_size(world) - 1
    mine = sign_in(world, story("all-returned"))
    here = httpx.get(f"{world.url}/v1/sessions/current", headers=mine)
    assert (here.status_code, here.json()["identity_level"]) == (200, "P9")
    assert here.headers["cache-control"] == "no-store"
    gone = httpx.delete(f"{world.url}/v1/sessions/current", headers=mine)
    assert (gone.status_code, gone.content) == (204, b"")
    for method in ("GET", "DELETE"):
        again = httpx.request(method, f"{world.url}/v1/sessions/current", headers=mine)
        assert (again.status_code, again.json()["code"]) == (401, "session-invalid")
    kinds = [kind for kind in entry_types(world, newest) if kind.startswith("session.")]
    assert kinds == ["session.started", "session.ended"]


def test_an_id_token_signs_in_once(world: World) -> None:
    token = id_token(world, story("all-returned"))
    replies = [httpx.post(f"{world.url}/v1/sessions", json={"id_token": token}) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [201, 401]
    assert replies[1].json()["code"] == "id-token-invalid"
    assert token not in replies[1].text


def test_a_body_that_is_no_sign_in_is_a_problem_that_repeats_nothing(world: World) -> None:
    for body in ({}, {"id_token": 7}, {"id_token": "x" * 9000}, {"id_token": "secret.x.y", "more": "secret"}):
        reply = httpx.post(f"{world.url}/v1/sessions", json=body)
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid")
        assert "secret" not in reply.text


def test_an_agencys_token_is_no_session_and_a_session_is_no_agencys_token(world: World) -> None:
    agency = {"Authorization": world.headers()["Authorization"]}
    reply = httpx.get(f"{world.url}/v1/sessions/current", headers=agency)
    assert (reply.status_code, reply.json()["code"]) == (401, "session-invalid")
    mine = sign_in(world, story("all-returned"))
    answer = world.ask(story("all-returned")).json()
    for path in (answer["receipt"]["href"], "/v1/consent-notices"):
        reply = httpx.get(world.url + path, headers=mine)
        assert (reply.status_code, reply.json()["code"]) == (401, "token-invalid")
