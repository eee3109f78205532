# SPDX-License-Identifier: Apache-2.0
"""What officers and staff do from the command line: end a consent for somebody else, restrict by a court's order,
hide and show again; and what they cannot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from connectors.sandbox.stories import NHS_NUMBER
from gateway.cli.command import app
from gateway.sandbox import story
from tests.faults.inside import entry_types
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import World, running
from tests.journeys.test_consent_story import support

TOLD = "consent-not-given"
HOLDER = "all-returned"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("town")) as up:
        yield up


def number(name: str = TOLD) -> str:
    return str(story(name).identifiers[NHS_NUMBER])


def commons(town: World, *arguments: str, answers: str = "", fails: bool = False) -> str:
    """What a command says; with `fails` it must not succeed."""
    ran = CliRunner().invoke(app, [*arguments, "--data", str(town.settings.data_dir)], input=f"{answers}\n")
    assert (ran.exit_code != 0) is fails, ran.output
    return f"{ran.output}{ran.exception or ''}"


def give(town: World) -> str:
    """Record a yes; gives the id of the consent, as the history prints it."""
    commons(town, "consent", "record", "given", "dsa-2026-014", "support.plan", "--read-back", answers=number())
    told = commons(town, "consent", "history", answers=number())
    [*_, last] = [line for line in told.splitlines() if " given " in line]
    return last.split()[-1]


@pytest.mark.parametrize(
    ("command", "reason", "state", "sentence"),
    [
        ("revoke", "regulator-order", "revoked", "A regulator ordered it to end."),
        ("invalidate", "coercion", "invalidated", "It was not given freely."),
    ],
)
def test_a_consent_that_somebody_else_ends_stops_at_once_and_the_citizen_reads_why(
    town: World, command: str, reason: str, state: str, sentence: str
) -> None:
    consent = give(town)
    assert support(town) == ("returned", "")
    assert "Recorded" in commons(town, "consent", command, consent, reason, "--staff", "officer-1")
    assert support(town)[0] == "withheld"
    desk = Desk(town, story(TOLD))
    newest = desk.get("/v1/consent/history").json()["decisions"][-1]
    assert (newest["kind"], newest["why"], newest["by_you"]) == (state, sentence, False)
    assert desk.claims(newest)["iso27560:event_type"] == state
    assert f"consent.{state}" in entry_types(town, 0)
    again = commons(town, "consent", command, consent, reason, "--staff", "officer-1", fails=True)
    assert "nothing" in again


def test_what_is_not_there_or_not_so_ends_nothing(town: World) -> None:
    assert "no consent of that id" in commons(
        town, "consent", "revoke", "019abcde-0000-7000-8000-000000000000", "court-order", "--staff", "o", fails=True
    )
    unknown = refused(town, "consent", "revoke", give(town), "coercion", "--staff", "officer-1")
    assert "regulator-order" in unknown  # the reasons that there are
    commons(town, "consent", "record", "withdrawn", "dsa-2026-014", "support.plan", "--read-back", answers=number())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("record", "given", "dsa-2026-014", "support.plan"), "/read_back"),
        (("record", "given", "dsa-2026-014", "health.medications", "--read-back"), "consent-not-needed"),
        (("record", "given", "dsa-2026-014", "support.plan", "--read-back", "--channel", "paper"), "/evidence"),
        (("object", "dsa-2026-014", "uk/nhs/XZZ01", "housing.tenancy"), "/read_back"),
        (("opt-out",), "/read_back"),
        (("opt-out", "everything", "--read-back"), "national-data-opt-out"),
    ],
)
def test_staff_record_nothing_that_was_not_read_back_or_is_no_matter_of_consent(
    town: World, arguments: tuple[str, ...], expected: str
) -> None:
    assert expected in refused(town, "consent", *arguments)


def refused(town: World, *arguments: str, answers: str = "") -> str:
    """What a command that is refused says on the terminal, its pointers too."""
    ran = CliRunner().invoke(
        app, [*arguments, "--data", str(town.settings.data_dir)], input=f"{answers or number()}\n"
    )
    assert ran.exit_code != 0, ran.output
    assert ran.exception is not None
    return " ".join(
        f"{fault.pointer} {fault.code} {fault.expected}" for fault in getattr(ran.exception, "errors", ())
    )


def test_a_court_s_order_takes_away_the_decision_until_it_is_lifted(town: World) -> None:
    both = f"{number()}\n{number(HOLDER)}"
    made = commons(town, "authority", "grant", "consent", "signed-consent", "ref-1", answers=both)
    authority = made.strip().splitlines()[-1].rpartition(": ")[2]
    holder = Desk(town, story(HOLDER))
    [held] = [one for one in holder.get("/v1/consent/authorities").json()["held_by_you"] if one["id"] == authority]
    assert (held["shown_by"], held["restrictions"]) == ("signed-consent", [])
    assert held["person"]
    [over] = [
        one for one in Desk(town, story(TOLD)).get("/v1/consent/authorities").json()["over_you"]
        if one["id"] == authority
    ]  # fmt: skip
    assert over["holder"] != held["person"]

    def decides() -> int:
        return holder.post(
            f"/v1/consent/opt-outs?authority={authority}", {"code": "national-data-opt-out"}
        ).status_code

    commons(town, "authority", "restrict", authority, "order-7")
    [limited] = [
        one["restrictions"] for one in holder.get("/v1/consent/authorities").json()["held_by_you"]
        if one["id"] == authority
    ]  # fmt: skip
    assert [one["may_not"] for one in limited] == ["decide"]
    assert "by order order-7 may not decide: anything" in commons(town, "authority", "list", answers=number())
    assert decides() == 403
    commons(town, "authority", "restrict", authority, "order-7", "--lift")
    assert decides() == 201
    assert "unknown-code" in refused(town, "authority", "restrict", authority, "order-8", "--category", "nonsense")
    assert {"authority.restricted"} <= set(entry_types(town, 0))
    commons(town, "authority", "end", authority, "relationship-changed")


def test_what_is_hidden_is_listed_for_staff_and_shown_again(town: World) -> None:
    commons(town, "authority", "hide", "--category", "support.plan", answers=number())
    told = commons(town, "authority", "hidden", answers=number())
    [line] = [line for line in told.splitlines() if "support.plan" in line]
    assert "in force" in line
    id_ = next(word for word in line.split() if word.count("-") == 4)
    assert "No longer hidden" in commons(town, "authority", "unhide", id_)
    assert "until" in commons(town, "authority", "hidden", answers=number())
    assert "Nothing is hidden" in commons(town, "authority", "unhide", id_, fails=True)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--category", "support.plam"), "/categories/0 unknown-code"),
        (("--purpose", "nonsense"), "/purposes/0 unknown-code"),
    ],
)
def test_an_authority_is_limited_to_what_there_is(town: World, more: tuple[str, ...], expected: str) -> None:
    both = f"{number()}\n{number(HOLDER)}"
    said = refused(town, "authority", "grant", "consent", "signed-consent", "ref-1", *more, answers=both)
    assert expected in said


def test_nobody_holds_an_authority_over_themself(town: World) -> None:
    both = f"{number()}\n{number()}"
    assert "same-person" in refused(town, "authority", "grant", "consent", "signed-consent", "ref", answers=both)
