# SPDX-License-Identifier: Apache-2.0
"""Deciding for others, objecting, and deciding with help: over the API and the operator's commands."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from typer.testing import CliRunner

from connectors.sandbox.stories import NHS_NUMBER, Story
from consent import ledger, vrs
from consent.authority import Assessment, Authority, Evidence, Matter, review_instants
from consent.concealment import Concealment
from consent.deciding import Allowed, NotAllowed
from consent.words import By, Kind
from gateway import db
from gateway.cli.command import app
from gateway.consents.counter import Counter, counter
from gateway.errors import Invalid
from gateway.identity import circumstances
from gateway.identity.identifiers import normalise
from gateway.model import Identifier
from gateway.sandbox import story
from gateway.web.consent import examples
from tests.faults.inside import entry_types, log_size, plan_row
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import World, content_of, question, running

T = TypeVar("T")
PATH = "/v1/consent-requests"
ASSISTED = "/v1/consent/assisted/decisions"
COUNCIL = ("e06999901-adult-social-care", "housing-officer")
PLAN = [{"code": "support.plan"}]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A commons of this module's own."""
    with running(tmp_path_factory.mktemp("others")) as up:
        yield up


def citizen(told: Story) -> Identifier:
    return normalise(NHS_NUMBER, told.identifiers[NHS_NUMBER])


def at(town: World, work: Callable[[Counter], Awaitable[T]]) -> T:
    """What an operator does, beside the running gateway."""

    async def run() -> T:
        async with counter(town.settings) as open_:
            return await work(open_)

    return asyncio.run(run())


def grant(town: World, holder: Story, person: Story, by: By, evidence: str, **more: Any) -> str:
    async def work(open_: Counter) -> str:
        made = Authority(
            id="",
            person=open_.person(citizen(person)),
            holder=open_.person(citizen(holder)),
            by=by,
            since=int(time.time()) - 5,
            evidence=Evidence(evidence, "ref-1", "staff-1", int(time.time())),
            **more,
        )
        return (await open_.desk.authorities.grant(made, actor="staff-1")).id

    return at(town, work)


def ask(town: World, told: Story, service: str, **changes: Any) -> str:
    subject = {"identifier": {"system": NHS_NUMBER, "value": told.identifiers[NHS_NUMBER]}}
    sent = examples.REQUEST | {"subject": subject, "categories": PLAN, "service": service} | changes
    reply = town.post(sent, path=PATH, **{"X-Request-ID": str(uuid.uuid4())})
    assert reply.status_code == 201, reply.text
    id: str = reply.json()["id"]
    return id


def plan(town: World, told: Story) -> str:
    """How the hospital finds the citizen's support plan."""
    asked = question(told) | {"categories": [{"code": "support.plan", "need": "optional"}]}
    reply = town.post(asked | {"purpose": "direct-care.discharge-planning"}).json()
    return str(plan_row(reply)["state"]) if "completeness" in reply else str(reply["code"])


def objected(town: World, told: Story) -> list[str]:
    """How objections to the hospital stand in what each of its queries is decided by, and sealed against."""

    async def work(open_: Counter) -> list[str]:
        person = open_.person(citizen(told))
        with db.read(open_.desk.engine) as connection:
            found = ledger.standing(connection, person, "uk/nhs/XZZ01", "direct-care.discharge-planning")
        return [f"{one.categories[0]} {one.state}" for one in found.objections]

    return at(town, work)


def test_a_carer_whom_the_person_chose_answers_for_them_until_that_ends(town: World) -> None:
    person, carer = story("consent-not-given"), story("all-returned")
    newest = log_size(town) - 1
    authority = grant(town, carer, person, By.CHOSEN, "signed-consent")
    id = ask(town, person, "hub")
    desk = Desk(town, carer)
    of = f"?authority={authority}"
    [asked] = desk.get(f"/v1/consent/requests{of}").json()["requests"]
    done = desk.post(
        f"/v1/consent/requests/{id}/answer{of}", {"given": True, "notice_hash": asked["notice"]["hash"]}
    )
    assert done.status_code == 201, done.text
    assert plan(town, person) == "returned"

    async def end(open_: Counter) -> list[str]:
        return [event.kind.value for event in await open_.desk.authorities.end(authority, "court-order", actor="s")]

    assert at(town, end) == ["revoked"]
    assert plan(town, person) in ("withheld", "no-consent")
    assert desk.get(f"/v1/consent/requests{of}").json() == {"requests": []}
    kinds = [kind for kind in entry_types(town, newest) if kind.startswith("consent.")]
    assert kinds == [
        "consent.authority-given",
        "consent.requested",
        "consent.given",
        "consent.revoked",
        "consent.authority-ended",
    ]


