# SPDX-License-Identifier: Apache-2.0
"""A citizen's consents are handed from one commons to another, in each form, and mean no more there."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from consent import ledger, rules, shown
from consent.model import Event, Kind, Provision
from gateway import db, keyring
from gateway.consents import exchange
from gateway.consents.recording import found
from gateway.errors import Malformed
from gateway.identity.identifiers import NHS_NUMBER, normalise
from gateway.sandbox import story
from tests.fixtures.commons import World, running
from tests.journeys.test_consent_story import citizen, decide

FORMS = ["fhir", "govstack"]


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[World]]:
    """One commons to hand over, and one for each form to take over."""
    made = [tmp_path_factory.mktemp(name) for name in ("ours", *FORMS)]
    with running(made[0]) as ours, running(made[1]) as one, running(made[2]) as other:
        yield [ours, one, other]


def history(town: World) -> list[Event]:
    engine = db.connect(town.settings.url)
    person = found(engine, keyring.load(town.settings.keys), citizen())
    with db.read(engine) as connection:
        events = ledger.history(connection, person)
    engine.dispose()
    return events


def permitted(town: World) -> set[tuple[str, str, str]]:
    return {
        (category, field, source)
        for statements in rules.fold(history(town)).values()
        for category in statements
        for field in ("title", "status", "visit_date", "anything")
        for source in ("uk/charity/9999901/crm", "elsewhere")
        if rules.word(statements[category], field, source, history(town)[-1].at) == "given"
    }


@pytest.mark.parametrize("form", FORMS)
def test_what_is_handed_over_means_the_same_there_and_twice_is_once(towns: list[World], form: str) -> None:
    ours, theirs = towns[0], towns[1 + FORMS.index(form)]
    if not history(ours):
        decide(ours, Kind.GIVEN)
        engine = db.connect(ours.settings.url)
        no = replace(
            history(ours)[0],
            id="0190b3a0-0000-7000-8000-00000000abcd",
            kind=Kind.WITHDRAWN,
            provision=Provision(categories=("support.plan",), fields=("support.plan/title",)),
            expires_at=0,
            notice_hash="",
            language="",
        )
        with db.write(engine) as connection:
            ledger.record(connection, no)
        engine.dispose()
    text = exchange.exported(ours.settings, citizen(), form).encode()
    taken = asyncio.run(exchange.imported(theirs.settings, citizen(), text, form, "staff-2"))
    assert (taken.recorded, taken.known, taken.left_out) == (2, 0, ())
    assert permitted(theirs) == permitted(ours) != set()
    engine = db.connect(ours.settings.url)
    with db.read(engine) as connection:
        words = shown.find(connection, history(ours)[0].notice_hash)
    engine.dispose()
    assert words is not None
    assert "Support plan" in words.words
    again = asyncio.run(exchange.imported(theirs.settings, citizen(), text, form, "staff-2"))
    assert (again.recorded, again.known) == (0, 2)


@pytest.mark.parametrize("form", FORMS)
def test_what_ended_what_others_decided_and_what_nobody_knows_is_left_out(towns: list[World], form: str) -> None:
    ours = towns[0]
    content = json.loads(exchange.exported(ours.settings, citizen(), form))
    text = json.dumps(content)
    for old, new in (
        ('"status": "active"', '"status": "inactive"')
        if form == "fhir"
        else ("#ConsentGiven", "#ConsentWithdrawn"),
        ("dsa-2026-014", "dsa-unknown"),
        ("direct-care.discharge-planning", "direct-care.another"),
    ):
        assert old in text
        taken = asyncio.run(
            exchange.imported(ours.settings, citizen(), text.replace(old, new).encode(), form, "staff-2")
        )
        assert taken.recorded == 0
        assert len(taken.left_out) == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_record_about_somebody_else_is_not_taken_over(towns: list[World], form: str) -> None:
    text = exchange.exported(towns[0].settings, citizen(), form)
    other = normalise(NHS_NUMBER, story("redacted-fields").identifiers[NHS_NUMBER])
    taken = asyncio.run(exchange.imported(towns[0].settings, other, text.encode(), form, "staff-2"))
    assert (taken.recorded, taken.known) == (0, 0)
    assert [why for _, why in taken.left_out] == ["it is not said to be about this citizen."]


@pytest.mark.parametrize("form", ["fhir", "govstack"])
def test_an_id_that_is_of_a_decision_about_somebody_else_is_a_conflict_and_not_known(
    towns: list[World], form: str
) -> None:
    mine, other = citizen(), normalise(NHS_NUMBER, story("redacted-fields").identifiers[NHS_NUMBER])
    text = exchange.exported(towns[0].settings, mine, form).replace(mine.value, other.value)
    taken = asyncio.run(exchange.imported(towns[0].settings, other, text.encode(), form, "staff-2"))
    assert (taken.recorded, taken.known) == (0, 0)
    assert {why for _, why in taken.left_out} == {"its id is that of a decision about somebody else here."}


def test_what_was_narrowed_by_who_does_not_know_our_extension_is_not_taken_over_wider(towns: list[World]) -> None:
    content = json.loads(exchange.exported(towns[0].settings, citizen(), "fhir"))
    for change in (
        {"dataPeriod": {"start": "2020-01-01", "end": "2020-12-31"}},
        {"class": content["entry"][0]["resource"]["provision"]["class"][:1]},
        {"type": "deny"},
    ):
        changed = json.loads(json.dumps(content))
        resource = changed["entry"][0]["resource"]
        resource["id"] = str(uuid.uuid4())
        resource["provision"] |= change
        text = json.dumps(changed).encode()
        taken = asyncio.run(exchange.imported(towns[0].settings, citizen(), text, "fhir", "staff-2"))
        assert taken.recorded == 0, change
        assert len(taken.left_out) == 1


@pytest.mark.parametrize("text", [b"", b"[1]", b'{"entry": 1}', b"\xff"])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_export_is_refused(towns: list[World], text: bytes, form: str) -> None:
    with pytest.raises(Malformed):
        asyncio.run(exchange.imported(towns[0].settings, citizen(), text, form, "staff-2"))
