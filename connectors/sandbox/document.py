# SPDX-License-Identifier: Apache-2.0
"""Writes the page of the test citizens: `python -m connectors.sandbox.document docs/test-citizens.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from connectors.sandbox.stories import (
    BEFRIENDERS,
    CHARITY,
    CHARITY_REF,
    COUNCIL,
    COUNCIL_REF,
    GP,
    NHS_NUMBER,
    TOWN_HALL,
    TRUST,
    Ask,
    ConsentAct,
    Fault,
    Row,
    Story,
)
from connectors.sandbox.test_citizens import DISCHARGE, HOMELESSNESS, PRESCRIBING, TEST_CITIZENS

SYSTEMS = {NHS_NUMBER: "NHS number", COUNCIL_REF: "Council reference", CHARITY_REF: "Charity client number"}
SOURCES = {GP: "GP record", COUNCIL: "Council", CHARITY: "Charity"}
ORGANISATIONS = {TRUST: "the hospital trust", TOWN_HALL: "the council", BEFRIENDERS: "the charity"}
QUESTIONS = {"discharge": DISCHARGE, "homelessness": HOMELESSNESS, "social prescribing": PRESCRIBING}

_LEAD = """\
# Test citizens

<!-- Generated from connectors/sandbox/test_citizens.py; edit that instead. -->

Every population that `commons sandbox populate` makes begins with these citizens, whatever its size and seed.
Each shows one outcome that an asking agency must be ready for. All of them are invented: NHS numbers are in the
999 range that is kept for tests, telephone numbers are those Ofcom keeps for drama, postcodes are in the area ZZ,
which does not exist, and UPRNs are beyond every allotted block.

Ask with `POST /v1/record-queries`. An expected line is one of the `completeness.summary` of the answer; lines that
are not listed are as for `all-returned`.
"""


def page() -> str:
    """The whole page as Markdown."""
    lines = [_LEAD, "## The questions", ""]
    for name, ask in QUESTIONS.items():
        lines += [f"**{name.capitalize()}**: {_ask(ask)}", ""]
    lines += ["## At a glance", "", *_table(_glance(), "Outcome", *SYSTEMS.values(), "Question"), ""]
    for story in TEST_CITIZENS:
        lines += list(_told(story))
    return "\n".join(lines).rstrip() + "\n"


def _glance() -> Iterator[tuple[str, ...]]:
    for story in TEST_CITIZENS:
        held = [f"`{story.identifiers[system]}`" if system in story.identifiers else "none" for system in SYSTEMS]
        yield (f"[{story.outcome}](#{story.outcome})", *held, _question(story.ask))


def _told(story: Story) -> Iterator[str]:
    citizen = story.citizen
    yield from (f"## {story.outcome}", "", story.sentence, "")
    yield f"{citizen.given} {citizen.family}, born {citizen.birth_date}. {_asked(story)}"
    yield ""
    if story.consents:
        yield from (f"Decided: {'; '.join(_consent(act) for act in story.consents)}.", "")
    if story.faults:
        yield from (f"Built in: {'; '.join(_fault(fault) for fault in story.faults)}.", "")
    yield from _table((_row(row) for row in story.rows), "Category", "Source", "State", "Reason", "Items")
    yield ""


def _asked(story: Story) -> str:
    ask = story.ask
    by = "" if story.subject == NHS_NUMBER else f" by {SYSTEMS[story.subject].lower()}"
    for question in QUESTIONS.values():
        if ask.agreement == question.agreement and ask != question:
            fields = "".join(f", fields {_codes(names)}" for names in ask.fields.values())
            return f"Ask the {_question(ask)} question for {_codes(ask.categories)} only{fields}{by}."
    return f"Ask the {_question(ask)} question{by}."


def _question(ask: Ask) -> str:
    return next(name for name, question in QUESTIONS.items() if question.agreement == ask.agreement)


def _ask(ask: Ask) -> str:
    return (
        f"asked by {ORGANISATIONS[ask.organisation]} (`{ask.organisation}`, system `{ask.system}`, "
        f"role `{ask.role}`) under agreement `{ask.agreement}` for `{ask.purpose}`, claiming `{ask.lawful_basis}`: "
        f"{_codes(ask.categories)}."
    )


def _consent(act: ConsentAct) -> str:
    lifetime = f" for {act.lifetime_days} days" if act.lifetime_days else ""
    return (
        f"{act.kind} {act.days_ago} days ago{lifetime}, to {ORGANISATIONS[act.organisation]} for `{act.purpose}`: "
        f"{_codes(act.categories)}"
    )


def _fault(fault: Fault) -> str:
    delay = f" ({fault.delay_ms} ms)" if fault.delay_ms else ""
    return f"`{fault.mode}`{delay} at the {SOURCES[fault.source].lower()}"


def _row(row: Row) -> tuple[str, ...]:
    state = "no line at all" if row.state == "absent" else f"`{row.state}`"
    reason = f"`{row.reason}`" if row.reason else ""
    return f"`{row.category}`", SOURCES[row.source], state, reason, str(row.items) if row.items else ""


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(rows: Iterator[tuple[str, ...]], *head: str) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows)]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