def test_who_decides_for_somebody_objects_opts_out_and_asks_what_if_for_them_and_not_for_themself(
    town: World,
) -> None:
    person, carer = story("consent-not-given"), story("all-returned")
    authority = grant(town, carer, person, By.CHOSEN, "signed-consent")
    desk, of = Desk(town, carer), f"?authority={authority}"
    made = desk.post(f"/v1/consent/objections{of}", examples.OBJECT)
    assert made.status_code == 201, made.text
    assert (len(objected(town, person)), objected(town, carer)) == (1, [])
    own = f"/v1/consent/objections/{made.json()['objection']}"
    assert desk.request("DELETE", own).status_code == 404
    assert desk.request("DELETE", f"{own}{of}").status_code == 200
    assert objected(town, person) == []
    receipt = made.json()["receipt"].removeprefix(town.settings.public_url)
    assert desk.get(receipt).status_code == 404
    assert desk.get(f"{receipt}{of}").status_code == 200
    assert Desk(town, person).get(receipt).status_code == 200

    opted = desk.post(f"/v1/consent/opt-outs{of}", {"code": "national-data-opt-out"})
    assert opted.status_code == 201, opted.text
    again = Desk(town, person).post("/v1/consent/opt-outs", {"code": "national-data-opt-out"})
    assert again.status_code == 409
    assert desk.request("DELETE", f"/v1/consent/opt-outs/national-data-opt-out{of}").status_code == 200

    record = desk.record("Support from the charity, if the patient agrees")["id"]
    supposed = {"record": record, "decision": "withdraw"}
    mine = content_of(desk.post("/v1/consent/simulate", supposed))
    theirs = content_of(desk.post(f"/v1/consent/simulate{of}", supposed))
    assert theirs == content_of(Desk(town, person).post("/v1/consent/simulate", supposed)) != mine


def test_nobody_uses_an_authority_of_somebody_else_and_a_proxy_does_not_see_what_is_hidden(town: World) -> None:
    person, carer, other = story("redacted-fields"), story("all-returned"), story("consent-given")
    authority = grant(town, carer, person, By.CHOSEN, "signed-consent")
    id = ask(town, person, "hidden-one", categories=[{"code": "support.befriending"}])
    of = f"?authority={authority}"
    assert len(Desk(town, carer).get(f"/v1/consent/requests{of}").json()["requests"]) == 1
    stranger = Desk(town, other)
    for reply in (
        stranger.get(f"/v1/consent/requests{of}"),
        stranger.post(f"/v1/consent/requests/{id}/answer{of}", {"given": False}),
        stranger.get(f"/v1/consent/requests?authority={uuid.uuid4()}"),
    ):
        assert (reply.status_code, reply.json()["code"]) == (404, "not-found")

    async def hide(open_: Counter) -> None:
        made = Concealment(
            id=str(uuid.uuid4()),
            person=open_.person(citizen(person)),
            set_by="staff-1",
            since=int(time.time()) - 1,
            categories=("support.befriending",),
        )
        await open_.desk.authorities.conceal(made)

    at(town, hide)
    assert Desk(town, carer).get(f"/v1/consent/requests{of}").json() == {"requests": []}
    assert len(Desk(town, person).get("/v1/consent/requests").json()["requests"]) == 1


