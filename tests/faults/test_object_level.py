# SPDX-License-Identifier: Apache-2.0
"""Who may see what: every route needs a token or is public by name; nobody reaches an object of another."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from gateway import db, keyring
from gateway.identity import tokens
from gateway.identity.registry import set_organisation_active, set_system_active
from gateway.model import User
from gateway.sandbox import story
from gateway.web.consent import examples
from gateway.web.record_queries import ASK, PREVIEW
from tests.faults.inside import call, entry_types, inside, log_size
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import World, content_of, question

TRUST = ("xzz01-discharge", "discharge-coordinator")
COUNCIL = ("e06999901-adult-social-care", "housing-officer")
CHARITY = ("9999901-casework", "link-worker")

PUBLIC = {
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/assets"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/.well-known/jwks.json"),
    ("POST", "/oauth2/token"),
    ("POST", "/v1/sign-ins"),
    ("GET", "/v1/consent/notices/{hash}"),
    ("POST", "/v1/sessions"),
    ("GET", "/log/checkpoint"),
    ("GET", "/log/health"),
    ("GET", "/log/{year}/growth/{old}"),
    ("GET", "/law/in-force.tar.gz"),
    ("GET", "/log/tile/{path:path}"),
    ("GET", "/log/{year}/checkpoint"),
    ("GET", "/log/{year}/tile/{path:path}"),
    ("GET", "/problems/{code}"),
    ("GET", "/v1/catalogue/purposes"),
    ("GET", "/v1/catalogue/categories"),
    ("GET", "/v1/catalogue/legal-bases"),
    ("GET", "/v1/catalogue/sources"),
    ("GET", "/v1/catalogue/agreements"),
    ("GET", "/v1/catalogue/rules"),
}
"""Routes that speak of no citizen. A route that is not here must answer nothing without a token."""

QUERIES = {("POST", ASK), ("POST", PREVIEW)}
"""Served in front of the router."""


def switch(world: World, what: str, active: bool) -> None:
    """As an operator does it."""
    engine, now = db.connect(world.settings.url), int(time.time())
    try:
        with db.write(engine) as connection:
            if what == "system":
                set_system_active(connection, "e06999901-adult-social-care", active, now=now)
            else:
                set_organisation_active(connection, "uk/council/E06999901", active, now=now)
    finally:
        engine.dispose()


@contextmanager
def disabled(world: World, what: str) -> Iterator[None]:
    """The council's system, or the council itself, is not active while the block runs."""
    switch(world, what, False)
    try:
        yield
    finally:
        switch(world, what, True)


def council_asks(world: World, **changes: Any) -> httpx.Response:
    return world.ask(story("silent-withheld"), **changes)


def routes_of(app: Any) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for route in iter_route_contexts(app.routes):
        for method in getattr(route, "methods", None) or {"GET"}:
            if method != "HEAD":
                found.add((method, route.path))
    return found


WHOSE: dict[tuple[str, str], str] = {
    ("POST", ASK): "agency",
    ("POST", PREVIEW): "agency",
    ("GET", "/v1/decisions/{id}"): "agency's or citizen's object",
    ("POST", "/v1/overrides"): "agency",
    ("GET", "/v1/receipts/{id}"): "agency's object",
    ("GET", "/v1/consent-notices"): "agency",
    ("GET", "/v1/consent-notices/{id}"): "agency's object",
    ("POST", "/v1/consent-notices/{id}/acknowledgement"): "agency's object",
    ("POST", "/v1/consent-notices/{id}/erasure"): "agency's object",
    ("GET", "/v1/sessions/current"): "citizen",
    ("DELETE", "/v1/sessions/current"): "citizen",
    ("GET", "/v1/consent/records"): "citizen",
    ("GET", "/v1/consent/records/{id}"): "citizen",
    ("POST", "/v1/consent/records/{id}/withdraw"): "citizen",
    ("POST", "/v1/consent/decisions"): "citizen",
    ("GET", "/v1/consent/history"): "citizen",
    ("POST", "/v1/consent/simulate"): "citizen",
    ("GET", "/v1/consent/receipts/{id}"): "citizen's object",
    ("GET", "/v1/consent/uses"): "citizen",
    ("GET", "/v1/consent/uses/{id}/proof"): "citizen's object",
    ("GET", "/v1/consent/authorities"): "citizen",
    ("GET", "/v1/consent/endings"): "citizen",
    ("DELETE", "/v1/consent/authorities/{id}"): "citizen's object",
    ("POST", "/v1/consent-requests"): "agency",
    ("GET", "/v1/consent-requests/{id}"): "agency's object",
    ("DELETE", "/v1/consent-requests/{id}"): "agency's object",
    ("GET", "/v1/webhook-deliveries"): "agency",
    ("POST", "/v1/webhook-deliveries/{id}/redelivery"): "agency's object",
    ("GET", "/v1/objections/{id}"): "agency's object",
    ("POST", "/v1/objections/{id}/decision"): "agency's object",
    ("POST", "/v1/consent/assisted/words"): "agency",
    ("POST", "/v1/consent/standing"): "agency",
    ("POST", "/v1/consent/assisted/decisions"): "agency",
    ("GET", "/v1/consent/requests"): "citizen",
    ("POST", "/v1/consent/requests/{id}/answer"): "citizen's object",
    ("POST", "/v1/consent/requests/{id}/deferral"): "citizen's object",
    ("GET", "/v1/consent/assisted/receipts/{id}"): "agency's object",
    ("GET", "/v1/consent/objections"): "citizen",
    ("GET", "/v1/consent/opt-outs"): "citizen",
    ("POST", "/v1/consent/objections"): "citizen",
    ("DELETE", "/v1/consent/objections/{id}"): "citizen's object",
    ("POST", "/v1/consent/opt-outs"): "citizen",
    ("DELETE", "/v1/consent/opt-outs/{id}"): "citizen",
}
"""Every route that is not public → who may use it, and whether its address names an object of theirs. A citizen's
route without an object speaks of whoever is signed in: nothing in it could name another. (A record's id is the name
of a sharing, the same for everybody.)"""

