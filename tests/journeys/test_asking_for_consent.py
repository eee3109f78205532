# SPDX-License-Identifier: Apache-2.0
"""A ward asks a patient to agree: asked, put off, answered, told; and what it cannot learn by asking."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx
import pytest
from msgspec import structs

from connectors.sandbox.stories import NHS_NUMBER, Story
from consent import requests
from consent.model import Provision
from consent.requests import Asked
from gateway import db
from gateway.consents.asking import Wanted
from gateway.consents.counter import Counter, counter
from gateway.consents.errors import RateLimited
from gateway.model import Caller, Identifier
from gateway.sandbox import story
from gateway.web.consent import examples
from tests.faults.inside import plan_row
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import World, question, running

T = TypeVar("T")
WARD = "xzz01-discharge"
COUNCIL = "e06999901-adult-social-care"
PATH = "/v1/consent-requests"
NOBODY = "9990000999"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A commons of this module's own, on each store."""
    url = request.getfixturevalue("new_postgres")() if request.param == "postgresql" else ""
    with running(tmp_path_factory.mktemp(f"asking-{request.param}"), database_url=url) as up:
        yield up


def body(told: Story | str, **changes: Any) -> dict[str, Any]:
    value = told if isinstance(told, str) else told.identifiers[NHS_NUMBER]
    subject = {"identifier": {"system": NHS_NUMBER, "value": value}}
    return examples.REQUEST | {"subject": subject} | changes


def ask(town: World, told: Story | str, system: str = WARD, **changes: Any) -> httpx.Response:
    headers = {"X-Request-ID": changes.pop("request_id", None) or str(uuid.uuid4())}
    return town.post(body(told, **changes), path=PATH, system=system, **headers)


def delete(town: World, id: str, system: str = WARD) -> httpx.Response:
    return httpx.delete(f"{town.url}{PATH}/{id}", headers=town.headers(system), timeout=20)


def test_a_patient_says_yes_to_less_than_was_asked_and_the_ward_sees_just_that(town: World) -> None:
    told = story("consent-not-given")
    made = ask(town, told)
    assert made.status_code == 201, made.text
    assert set(made.json()) == set(examples.REQUEST_MADE)
    id = made.json()["id"]
    desk = Desk(town, told)
    [asked] = desk.get("/v1/consent/requests").json()["requests"]
    assert set(asked) == set(examples.ASKED)
    in_welsh = httpx.get(f"{town.url}/v1/consent/requests", headers=desk.headers | {"Accept-Language": "cy"})
    welsh = in_welsh.json()["requests"][0]["notice"]
    assert (welsh["language"], welsh["hash"] != asked["notice"]["hash"]) == ("cy", True)
    assert asked["reason"] == examples.REQUEST["reason"]
    assert desk.post(f"/v1/consent/requests/{id}/deferral").json()["state"] == "deferred"
    assert town.get(f"{PATH}/{id}").json()["state"] == "deferred"
    answer = {"given": True, "categories": [{"code": "support.plan", "fields": ["title"]}], "days": 400}
    wide = answer | {"categories": [{"code": "support.plan"}], "notice_hash": asked["notice"]["hash"]}
    refused = desk.post(f"/v1/consent/requests/{id}/answer", wide)
    assert (refused.status_code, refused.json()["reason"]) == (409, "wider-than-asked")
    unread = desk.post(f"/v1/consent/requests/{id}/answer", answer)
    assert (unread.status_code, unread.json()["code"]) == (409, "notice-changed")
    done = desk.post(f"/v1/consent/requests/{id}/answer", answer | {"notice_hash": welsh["hash"]})
    assert done.status_code == 201, done.text
    assert desk.claims(done.json())["dpv:hasNotice"]["language"] == "cy"
    assert desk.claims(done.json())["dpv:hasLegalBasis"] == {
        "lawful": "6(1)(a)",
        "confidentiality": "explicit-consent",
    }
    assert len(desk.claims(done.json())["agreement"]["revision"]) == 64
    assert desk.get("/v1/consent/requests").json() == {"requests": []}
    seen = town.get(f"{PATH}/{id}").json()
    assert set(seen["answer"]) == set(examples.REQUEST_ANSWERED["answer"])
    assert (seen["state"], seen["answer"]["given"]) == ("answered", True)
    assert seen["answer"]["categories"] == [{"code": "support.plan", "fields": ["title"]}]
    assert seen["answer"]["expires_at"] <= time.strftime("%Y-%m-%d", time.gmtime(time.time() + 91 * 86400))
    again = desk.post(f"/v1/consent/requests/{id}/answer", {"given": False})
    assert (again.status_code, again.json()["code"]) == (409, "request-closed")
    asked_for = question(told) | {"categories": [{"code": "support.plan", "need": "optional"}]}
    reply = town.post(asked_for).json()
    assert plan_row(reply)["state"] in ("returned", "redacted")
    assert all(set(item["data"]) <= {"title"} for item in reply["items"])
    told_of = town.get("/v1/webhook-deliveries").json()["deliveries"]
    assert told_of[-1]["notice"]["data"] == {"request": id}