def test_a_health_attorney_decides_only_once_capacity_is_found_lacking(town: World) -> None:
    person, attorney = story("redacted-fields"), story("consent-given")
    authority = grant(town, attorney, person, By.HEALTH_LPA, "lpa-certificate")
    id = ask(town, person, "hub")
    desk, of = Desk(town, attorney), f"?authority={authority}"
    early = desk.post(f"/v1/consent/requests/{id}/answer{of}", {"given": False})
    assert (early.status_code, early.json().get("reason")) == (403, "person-has-capacity"), early.text

    async def assess(open_: Counter) -> None:
        person_id = open_.person(citizen(person))
        made = Assessment(
            id=str(uuid.uuid4()), person=person_id, kind="capacity", able=False, assessor="doctor-1",
            reference="notes-1", at=int(time.time()) - 1,
        )  # fmt: skip
        await open_.desk.authorities.assess(made)

    at(town, assess)
    assert desk.post(f"/v1/consent/requests/{id}/answer{of}", {"given": False}).status_code == 201


def test_an_objection_rests_the_sharing_until_the_controller_overrides_it_or_it_is_taken_back(town: World) -> None:
    desk = Desk(town, story("redacted-fields"))
    wrong = desk.post("/v1/consent/objections", examples.OBJECT | {"categories": ["support.plan"]})
    assert (wrong.status_code, wrong.json()["instead"]) == (409, "withdraw")
    made = desk.post("/v1/consent/objections", examples.OBJECT)
    assert made.status_code == 201, made.text
    id = made.json()["objection"]
    path = f"/v1/objections/{id}"
    assert desk.post("/v1/consent/objections", examples.OBJECT).json()["reason"] == "objected-when-pending"
    seen = town.get(path)
    assert set(seen.json()) == set(examples.OBJECTION)
    assert seen.json()["state"] == "pending"
    assert objected(town, desk.told) == ["housing.tenancy pending"]
    assert tenancy(town, desk.told) == ("withheld", "objection")
    told_of = town.get("/v1/webhook-deliveries").json()["deliveries"]
    assert {"objection": id} in [one["notice"]["data"] for one in told_of]
    for other in (
        town.get(path, *COUNCIL),
        town.post(
            {"outcome": "upheld", "reason": "unlawful"}, path=f"{path}/decision", system=COUNCIL[0], role=COUNCIL[1]
        ),
    ):
        assert (other.status_code, other.json()["code"]) == (404, "not-found")
    unreasoned = town.post({"outcome": "overridden", "reason": "because"}, path=f"{path}/decision")
    assert unreasoned.status_code == 422
    done = town.post({"outcome": "overridden", "reason": "compelling-grounds"}, path=f"{path}/decision")
    assert (done.status_code, done.json()["state"]) == (200, "overridden")
    assert objected(town, desk.told) == ["housing.tenancy overridden"]
    assert tenancy(town, desk.told) == ("returned", "")
    stranger = Desk(town, story("all-returned"))
    gone = httpx.delete(f"{town.url}/v1/consent/objections/{id}", headers=stranger.headers)
    assert gone.status_code == 404
    back = httpx.delete(f"{town.url}/v1/consent/objections/{id}", headers=desk.headers)
    assert back.status_code == 200, back.text
    assert town.get(path).json()["state"] == "taken-back"
    assert objected(town, desk.told) == []


def tenancy(town: World, told: Story) -> tuple[str, str]:
    """What becomes of the tenancy in an agency's next question."""
    asked = town.ask(told, categories=[{"code": "housing.tenancy", "need": "optional", "fields": []}])
    said = asked.json()  # where nothing else is left, the whole query is refused
    rows = said.get("completeness", said)["summary"]
    [row] = [one for one in rows if one["category"] == "housing.tenancy"]
    return row["state"], row.get("reason", "")


def test_an_opt_out_is_made_once_and_ended_once(town: World) -> None:
    desk, code = Desk(town, story("consent-expired")), "national-data-opt-out"
    address = f"{town.url}/v1/consent/opt-outs/{code}"
    assert desk.post("/v1/consent/opt-outs", {"code": code}).status_code == 201
    assert desk.post("/v1/consent/opt-outs", {"code": code}).json()["reason"] == "already-opted-out"
    assert desk.post("/v1/consent/opt-outs", {"code": "another"}).status_code == 422
    assert httpx.delete(address, headers=desk.headers).status_code == 200
    assert httpx.delete(address, headers=desk.headers).json()["reason"] == "not-opted-out"