BODIES = {
    "/v1/consent/decisions": {"record": "rec_" + "0" * 24, "decision": "refuse"},
    "/v1/consent-requests": examples.REQUEST,
    "/v1/objections/{id}/decision": {"outcome": "upheld", "reason": "unlawful"},
    "/v1/consent/assisted/words": {"agreement": "dsa-2026-014", "categories": [{"code": "support.plan"}]},
    "/v1/consent/assisted/decisions": examples.ASSISTED,
    "/v1/consent/requests/{id}/answer": {"given": False},
    "/v1/consent/objections": examples.OBJECT,
    "/v1/consent/simulate": {"record": "rec_" + "0" * 24, "decision": "refuse"},
    "/v1/consent/standing": examples.STANDING_ASKED,
    "/v1/consent/opt-outs": {"code": "national-data-opt-out"},
}


def filled(path: str, id: str) -> str:
    return re.sub(r"\{[^}]+\}", id, path)


async def test_every_route_has_its_row(world: World) -> None:
    async with inside(world) as worker:
        routes = routes_of(worker.app)
    assert (routes - PUBLIC) | QUERIES == set(WHOSE), "a new route needs a row: whose is it?"


def test_a_citizen_reaches_no_route_of_an_agency_and_an_agency_none_of_a_citizen(world: World) -> None:
    citizen, agency = Desk(world, story("all-returned")).headers, world.headers(*COUNCIL)
    both = [row for row, whose in WHOSE.items() if " or " in whose]
    for method, path in both:
        for sent in (citizen, {"Authorization": agency["Authorization"]}):
            reply = httpx.request(method, world.url + filled(path, f"dec_{uuid.uuid4()}"), headers=sent)
            assert (reply.status_code, reply.json()["code"]) == (404, "not-found")
    for (method, path), whose in ((row, whose) for row, whose in WHOSE.items() if row not in both):
        for id in (str(uuid.uuid4()), f"rcp_{uuid.uuid4()}", "rec_" + "0" * 24):
            wrong = citizen if whose.startswith("agency") else {"Authorization": agency["Authorization"]}
            sent = {"X-Request-ID": str(uuid.uuid4())} | wrong
            body = BODIES.get(path, {})
            reply = httpx.request(method, world.url + filled(path, id), headers=sent, json=body)
            if whose == "agency's or citizen's object":
                assert (reply.status_code, reply.json()["code"]) == (404, "not-found")
                continue
            assert reply.status_code == 401, (method, path)
            assert reply.json()["code"] in ("token-invalid", "session-invalid")