def test_whoever_said_no_is_left_in_peace_for_the_same_and_for_a_part_of_it(town: World) -> None:
    told = story("redacted-fields")
    id = ask(town, told).json()["id"]
    desk = Desk(town, told)
    assert desk.post(f"/v1/consent/requests/{id}/answer", {"given": False}).status_code == 201
    for again in (ask(town, told), ask(town, told, service="another-name", categories=[{"code": "support.plan"}])):
        assert (again.status_code, again.json()["code"]) == (409, "request-refused-lately")
    other = ask(town, told, service="visits", categories=[{"code": "support.befriending"}])
    assert other.status_code == 201


def test_one_request_is_open_for_a_person_and_a_service(town: World) -> None:
    told, id = story("restricted"), str(uuid.uuid4())
    categories = [{"code": "support.befriending"}]
    first = ask(town, told, request_id=id, service="one", categories=categories)
    retry = ask(town, told, request_id=id, service="one", categories=categories)
    assert retry.json() == first.json()
    changed = ask(town, told, request_id=id, service="one", categories=categories, days=7)
    assert (changed.status_code, changed.json()["code"]) == (409, "idempotency-mismatch")
    second = ask(town, told, service="one", categories=categories)
    assert (second.status_code, second.json()["code"]) == (409, "request-open")
    assert second.json()["request"] == first.json()["id"]
    assert delete(town, first.json()["id"]).json()["state"] == "cancelled"
    assert delete(town, first.json()["id"]).status_code == 200
    assert ask(town, told, service="one", categories=categories).status_code == 201


def test_asking_does_not_tell_who_exists_who_has_died_or_who_said_no_elsewhere(town: World) -> None:
    """The reply, a retry, a second request, a look and a cancellation, of people and of nobody."""
    said: list[Any] = []
    for told in (story("all-returned"), story("consent-denied"), NOBODY, story("consent-given")):
        verify = {"birth_date": "1901-01-01"} if told == story("consent-given") else {}
        subject = body(told)["subject"] | {"verify": verify}
        service, request_id = "hidden", str(uuid.uuid4())
        made = ask(town, told, request_id=request_id, service=service, subject=subject)
        retry = ask(town, told, request_id=request_id, service=service, subject=subject)
        second = ask(town, told, service=service, subject=body(told)["subject"])
        look = town.get(f"{PATH}/{made.json()['id']}")
        gone = delete(town, made.json()["id"])
        said.append(
            [
                (
                    reply.status_code,
                    len(reply.content),
                    {k: v for k, v in reply.json().items() if k in ("state", "code")},
                )
                for reply in (made, retry, second, look, gone)
            ]
        )
    assert said.count(said[0]) == len(said), said
    assert Desk(town, story("consent-denied")).get("/v1/consent/requests").json() == {"requests": []}


def test_a_request_of_another_agency_is_as_one_that_is_not_there(town: World) -> None:
    id = ask(town, story("superseded"), service="mine").json()["id"]
    for path in (f"{PATH}/{id}", f"{PATH}/cr_{uuid.uuid4()}", f"{PATH}/x"):
        seen = town.get(path, system=COUNCIL, role="housing-officer")
        gone = delete(town, path.rpartition("/")[2], system=COUNCIL)
        assert [(one.status_code, one.json()["code"]) for one in (seen, gone)] == [(404, "not-found")] * 2
    assert town.get(f"{PATH}/{id}").json()["state"] == "requested"
    delivered = f"/v1/webhook-deliveries/{uuid.uuid4()}/redelivery"
    assert town.post({}, path=delivered, system=COUNCIL).status_code == 404