# -- with help ---------------------------------------------------------------------------------------------


def assisted(town: World, told: Story, decision: str, *, role: str = "discharge-coordinator", **more: Any) -> Any:
    born = {"birth_date": str(told.citizen.birth_date)}
    subject = {"identifier": {"system": NHS_NUMBER, "value": told.identifiers[NHS_NUMBER]}, "verify": born}
    sent = {
        "decision": decision,
        "subject": subject,
        "agreement": "dsa-2026-014",
        "channel": "phone",
        "read_back": True,
        "categories": PLAN,
    }
    return town.post(sent | more, path=ASSISTED, role=role)


def words(town: World, language: str = "en") -> str:
    asked = {"agreement": "dsa-2026-014", "categories": PLAN}
    reply = town.post(asked, path="/v1/consent/assisted/words", **{"Accept-Language": language})
    assert reply.json()["language"] == language
    assert hashlib.sha256(reply.json()["text"].encode()).hexdigest() == reply.json()["notice_hash"]
    hash_: str = reply.json()["notice_hash"]
    return hash_


def test_what_is_said_on_the_telephone_counts_as_what_is_clicked_and_is_taken_back_as_easily(town: World) -> None:
    told = story("consent-withdrawn")
    given = assisted(town, told, "give", notice_hash=words(town, "en-simple"), days=30)
    assert given.status_code == 201, given.text
    assert set(given.json()) == set(examples.ASSISTED_DONE)
    receipt = Desk(town, told).claims(given.json())
    assert receipt["dpv:hasLegalBasis"] == {"lawful": "6(1)(a)", "confidentiality": "explicit-consent"}
    assert len(receipt["agreement"]["revision"]) == 64
    assert receipt["dpv:hasNotice"]["language"] == "en-simple"
    assert plan(town, told) == "returned"
    longer = assisted(town, told, "renew", notice_hash=words(town, "en-simple"), days=90)
    assert longer.status_code == 201, longer.text
    printed = town.get(longer.json()["receipt_for_staff"], role="discharge-coordinator").json()["plain"]
    assert "agreed to this sharing for longer" in printed
    assert "said on the telephone, written down by staff, and read back" in printed
    own = Desk(town, told).get("/v1/consent/history").json()["decisions"][0]["event"]
    for other in (f"rcp_{own}", f"rcp_{uuid.uuid4()}"):
        path = f"/v1/consent/assisted/receipts/{other}"
        assert town.get(path, role="discharge-coordinator").status_code == 404
    assert town.get(longer.json()["receipt_for_staff"], role="").status_code == 404
    assert Desk(town, told).claims(longer.json())["iso27560:event_type"] == "renewed"
    assert assisted(town, told, "withdraw", categories=[]).status_code == 201
    assert plan(town, told) in ("withheld", "no-consent")
    assert assisted(town, told, "object", categories=[{"code": "housing.tenancy"}]).status_code == 201
    assert assisted(town, told, "opt-out", categories=[], code="national-data-opt-out").status_code == 201


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"read_back": False}, 422, "invalid"),
        ({"channel": "web"}, 422, "invalid"),
        ({"channel": "paper"}, 422, "invalid"),
        ({"notice_hash": "0" * 64}, 422, "invalid"),
        ({"categories": [{"code": "health.medications"}]}, 422, "invalid"),
        ({"role": "link-worker"}, 403, "assistance-not-allowed"),
        ({"role": ""}, 403, "assistance-not-allowed"),
        ({"agreement": "dsa-2026-021"}, 403, "no-agreement"),
        ({"evidence": "x"}, 422, "invalid"),
    ],
)
def test_staff_record_nothing_that_was_not_said_read_and_theirs_to_record(
    town: World, more: dict[str, Any], status: int, code: str
) -> None:
    sent = {"notice_hash": words(town)} | more
    reply = assisted(town, story("all-returned"), "give", **sent)
    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text