def test_what_belongs_to_one_citizen_does_not_exist_for_another(world: World) -> None:
    mine, other = Desk(world, story("consent-given")), Desk(world, story("all-returned"))
    record = mine.record("Support from the charity, if the patient agrees")["id"]
    given = mine.give(record, ["support.plan"])
    before = mine.get("/v1/consent/history").content
    event = given["event"]
    nothing = {}
    for accept in ("application/json", "text/plain", "application/jose"):
        nothing[accept] = other.get(f"/v1/consent/receipts/rcp_{uuid.uuid4()}", accept)
        for id in (f"rcp_{event}", event, f"cns_{event}", f"rcp_{event.upper()}", f"rcp_{event}%00"):
            theirs = other.get(f"/v1/consent/receipts/{id}", accept)
            assert (theirs.status_code, content_of(theirs)) == (404, content_of(nothing[accept])), id
            assert list(theirs.headers) == list(nothing[accept].headers)
        assert mine.get(given["receipt"], accept).status_code == 200
    assert event not in other.get("/v1/consent/history").text
    asked = world.ask(story("consent-given")).json()
    disclosed = asked["receipt"]["id"].removeprefix("rc_")
    assert disclosed in mine.get("/v1/consent/uses").text
    assert disclosed not in other.get("/v1/consent/uses").text
    assert mine.get(f"/v1/consent/uses/{disclosed}/proof").status_code == 200
    theirs, none = (other.get(f"/v1/consent/uses/{id}/proof") for id in (disclosed, str(uuid.uuid4())))
    assert (theirs.status_code, content_of(theirs)) == (404, content_of(none))
    assert event not in other.get("/v1/consent/records").text
    assert event not in other.get(f"/v1/consent/records/{record}").text
    assert mine.get("/v1/consent/history").content == before


def test_a_body_cannot_name_another_citizen(world: World) -> None:
    mine, other = Desk(world, story("consent-given")), Desk(world, story("all-returned"))
    record = mine.record("Support from the charity, if the patient agrees")["id"]
    before = other.get("/v1/consent/history").content
    number = next(iter(other.told.identifiers.values()))
    for more in ({"person": number}, {"subject": {"value": number}}, {"on_behalf_of": number}, {"actor": number}):
        reply = mine.decide(record, "refuse", **more)
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid")
        assert number not in reply.text
    assert other.get("/v1/consent/history").content == before


def test_a_notice_to_one_organisation_does_not_exist_for_another(world: World) -> None:
    mine = Desk(world, story("consent-given"))
    record = mine.record("Support from the charity, if the patient agrees")["id"]
    mine.give(record, ["support.plan"])
    [told] = mine.post(f"/v1/consent/records/{record}/withdraw").json()["told"]
    addresses = {
        "GET": f"/v1/consent-notices/{told['notice']}",
        "POST": f"/v1/consent-notices/{told['notice']}/acknowledgement",
        "post": f"/v1/consent-notices/{told['notice']}/erasure",
    }
    for method, address in addresses.items():
        unknown = address.replace(told["notice"], str(uuid.uuid4()))
        for other in (COUNCIL, CHARITY):
            theirs = httpx.request(method.upper(), world.url + address, headers=world.headers(*other))
            nothing = httpx.request(method.upper(), world.url + unknown, headers=world.headers(*other))
            assert (theirs.status_code, content_of(theirs)) == (404, content_of(nothing)), address
            assert list(theirs.headers) == list(nothing.headers)
    assert told["notice"] not in world.get("/v1/consent-notices", *COUNCIL).text
    assert told["notice"] in world.get("/v1/consent-notices").text, "the others' tries were no answers"
    assert world.get(addresses["GET"]).status_code == 200
    mine.give(record, ["support.plan", "support.befriending"])


@pytest.mark.parametrize("what", ["system", "organisation"])
def test_who_is_disabled_reads_and_answers_no_notice(world: World, what: str) -> None:
    headers = world.headers(*COUNCIL)
    with disabled(world, what):
        for method, path in WHOSE:
            if path.startswith("/v1/consent-notices"):
                reply = httpx.request(method, world.url + filled(path, str(uuid.uuid4())), headers=headers)
                assert (reply.status_code, reply.json()["code"]) == (403, "system-disabled")


async def test_every_route_needs_a_token_or_is_public_by_name(world: World) -> None:
    async with inside(world) as worker:
        routes = routes_of(worker.app)
        assert routes >= PUBLIC
        guarded = (routes - PUBLIC) | QUERIES
        assert len(guarded) > len(QUERIES)
        for method, path in guarded:
            address = filled(path, f"rc_{uuid.uuid4()}")
            for headers in ({}, {"authorization": "Bearer x"}, {"authorization": "Basic dTpw"}):
                sent = {"x-request-id": str(uuid.uuid4()), "content-type": "application/json"} | headers
                got = await call(worker.app, method, address, sent, b"{}")
                assert got.status == 401, (method, path, got.status)
                assert got.json["code"] in ("token-missing", "token-invalid", "session-invalid")
                assert got.header("www-authenticate").startswith("Bearer")


