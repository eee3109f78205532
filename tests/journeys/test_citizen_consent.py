# SPDX-License-Identifier: Apache-2.0
"""A citizen sees what is shared about them, agrees, narrows and withdraws; recipients are told, and answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connectors.sandbox.stories import Story
from consent.revising import revision
from gateway import keyring
from gateway.audit import checkpoint, shards
from gateway.consents import checking
from gateway.consents.grounds import terms_of
from gateway.policy import vocabulary
from gateway.sandbox import story
from gateway.web.consent import examples
from tests.faults.inside import entry_types, log_size, plan_row
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import REASON, World, question

CHARITY_TERM = "Support from the charity, if the patient agrees"
AGREEMENT = vocabulary.load().agreements["dsa-2026-014"]
PLAN = {"code": "support.plan", "need": "optional"}
ALLERGIES = {"code": "health.allergies", "need": "required"}


@pytest.fixture(scope="module")
def told() -> Story:
    """Somebody whom the charity knows, and whose question no other test asks."""
    return story("conflicting-duplicates")


@pytest.fixture
def desk(world: World, told: Story) -> Iterator[Desk]:
    """Their desk, signed in, with nothing consented to; at the end it is as the town left it."""
    mine = Desk(world, told)
    record = mine.record(CHARITY_TERM)["id"]
    mine.post(f"/v1/consent/records/{record}/withdraw")
    yield mine
    mine.give(record, ["support.plan", "support.befriending"])


def asked(world: World, told: Story) -> dict[str, Any]:
    body = question(story("all-returned")) | {
        "subject": question(told)["subject"],
        "categories": [PLAN, ALLERGIES],
    }
    answer: dict[str, Any] = world.post(body).json()
    return answer


def checked(world: World, jws: str) -> checking.Checked:
    keys = keyring.load(world.settings.keys)
    jwks = httpx.get(f"{world.url}/.well-known/jwks.json").content
    vkey = checkpoint.vkey(shards.this_year(world.settings.log_origin), keys.log.public_key())
    return checking.check(jws, jwks, vkey)


def test_what_is_agreed_flows_and_what_is_taken_back_stops(world: World, told: Story, desk: Desk) -> None:
    newest = log_size(world) - 1
    record = desk.record(CHARITY_TERM)
    assert record["state"] == "withdrawn"
    given = desk.give(record["id"], ["support.plan"])
    assert plan_row(asked(world, told))["state"] in ("returned", "empty")
    assert {one["category"]: one["state"] for one in desk.record(CHARITY_TERM)["categories"]}[
        "support.plan"
    ] == "given"
    stopped = desk.post(f"/v1/consent/records/{record['id']}/withdraw")
    assert stopped.status_code == 200
    assert stopped.json()["effective_seq"] == given["effective_seq"] + 1
    row = plan_row(asked(world, told))
    assert (row["state"], row["reason"]) == ("withheld", "consent-withdrawn")
    kinds = [kind for kind in entry_types(world, newest) if kind.startswith("consent.")]
    assert kinds == ["consent.given", "consent.withdrawn"]


def test_every_sharing_has_its_ground_and_the_button_that_fits_it(desk: Desk) -> None:
    records = desk.get("/v1/consent/records").json()["records"]
    for one in records:
        actions = {button["action"] for button in one["buttons"]}
        assert actions, one["title"]
        assert one["needs_consent"] == bool(actions & {"withdraw", "give"})
        if not one["needs_consent"]:
            assert one["state"] in ("not-consent", "objected", "opted-out")
            assert actions <= {"object", "take-back", "opt-out", "opt-in", "cannot-stop"}
        assert one["ground"]["lawful_basis_sentence"]
    assert {"give", "object"} <= {button["action"] for one in records for button in one["buttons"]}


def test_a_receipt_is_checked_offline_and_one_that_was_changed_is_not_believed(world: World, desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    given = desk.give(record["id"], ["support.plan"])
    signed = desk.get(given["receipt"], accept="application/jose").text
    found = checked(world, signed)
    assert found.ok, found.findings
    assert found.claims["dpv:hasConsentStatus"] == "dpv:ConsentGiven"
    assert found.claims["dpv:hasNotice"]["hash"] == desk.notice(record["id"])["hash"]
    assert found.claims["dpv:hasLegalBasis"] == {"lawful": "6(1)(a)", "confidentiality": "explicit-consent"}
    assert found.claims["agreement"]["revision"] == revision(terms_of(AGREEMENT))
    assert "On what ground: UK GDPR Article 6(1)(a)" in found.plain
    assert found.plain == desk.get(given["receipt"], accept="text/plain").text
    assert "You agreed to this sharing." in found.plain
    header, payload, signature = signed.split(".")
    for wrong in (
        f"{header}.{payload[:-4]}AAAA.{signature}",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        "x.y.z",
        "",
    ):
        assert not checked(world, wrong).ok


@pytest.mark.parametrize(
    ("asked", "language", "word", "named"),
    [
        ("cy-GB, en;q=0.5", "cy", "Os ydych yn cytuno", "Welsh"),
        ("en-simple", "en-simple", "You can say no.\n", "Easy Read"),
    ],
)
def test_whoever_agrees_to_welsh_or_easy_read_words_has_agreed_to_those(
    desk: Desk, asked: str, language: str, word: str, named: str
) -> None:
    record = desk.record(CHARITY_TERM)["id"]
    address = f"{desk.url}/v1/consent/records/{record}"
    notice = httpx.get(address, headers=desk.headers | {"Accept-Language": asked}).json()["notice"]
    assert (notice["language"], word in notice["text"]) == (language, True)
    assert notice["hash"] == hashlib.sha256(notice["text"].encode()).hexdigest() != desk.notice(record)["hash"]
    given = desk.decide(record, "give", categories=["support.plan"], notice_hash=notice["hash"])
    assert given.status_code == 201, given.text
    shown = desk.claims(given.json())["dpv:hasNotice"]
    assert (shown["hash"], shown["language"]) == (notice["hash"], language)
    assert f"in {named}, SHA-256" in desk.get(given.json()["receipt"], accept="text/plain").text
    kept = httpx.get(shown["href"])
    assert (kept.text, kept.headers["content-language"]) == (notice["text"], language)


def test_a_stop_receipt_says_who_was_told_who_answered_and_who_erased(world: World, desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    desk.give(record["id"], ["support.plan"])
    stopped = desk.post(f"/v1/consent/records/{record['id']}/withdraw").json()
    [told] = stopped["told"]
    assert (told["recipient"]["id"], told["acknowledged_at"], told["late"]) == ("uk/nhs/XZZ01", 0, [])
    address = f"/v1/consent-notices/{told['notice']}"
    notice = world.get(address).json()
    assert notice["effective_seq"] == stopped["effective_seq"]
    assert set(notice) == set(examples.STOP)
    keys = httpx.get(f"{world.url}/.well-known/jwks.json").content
    signed = checking.signed_claims(notice["jws"], keys, "consent-notice+jwt")
    assert isinstance(signed, dict)
    assert signed["notice"] == {name: value for name, value in notice.items() if name != "jws"}
    newest = log_size(world) - 1
    for _ in range(2):
        reply = httpx.post(f"{world.url}{address}/acknowledgement", headers=world.headers())
        assert reply.status_code == 200
    [answered] = checked(world, desk.receipt(stopped)).claims["stop"]["recipients"]
    assert "acknowledged_at" in answered
    assert "erased_at" not in answered
    httpx.post(f"{world.url}{address}/erasure", headers=world.headers())
    [erased] = checked(world, desk.receipt(stopped)).claims["stop"]["recipients"]
    assert erased["acknowledged_at"] == answered["acknowledged_at"]
    assert "erased_at" in erased
    kinds = [kind for kind in entry_types(world, newest) if kind.startswith("notice.")]
    assert kinds == ["notice.acknowledged", "notice.erased"]
    assert told["notice"] not in {one["id"] for one in world.get("/v1/consent-notices").json()["notices"]}


def test_withdrawing_twice_is_withdrawing_once(desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    desk.give(record["id"], ["support.plan", "support.befriending"])
    first, second = (desk.post(f"/v1/consent/records/{record['id']}/withdraw").json() for _ in range(2))
    assert (first["already"], second["already"]) == (False, True)
    assert second | {"already": False} == first


def test_keeping_less_takes_away_the_rest_and_nothing_else(world: World, told: Story, desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    desk.give(record["id"], ["support.plan", "support.befriending"])
    narrowed = desk.decide(record["id"], "narrow", fields=["support.plan/title"])
    assert narrowed.status_code == 201, narrowed.text
    states = {one["category"]: one for one in desk.record(CHARITY_TERM)["categories"]}
    assert states["support.befriending"]["state"] == "withdrawn"
    assert states["support.plan"]["state"] == "given"
    for item in asked(world, told)["items"]:
        if item["category"] == "support.plan":
            assert set(item["data"]) <= {"title"}
    nothing = desk.decide(record["id"], "narrow", categories=["support.plan"])
    assert (nothing.status_code, nothing.json()["code"]) == (422, "invalid")


def test_a_refusal_stands_until_the_citizen_agrees(world: World, told: Story, desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    assert desk.decide(record["id"], "refuse", categories=["support.plan"]).status_code == 201
    assert plan_row(asked(world, told))["reason"] == "consent-not-given"
    again = desk.decide(record["id"], "refuse", categories=["support.plan"])
    assert (again.status_code, again.json()["code"], again.json()["reason"]) == (
        409,
        "decision-refused",
        "already-refused",
    )
    desk.give(record["id"], ["support.plan"])
    assert plan_row(asked(world, told))["state"] in ("returned", "empty")


def test_every_question_about_a_citizen_is_seen_by_them_with_its_reason_and_what_it_gave(
    world: World, told: Story, desk: Desk
) -> None:
    desk.give(desk.record(CHARITY_TERM)["id"], ["support.plan"])
    answer = asked(world, told)
    newest, *_ = desk.get("/v1/consent/uses").json()["uses"]
    assert newest["id"] == answer["receipt"]["id"].removeprefix("rc_")
    assert (newest["outcome"], newest["organisation"]) == ("disclosed", "uk/nhs/XZZ01")
    assert newest["reason"] == REASON
    assert set(newest) == set(examples.USE)
    released = {(one["category"], one["items"]) for one in newest["got"]}
    categories = [item["category"] for item in answer["items"]]
    assert released == {(category, categories.count(category)) for category in categories}
    assert newest["because"]
    assert "u-1" not in json.dumps(newest)
    older = desk.get(f"/v1/consent/uses?before={newest['place']}").json()["uses"]
    assert newest["id"] not in {one["id"] for one in older}


def test_an_agency_learns_how_consent_to_itself_stands_and_nothing_more(
    world: World, told: Story, desk: Desk
) -> None:
    def look(system: str, subject: dict[str, Any]) -> httpx.Response:
        body = {"subject": subject, "agreement": "dsa-2026-014"}
        return world.post(body, path="/v1/consent/standing", system=system)

    mine, nobody = question(told)["subject"], examples.STANDING_ASKED["subject"]
    nobody = {"identifier": nobody["identifier"] | {"value": "9990000999"}}
    record = desk.record(CHARITY_TERM)["id"]
    desk.give(record, ["support.plan"])
    rows = {row["category"]: row for row in look("xzz01-discharge", mine).json()["categories"]}
    assert (rows["support.plan"]["state"], rows["support.befriending"]["state"]) == ("given", "withdrawn")
    newest, *_ = desk.get("/v1/consent/uses").json()["uses"]
    assert (newest["outcome"], newest["organisation"]) == ("consent-looked-up", "uk/nhs/XZZ01")
    strangers = look("xzz01-discharge", nobody).json()["categories"]
    assert {row["state"] for row in strangers} == {"not-given"}
    assert [row["category"] for row in strangers] == list(rows)
    other = look("e06999901-adult-social-care", mine)
    assert (other.status_code, other.json()["code"]) == (403, "no-agreement")
    desk.post(f"/v1/consent/records/{record}/withdraw")
    desk.decide(record, "refuse", categories=["support.plan"])
    rows = {row["category"]: row for row in look("xzz01-discharge", mine).json()["categories"]}
    assert rows["support.plan"]["state"] == "not-given", "a refusal is not told"
    desk.give(record, ["support.plan"])


def test_what_a_decision_would_change_is_told_and_nothing_is_recorded(desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)["id"]
    before = desk.get("/v1/consent/history").content
    wanted = {"record": record, "decision": "give", "categories": ["support.plan"]}
    would = desk.post("/v1/consent/simulate", wanted)
    assert would.status_code == 200, would.text
    [gained] = would.json()["changed"]
    assert (gained["category"], gained["effect"]) == ("support.plan", "gains")
    assert set(gained) == set(examples.SIMULATED["changed"][0])
    assert len(would.json()["unaffected"]) > 1
    assert {one["effect"] for one in would.json()["unaffected"]} == {"unaffected"}
    assert desk.get("/v1/consent/history").content == before
    desk.give(record, ["support.plan"])
    [lost] = desk.post("/v1/consent/simulate", {"record": record, "decision": "withdraw"}).json()["changed"]
    assert (lost["effect"], lost["fields_before"]) == ("loses", gained["fields_after"])
    assert desk.record(CHARITY_TERM)["state"] == "given"


def objectable(desk: Desk, id: str = "") -> dict[str, Any]:
    """A record that one can object to; the one of that id, where it is named."""
    records: list[dict[str, Any]] = desk.get("/v1/consent/records").json()["records"]
    can = ("object", "take-back")
    return next(
        one
        for one in records
        if (one["id"] == id if id else any(button["action"] in can for button in one["buttons"]))
    )


def test_an_objection_is_foreseen_listed_shown_at_its_record_and_taken_back_there(desk: Desk) -> None:
    record = objectable(desk)
    supposed = {"record": record["id"], "decision": "object"}
    would = desk.post("/v1/consent/simulate", supposed).json()["changed"]
    assert would
    assert {one["effect"] for one in would} == {"loses"}
    assert desk.get("/v1/consent/objections").json() == {"objections": []}
    body = {"agreement": record["agreement"], "organisation": record["recipient"], "purpose": record["purpose"]}
    made = desk.post("/v1/consent/objections", body).json()
    [listed] = desk.get("/v1/consent/objections").json()["objections"]
    assert set(listed) == set(examples.MINE)
    assert (listed["id"], listed["state"]) == (made["objection"], "pending")
    stopped = objectable(desk, record["id"])
    [button] = [one for one in stopped["buttons"] if one["action"] == "take-back"]
    assert (stopped["state"], button["method"], button["href"]) == ("objected", "DELETE", listed["href"])
    assert "object" not in {one["action"] for one in stopped["buttons"]}
    assert desk.request("DELETE", button["href"]).status_code == 200
    assert objectable(desk, record["id"])["state"] == record["state"]
    assert desk.get("/v1/consent/objections").json() == {"objections": []}


def test_what_narrows_a_consent_bites_at_the_next_question(world: World, told: Story, desk: Desk) -> None:
    def give(**conditions: Any) -> dict[str, Any]:
        record = desk.record(CHARITY_TERM)
        if record["state"] == "given":
            assert desk.post(f"/v1/consent/records/{record['id']}/withdraw").status_code == 200
        words = desk.notice(record["id"])["hash"]
        sent = {"categories": ["support.plan"], "notice_hash": words, "conditions": conditions}
        reply = desk.decide(record["id"], "give", **sent)
        assert reply.status_code == 201, reply.text
        return plan_row(asked(world, told))

    whole = give()
    assert whole["items"] > 0
    later = give(period_from="2090-01-01")
    assert (later["state"], later.get("items", 0), later["reason"]) == ("empty", 0, "consent-scope")
    since = give(period_from="1990-01-01", period_to="2089-12-31")
    assert (since["state"], since["items"], since["reason"]) == ("redacted", whole["items"], "consent-scope")
    [part] = [one for one in desk.record(CHARITY_TERM)["categories"] if one["category"] == "support.plan"]
    assert part["conditions"]["period_from"] == "1990-01-01"
    assert give(roles=["benefits-officer"])["state"] == "withheld"
    assert give(frequency={"times": 1, "days": 7})["state"] == "withheld"  # it was asked above already
    give(access_modes=["view"])
    duties = {duty["type"] for duty in asked(world, told)["obligations"]}
    assert "view-only" in duties


@pytest.mark.parametrize(
    ("conditions", "pointer"),
    [
        ({"roles": ["nobody"]}, "/conditions/roles/0"),
        ({"period_from": "2026-02-01", "period_to": "2026-01-01"}, "/conditions/period_to"),
        ({"period_from": "yesterday"}, "/conditions/period_from"),
        ({"access_modes": ["print"]}, "/conditions/access_modes/0"),
        ({"frequency": {"times": 0, "days": 7}}, "/conditions/frequency/times"),
    ],
)
def test_conditions_that_cannot_be_kept_are_pointed_at(
    desk: Desk, conditions: dict[str, Any], pointer: str
) -> None:
    record = desk.record(CHARITY_TERM)
    words = desk.notice(record["id"])["hash"]
    reply = desk.decide(record["id"], "give", categories=["support.plan"], notice_hash=words, conditions=conditions)
    assert reply.status_code == 422
    assert [fault["pointer"] for fault in reply.json()["errors"]] == [pointer]


def test_an_opt_out_is_foreseen_and_shown_with_the_way_back(desk: Desk) -> None:
    def shown() -> dict[str, Any]:
        [one] = desk.get("/v1/consent/opt-outs").json()["opt_outs"]
        return dict(one)

    record = objectable(desk)
    assert desk.post("/v1/consent/simulate", {"record": record["id"], "decision": "opt-out"}).status_code == 200
    before = shown()
    assert (before["opted_out"], before["method"]) == (False, "POST")
    assert desk.post(before["href"], {"code": before["code"]}).status_code == 201
    assert shown() == examples.OPTED_OUT
    wrong = desk.post("/v1/consent/opt-outs", {"code": "everything"})
    assert (wrong.status_code, wrong.json()["errors"][0]["expected"]) == (422, "national-data-opt-out")
    assert desk.request("DELETE", shown()["href"]).status_code == 200
    assert shown() == before


def test_a_question_that_was_refused_is_seen_too(world: World, told: Story, desk: Desk) -> None:
    body = question(story("all-returned")) | {"subject": question(told)["subject"], "categories": [PLAN]}
    assert world.post(body).status_code == 403
    newest, *_ = desk.get("/v1/consent/uses").json()["uses"]
    assert (newest["outcome"], newest["got"]) == ("refused", [])


def test_a_consent_is_renewed_while_it_stands_and_has_a_receipt_of_its_own(desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    words = desk.notice(record["id"])["hash"]
    early = desk.decide(record["id"], "renew", categories=["support.plan"], notice_hash=words)
    assert (early.status_code, early.json()["code"]) == (409, "decision-refused")
    desk.give(record["id"], ["support.plan"])
    until = {one["category"]: one["until"] for one in desk.record(CHARITY_TERM)["categories"]}
    renewed = desk.decide(record["id"], "renew", categories=["support.plan"], days=365, notice_hash=words)
    assert renewed.status_code == 201, renewed.text
    after = {one["category"]: one["until"] for one in desk.record(CHARITY_TERM)["categories"]}
    assert after["support.plan"] > until["support.plan"] + 180 * 86_400
    claims = desk.claims(renewed.json())
    assert claims["dpv:hasConsentStatus"] == "dpv:RenewedConsentGiven"


def test_the_words_of_a_receipt_can_be_read_by_anybody_and_have_its_hash(world: World, desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    notice = desk.claims(desk.give(record["id"], ["support.plan"]))["dpv:hasNotice"]
    reply = httpx.get(notice["href"])
    assert (reply.status_code, reply.headers["content-language"]) == (200, "en")
    assert hashlib.sha256(reply.content).hexdigest() == notice["hash"]
    assert reply.text == desk.notice(record["id"])["text"]
    assert httpx.get(f"{world.url}/v1/consent/notices/{'0' * 64}").status_code == 404


def test_agreeing_to_words_that_one_has_not_read_is_no_consent(desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    for hash_ in ("", "0" * 64):
        reply = desk.decide(record["id"], "give", notice_hash=hash_)
        assert (reply.status_code, reply.json()["code"]) == (409, "notice-changed")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"record": "rec_" + "0" * 24}, 404),
        ({"categories": ["health.medications"]}, 422),
        ({"fields": ["support.plan/nothing"]}, 422),
        ({"days": 0}, 422),
        ({"decision": "revoke"}, 422),
        ({"person": "somebody"}, 422),
    ],
)
def test_a_decision_outside_the_record_is_not_recorded(desk: Desk, change: dict[str, Any], status: int) -> None:
    record = desk.record(CHARITY_TERM)
    before = desk.get("/v1/consent/history").json()
    body = {"record": record["id"], "decision": "give", "notice_hash": desk.notice(record["id"])["hash"]} | change
    assert desk.post("/v1/consent/decisions", json=body).status_code == status
    assert desk.get("/v1/consent/history").json() == before


def test_the_history_is_whole_and_says_that_nobody_changed_it(desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    given = desk.give(record["id"], ["support.plan"])
    told = desk.get("/v1/consent/history").json()
    assert told["chain"] == "verified"
    newest = told["decisions"][-1]
    assert (newest["event"], newest["kind"], newest["by_you"]) == (given["event"], "given", True)
    assert [one["seq"] for one in told["decisions"]] == list(range(1, len(told["decisions"]) + 1))
    assert set(newest) == set(examples.EVENT)


def test_the_examples_have_the_shape_of_what_is_answered(desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    given = desk.give(record["id"], ["support.plan"])
    assert set(given) == set(examples.DECIDED)
    assert set(desk.record(CHARITY_TERM)) == set(examples.RECORD)
    assert set(desk.record(CHARITY_TERM)["ground"]) == set(examples.RECORD["ground"])
    assert set(desk.notice(record["id"])) == set(examples.NOTICE)
    stopped = desk.post(f"/v1/consent/records/{record['id']}/withdraw").json()
    assert set(stopped) == set(examples.WITHDRAWN)
    assert set(stopped["told"][0]) == set(examples.WITHDRAWN["told"][0])
    assert set(desk.get(given["receipt"]).json()) == set(examples.RECEIPT)


def test_nothing_that_is_answered_names_the_citizen(desk: Desk) -> None:
    record = desk.record(CHARITY_TERM)
    given = desk.give(record["id"], ["support.plan"])
    paths = ["/v1/consent/records", f"/v1/consent/records/{record['id']}", "/v1/consent/history", given["receipt"]]
    told = "".join(desk.get(path).text for path in paths) + json.dumps(desk.claims(given))
    assert not [value for value in desk.told.identifiers.values() if value in told]
    assert desk.told.citizen.family not in told