def test_nobody_and_somebody_with_another_birth_date_are_the_same_to_staff(town: World) -> None:
    told = story("all-returned")
    nobody = {"identifier": {"system": NHS_NUMBER, "value": "9990000999"}, "verify": {"birth_date": "1950-01-01"}}
    other = {
        "identifier": {"system": NHS_NUMBER, "value": told.identifiers[NHS_NUMBER]},
        "verify": {"birth_date": "1901-01-01"},
    }
    said = [assisted(town, told, "refuse", subject=subject) for subject in (nobody, other)]
    assert [reply.status_code for reply in said] == [404, 404]
    assert content_of(said[0]) == content_of(said[1])


def test_the_operator_s_commands_do_the_same(town: World) -> None:
    told, carer = story("consent-denied"), story("all-returned")
    number = told.identifiers[NHS_NUMBER]

    def commons(*arguments: str, answers: str = number, whole: bool = False) -> str:
        done = CliRunner().invoke(app, [*arguments, "--data", str(town.settings.data_dir)], input=f"{answers}\n")
        assert done.exit_code == 0, done.output
        if whole:
            return str(done.stdout)
        lines = done.stdout.strip().splitlines()
        return lines[-1].rpartition(": ")[2] if lines else ""

    both = f"{number}\n{carer.identifiers[NHS_NUMBER]}"
    authority = commons("authority", "grant", "consent", "signed-consent", "ref-1", answers=both)
    listed = commons("authority", "list", whole=True)
    assert authority in listed
    assert "in force" in listed
    assert "shown by signed-consent" in listed
    commons("authority", "assess", "capacity", "notes-1")
    commons("authority", "review", authority, "--rests", answers="")
    assert "authority-suspended" in commons("authority", "list", whole=True)
    assert "0 consents" in commons("authority", "end", authority, "relationship-changed", answers="")
    objection = commons("consent", "object", "dsa-2026-014", "uk/nhs/XZZ01", "housing.tenancy", "--read-back")
    assert town.get(f"/v1/objections/{objection}").json()["state"] == "pending"
    commons("consent", "take-back", objection, "--read-back")
    commons("consent", "opt-out", "--read-back")
    commons("consent", "opt-out", "--back-in", "--read-back")
    id = ask(town, story("consent-given"), "by-command")
    their = story("consent-given").identifiers[NHS_NUMBER]
    assert id in commons("consent", "requests", answers=their)
    commons("consent", "answer", id, "--no", "--read-back", answers=their)
    assert town.get(f"{PATH}/{id}").json()["answer"]["given"] is False
    secret = commons("webhook", "set", "xzz01-discharge", "http://127.0.0.1:9/hook", answers="")
    assert secret.startswith("whsec_")
    assert commons("webhook", "rotate", "xzz01-discharge", answers="") != secret
    commons("webhook", "activate", "xzz01-discharge", "--off", answers="")
    assert commons("webhook", "show", "xzz01-discharge", answers="")


def note(open_: Counter, person: str, born: datetime.date) -> None:
    """The register knows when somebody was born."""
    with db.write(open_.desk.engine) as connection:
        circumstances.note(
            connection, open_.desk.keys, person, born=f"{born:%Y-%m}", deceased=False, now=int(time.time())
        )


@pytest.mark.parametrize(("years", "wanted"), [(8, "goes on"), (14, "goes on"), (18, "of-age")])
def test_a_parent_s_authority_is_recorded_with_its_reviews_and_not_over_an_adult(
    town: World, years: int, wanted: str
) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    born = today.replace(year=today.year - years, day=1)

    async def work(open_: Counter) -> Authority:
        child = open_.person(citizen(story("consent-denied")))
        note(open_, child, born)
        made = Authority(
            id="",
            person=child,
            holder=open_.person(citizen(story("all-returned"))),
            by=By.PARENT,
            since=int(time.time()),
            evidence=Evidence("birth-certificate", "ref-1", "staff-1", int(time.time())),
        )
        granted = await open_.desk.authorities.grant(made, actor="staff-1", born=born)
        reviewed = await open_.desk.authorities.review(granted.id, actor="staff-2", goes_on=True)
        assert reviewed == granted
        await open_.desk.authorities.end(granted.id, "relationship-changed", actor="staff-1")
        note(open_, child, datetime.date(1980, 1, 1))
        with pytest.raises(
            Invalid
        ) as grown:  # a certificate proves no authority over whom the register knows grown
            await open_.desk.authorities.grant(made, actor="staff-1", born=born)
        assert grown.value.errors[0].code == "of-age"
        return granted

    if wanted == "of-age":
        with pytest.raises(Invalid) as refused:
            at(town, work)
        assert refused.value.errors[0].code == "of-age"
    else:
        granted = at(town, work)
        assert granted.reviews == review_instants(born)
        assert granted.reviewed_to == next(one for one in granted.reviews if one > time.time())