def test_what_is_public_speaks_of_no_citizen(world: World) -> None:
    told = (story("all-returned"), story("silent-withheld"))
    held = [value for one in told for value in one.identifiers.values()]
    example = "9990000018"  # stands in the examples of the description
    for method, path in PUBLIC:
        if "{" not in path and method == "GET":
            reply = httpx.get(world.url + path)
            assert reply.status_code in (200, 307, 404), path
            assert not [value for value in held if value in reply.text.replace(example, "")], path


def objects(world: World) -> dict[str, str]:
    """Address of each kind of thing that belongs to the trust."""
    answered = world.ask(story("all-returned")).json()
    looked = world.ask(story("all-returned"), path=PREVIEW).json()
    body = question(story("consent-not-given")) | {"categories": [{"code": "support.plan"}]}
    refused = world.post(body).json()
    consent = next(i["provenance"]["consent"] for i in answered["items"] if i["provenance"].get("consent"))
    return {
        "decision": f"/v1/decisions/{answered['decision']}",
        "receipt of an answer": answered["receipt"]["href"],
        "receipt of its witness": answered["decision"].replace("dec_", "/v1/receipts/rc_"),
        "decision of a dry run": f"/v1/decisions/{looked['decision']}",
        "receipt of a dry run": looked["receipt"]["href"],
        "decision of a refusal": f"/v1/decisions/{refused['decision']}",
        "receipt of a refusal": refused["receipt"],
        "decision by the name of a consent": consent.replace("cns_", "/v1/decisions/dec_"),
    }


def test_what_belongs_to_one_organisation_does_not_exist_for_another(world: World) -> None:
    nothing = httpx.get(f"{world.url}/v1/receipts/rc_{uuid.uuid4()}", headers=world.headers(*COUNCIL))
    assert nothing.status_code == 404
    for name, address in objects(world).items():
        mine = world.get(address, *TRUST)
        assert mine.status_code == (404 if "consent" in name else 200), name
        for other in (COUNCIL, CHARITY):
            theirs = world.get(address, *other)
            assert (theirs.status_code, content_of(theirs)) == (404, content_of(nothing)), name
            assert list(theirs.headers) == list(nothing.headers)


def test_an_id_is_taken_by_its_own_kind_of_address_only(world: World) -> None:
    answer = world.ask(story("all-returned")).json()
    decision, receipt = answer["decision"].removeprefix("dec_"), answer["receipt"]["id"].removeprefix("rc_")
    wrong = [
        f"/v1/decisions/{decision}",
        f"/v1/decisions/rc_{decision}",
        f"/v1/decisions/dec_dec_{decision}",
        f"/v1/decisions/dec_{receipt}",
        f"/v1/receipts/{receipt}",
        f"/v1/receipts/dec_{receipt}",
        f"/v1/receipts/rc_{receipt.upper()}",
        f"/v1/receipts/rc_{receipt}%00",
        f"/v1/receipts/rc_{receipt}'%20OR%20'1'='1",
        f"/v1/receipts/..%2fdecisions%2fdec_{decision}",
    ]
    assert [world.get(path).status_code for path in wrong] == [404] * len(wrong)


def test_a_key_of_one_system_says_nothing_to_another(world: World) -> None:
    key = str(uuid.uuid4())
    first = world.post(question(story("all-returned")), **{"Idempotency-Key": key})
    other = council_asks(world)
    assert (first.status_code, other.status_code) == (200, 200)
    told = story("silent-withheld")
    same_key = world.post(question(told), system=told.ask.system, role=told.ask.role, **{"Idempotency-Key": key})
    assert same_key.status_code == 200
    assert same_key.json()["id"] != first.json()["id"]


def test_a_system_cannot_ask_under_the_name_of_another(world: World) -> None:
    told = story("silent-withheld")
    for requester in ({"organisation": "uk/nhs/XZZ01"}, {"system": "xzz01-discharge"}, {"user": {"id": "u-2"}}):
        reply = council_asks(world, requester=requester)
        assert (reply.status_code, reply.json()["errors"][0]["code"]) == (422, "not-the-token")
    borrowed = world.ask(told, legal_basis={"agreement": "dsa-2026-014"}, purpose="direct-care.discharge-planning")
    assert (borrowed.status_code, borrowed.json()["code"]) == (403, "no-agreement")
    on_behalf = council_asks(world, requester={"on_behalf_of": "uk/nhs/XZZ01"})
    assert (on_behalf.status_code, on_behalf.json()["code"]) == (403, "no-agreement")