def test_another_citizen_cannot_answer_or_see_a_request(town: World) -> None:
    id = ask(town, story("consent-expired"), service="theirs").json()["id"]
    stranger = Desk(town, story("all-returned"))
    assert all(one["id"] != id for one in stranger.get("/v1/consent/requests").json()["requests"])
    for path, sent in (
        (f"{id}/answer", {"given": False}),
        (f"{id}/deferral", None),
        (f"cr_{uuid.uuid4()}/deferral", None),
    ):
        assert stranger.post(f"/v1/consent/requests/{path}", sent).status_code == 404
    forged = stranger.get(f"/v1/consent/requests?authority={uuid.uuid4()}")
    assert forged.status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"agreement": "dsa-2026-021"}, 403, "no-agreement"),
        ({"agreement": "dsa-2099-001"}, 403, "no-agreement"),
        ({"purpose": "social-support"}, 422, "invalid"),
        ({"categories": [{"code": "health.medications"}]}, 422, "invalid"),
        ({"categories": [{"code": "support.plan", "fields": ["nobody-knows"]}]}, 422, "invalid"),
        ({"categories": [{"code": "support.plan"}, {"code": "support.plan"}]}, 422, "invalid"),
        ({"reason": "see https://example.org/why it is"}, 400, "reason-not-plain"),
        ({"extra": 1}, 422, "invalid"),
        ({"days": 0}, 422, "invalid"),
    ],
)
def test_nothing_is_asked_that_the_agreement_does_not_hold(
    town: World, changes: dict[str, Any], status: int, code: str
) -> None:
    reply = ask(town, story("all-returned"), **changes)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert NHS_NUMBER not in reply.text


def test_a_request_needs_an_id_of_its_own(town: World) -> None:
    reply = ask(town, story("all-returned"), request_id="x")
    assert (reply.status_code, reply.json()["code"]) == (400, "missing-request-id")


def test_of_many_who_ask_or_answer_at_once_one_is_first(town: World) -> None:
    told, service = story("consent-expired"), "at-once"
    categories = [{"code": "support.befriending"}]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ask(town, told, service=service, categories=categories), range(16)))
    assert sorted(reply.status_code for reply in made) == [201] + [409] * 15
    [id] = [reply.json()["id"] for reply in made if reply.status_code == 201]
    assert {reply.json().get("request", id) for reply in made if reply.status_code == 409} == {id}
    desk = Desk(town, told)
    path = f"/v1/consent/requests/{id}/answer"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: desk.post(path, {"given": False}), range(8)))
    assert sorted(reply.status_code for reply in answers) == [201] + [409] * 7
    assert {reply.json()["code"] for reply in answers if reply.status_code == 409} == {"request-closed"}


def test_a_retry_that_overtakes_its_first_try_is_the_same_request(town: World) -> None:
    told, id = story("consent-expired"), str(uuid.uuid4())
    changes = {"request_id": id, "service": "retried", "categories": [{"code": "support.plan"}]}
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: ask(town, told, **dict(changes)), range(6)))
    assert {reply.status_code for reply in made} == {201}
    assert len({reply.json()["id"] for reply in made}) == 1


def inside(town: World, work: Callable[[Counter], Awaitable[T]], **changes: Any) -> T:
    """Something done with the parts themselves, beside the running gateway, under changed settings."""

    async def run() -> T:
        async with counter(town.settings.model_copy(update=changes)) as open_:
            return await work(open_)

    return asyncio.run(run())


WHO = Caller("uk/council/E06999901", "Examplebury Council", True, COUNCIL, True, "token-1")


def wanted(n: int, value: str = NOBODY) -> Wanted:
    what = Asked(
        agreement="dsa-2026-021",
        purpose="social-support.homelessness-prevention",
        provision=Provision(categories=("support.plan",)),
        reason="So that nobody loses their home",
        days=30,
    )
    subject = Identifier(NHS_NUMBER, value)
    return Wanted(subject, {}, f"service-{n}", what, uuid.uuid4().bytes * 2, bytes(32))


def test_an_organisation_asks_only_so_often_in_an_hour_whoever_it_asks(town: World) -> None:
    async def work(open_: Counter) -> str:
        for n in range(3):
            await open_.desk.asking.ask(WHO, wanted(n))
        with pytest.raises(RateLimited) as refused:
            await open_.desk.asking.ask(WHO, wanted(3, story("all-returned").identifiers[NHS_NUMBER]))
        return refused.value.detail

    assert inside(town, work, consent_requests_per_hour=3) == "At most 3 requests for consent an hour."


def test_a_request_that_a_crash_kept_out_of_the_log_is_logged_at_the_next_start(town: World) -> None:
    async def work(open_: Counter) -> list[int]:
        request = await open_.desk.asking.ask(WHO, wanted(9))
        crashed = structs.replace(request, id=str(uuid.uuid4()), service="crashed", key=uuid.uuid4().bytes * 2)
        with db.write(open_.desk.engine) as connection:
            requests.add(connection, crashed)
        return [await open_.desk.asking.log_missing() for _ in range(2)]

    assert inside(town, work) == [1, 0]