def test_evidence_that_does_not_show_the_ground_is_not_taken(town: World) -> None:
    with pytest.raises(Invalid) as refused:
        grant(town, story("all-returned"), story("consent-denied"), By.HEALTH_LPA, "birth-certificate")
    assert refused.value.errors[0].pointer == "/evidence/type"


def codes(refused: pytest.ExceptionInfo[Invalid]) -> set[str]:
    return {f"{fault.pointer} {fault.code}" for fault in refused.value.errors}


def test_best_interest_is_recorded_only_for_who_was_found_to_lack_capacity_and_looked_at_each_month(
    town: World,
) -> None:
    person, carer, now = story("consent-expired"), story("all-returned"), int(time.time())
    month = {"until": now + 60 * 86_400, "categories": ("support.plan",), "purposes": ("direct-care",)}

    def wanted(**more: Any) -> str:
        return grant(town, carer, person, By.BEST_INTEREST, "best-interests-meeting", **(month | more))

    with pytest.raises(Invalid) as refused:
        wanted()
    assert codes(refused) == {"/by not-assessed"}

    async def assess(open_: Counter) -> None:
        made = Assessment(
            id=str(uuid.uuid4()), person=open_.person(citizen(person)), kind="capacity", able=False,
            assessor="doctor-1", reference="notes-1", at=now - 1, categories=("support.plan",),
        )  # fmt: skip
        await open_.desk.authorities.assess(made)

    at(town, assess)
    with pytest.raises(Invalid) as refused:
        wanted(until=now + 200 * 86_400, purposes=())
    assert codes(refused) == {"/until missing", "/categories missing"}
    with pytest.raises(Invalid) as refused:
        wanted(categories=("support.plan", "support.befriending"))
    assert codes(refused) == {"/by not-assessed"}
    id = wanted()

    async def look(open_: Counter) -> Authority:
        return await open_.desk.authorities.review(id, actor="staff-2", goes_on=True)

    again = at(town, look)
    assert 27 * 86_400 < again.reviewed_to - now <= 28 * 86_400 + 60
    desk = Desk(town, carer)
    asked = ask(town, person, "best")
    answered = desk.post(f"/v1/consent/requests/{asked}/answer?authority={id}", {"given": False})
    assert answered.status_code == 201, answered.text