def test_two_organisations_cannot_match_their_handles(world: World) -> None:
    told = story("silent-withheld")
    theirs = council_asks(world).json()["subject"]["handle"]
    ours = world.post(question(story("all-returned")) | {"subject": question(told)["subject"]}).json()
    assert ours["subject"]["handle"] != theirs


@pytest.mark.parametrize("what", ["system", "organisation"])
def test_who_is_disabled_is_refused_at_the_very_next_question_and_the_refusal_is_logged(
    world: World, what: str
) -> None:
    before = council_asks(world)
    assert before.status_code == 200
    addresses = [f"/v1/decisions/{before.json()['decision']}", before.json()["receipt"]["href"]]
    assert [world.get(address, *COUNCIL).status_code for address in addresses] == [200, 200]
    newest = log_size(world) - 1
    with disabled(world, what):
        refused = council_asks(world)
        assert (refused.status_code, refused.json()["code"]) == (403, "system-disabled")
        assert "items" not in refused.json()
        assert entry_types(world, newest) == ["access.refused"]
        looked = council_asks(world, path=PREVIEW).json()
        assert not any(verdict["allow"] for verdict in looked["verdicts"])
        for address in [*addresses, refused.json()["receipt"]]:
            reply = world.get(address, *COUNCIL)
            assert (reply.status_code, reply.json()["code"]) == (403, "system-disabled")
        assert world.ask(story("all-returned")).status_code == 200
    assert council_asks(world).status_code == 200


@pytest.mark.parametrize("what", ["system", "organisation"])
def test_who_is_disabled_gets_no_new_token(world: World, what: str) -> None:
    world.token(*COUNCIL)
    held = world.tokens.pop(COUNCIL)
    try:
        with disabled(world, what), pytest.raises(Exception, match=r"client|disabled|active"):
            world.token(*COUNCIL)
    finally:
        world.tokens[COUNCIL] = held


def made_token(world: World, **changes: Any) -> str:
    """An access token signed by the gateway's own key, wrong in one thing."""
    claims = {
        "issuer": world.url,
        "system": "xzz01-discharge",
        "organisation": "uk/nhs/XZZ01",
        "user": User("u-1", "discharge-coordinator", assured=True),
        "now": int(time.time()),
        "life": 300,
    }
    return tokens.issue(keyring.load(world.settings.keys).token[0], **(claims | changes))


def test_a_token_made_like_this_is_good_if_nothing_is_wrong_with_it(world: World) -> None:
    sent = {"Authorization": f"Bearer {made_token(world)}"}
    assert world.post(question(story("all-returned")), **sent).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"now": int(time.time()) - 400}, "token-expired"),
        ({"now": int(time.time()) + 3600}, "token-invalid"),
        ({"issuer": "http://127.0.0.1:1"}, "token-invalid"),
        ({"system": "nobody"}, "token-invalid"),
        ({"organisation": "uk/council/E06999901"}, "token-invalid"),
    ],
    ids=["expired", "of the future", "for another gateway", "of an unknown system", "of another organisation"],
)
def test_a_token_that_is_wrong_in_one_thing_opens_nothing(world: World, changes: dict[str, Any], code: str) -> None:
    sent = {"Authorization": f"Bearer {made_token(world, **changes)}"}
    for path in (ASK, PREVIEW):
        reply = world.post(question(story("all-returned")), path=path, **sent)
        assert (reply.status_code, reply.json()["code"]) == (401, code)
    reply = world.get(f"/v1/decisions/dec_{uuid.uuid4()}", **sent)
    assert (reply.status_code, reply.json()["code"]) == (401, code)
    assert sent["Authorization"][7:] not in json.dumps(dict(reply.headers)) + reply.text


def test_bundles_are_for_monitors_and_an_agency_is_none(world: World) -> None:
    address = f"{world.url}/log/tile/entries/000.p/1"
    assert httpx.get(address).status_code == 401
    assert httpx.get(address, headers=world.headers()).status_code == 401
    monitor = {"Authorization": f"Bearer {world.settings.log_monitor_token}"}
    assert httpx.get(address, headers=monitor).status_code == 200
    sent = {"X-Request-ID": str(uuid.uuid4()), "Content-Type": "application/json"} | monitor
    reply = httpx.post(world.url + ASK, json=question(story("all-returned")), headers=sent)
    assert (reply.status_code, reply.json()["code"]) == (401, "token-invalid")