def test_a_relationship_without_a_known_ground_is_taken_over_and_gives_no_right_until_one_is_established(
    town: World, tmp_path: Path
) -> None:
    person, carer = story("restricted"), story("all-returned")
    ours, theirs = person.identifiers[NHS_NUMBER], carer.identifiers[NHS_NUMBER]

    def relationship(id: str, code: str, holder: str = theirs, **more: Any) -> dict[str, Any]:
        actor = {
            "role": {"coding": [{"system": vrs.BASIS, "code": code}]},
            "reference": {"type": "RelatedPerson", "identifier": {"system": vrs.NHS_NUMBER, "value": holder}},
        }
        resource = {
            "resourceType": "Consent",
            "id": id,
            "status": "active",
            "patient": {"identifier": {"system": vrs.NHS_NUMBER, "value": ours}},
            "dateTime": "2026-01-21T17:32:28Z",
            "provision": {"type": "permit", "actor": [actor], "period": {"start": "2026-02-11"}},
        }
        return {"resource": resource | more}

    file = tmp_path / "relationships.json"
    over = {"provision": relationship("", "consent")["resource"]["provision"] | {"period": {"end": "2026-02-12"}}}
    listed = [
        relationship("A1", "unknown"),
        relationship("A2", "best-interest"),
        relationship("A3", "consent", status="inactive"),
        relationship("A4", "consent", **over),
        relationship("A5", "parental-responsibility"),
        relationship("A6", "consent", holder="9990000999"),
        relationship("A7", "consent", holder="1"),
    ]
    file.write_text(json.dumps({"resourceType": "Bundle", "entry": listed}))

    def commons(*arguments: str, answers: str = "") -> str:
        done = CliRunner().invoke(app, [*arguments, "--data", str(town.settings.data_dir)], input=f"{answers}\n")
        assert done.exit_code == 0, done.output
        return done.stdout

    said = commons("authority", "import", str(file))
    first, *ids = said.splitlines()[:3]
    assert first == "2 recorded, 2 of them without a right; 0 known."
    assert [line.split(":")[1].strip() for line in said.splitlines()[3:]] == ["A3", "A4", "A5", "A6", "A7"]
    assert commons("authority", "import", str(file)).splitlines()[0].endswith("0 of them without a right; 2 known.")

    async def may(open_: Counter) -> Allowed | NotAllowed:
        about = Matter("direct-care.discharge-planning", ("support.plan",))
        of, by = open_.person(citizen(person)), open_.person(citizen(carer))
        with db.read(open_.desk.engine) as connection:
            return open_.desk.authorities.may_decide(connection, of, by, Kind.WITHDRAWN, "uk/nhs/XZZ01", about)

    assert at(town, may) == NotAllowed("ground-unknown")
    made = commons("authority", "establish", ids[0], "consent", "signed-consent", "ref-7").strip()
    assert commons("authority", "list", answers=ours).count("authority-ended") == 1
    printed = commons("authority", "export", answers=ours)
    exported = json.loads(printed[printed.index("{") :])
    basis = {
        one["resource"]["id"]: (one["resource"]["status"], one["resource"]["policyRule"]["coding"][0]["code"])
        for one in exported["entry"]
        if one["resource"]["resourceType"] == "Consent"
    }
    assert basis == {ids[0]: ("inactive", "UNK"), ids[1]: ("proposed", "UNK"), made: ("active", "consent")}
    assert at(town, may) == Allowed(By.CHOSEN, made)


def test_a_person_whose_decisions_were_erased_says_yes_anew_and_nobody_does_it_for_them(town: World) -> None:
    person, carer = story("consent-denied"), story("all-returned")
    desk, title = Desk(town, person), "Support from the charity, if the patient agrees"
    record = desk.record(title)["id"]
    before = desk.get("/v1/consent/history").json()["decisions"]
    officers = ("--authority", "SAR-1", "--requested-by", "officer-1", "--approved-by", "officer-2")
    done = CliRunner().invoke(
        app,
        ["erasure", "decisions", *officers, "--data", str(town.settings.data_dir)],
        input=f"{person.identifiers[NHS_NUMBER]}\n",
    )
    assert f"{len(before)} decisions keep their hashes" in done.stdout, done.output
    told = desk.get("/v1/consent/history").json()
    assert (told["chain"], told["decisions"][0]["kind"]) == ("verified", "erased")
    assert told["decisions"][0]["seq"] == len(before) + 1
    assert plan(town, person) == "no-consent"
    asked = ask(town, person, "after-erasure")
    assert asked not in [one["id"] for one in desk.get("/v1/consent/requests").json()["requests"]]
    authority = grant(town, carer, person, By.CHOSEN, "signed-consent")
    proxy = Desk(town, carer)
    yes = {"record": record, "decision": "give", "categories": ["support.plan"]}
    yes["notice_hash"] = desk.notice(record)["hash"]
    refused = proxy.post(f"/v1/consent/decisions?authority={authority}", yes)
    assert (refused.status_code, refused.json()["reason"]) == (403, "the-person-decided"), refused.text
    desk.give(record, ["support.plan"])
    assert plan(town, person) == "returned"
