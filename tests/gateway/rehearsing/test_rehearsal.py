# SPDX-License-Identifier: Apache-2.0
"""A law that is not in force is tried on what really happened, and a change that widens does not pass unseen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import delete

from gateway import db
from gateway.audit.tables import data_key
from gateway.policy.bundle import Bundle
from gateway.policy.comparison import Expected
from gateway.rehearsing import page, report
from gateway.rehearsing.rehearsal import Rehearsed, rehearse
from tests.gateway.rehearsing.conftest import CRM, DISCHARGE, GP, NOW, TRUST, Books, changed, question

DAY = 86_400


def term(agreement: dict[str, Any], source: str, category: str) -> dict[str, Any]:
    """What the compiled agreement says of a category from a source."""
    found: dict[str, Any] = agreement["kinds"][agreement["terms"][source][category]]
    return found


def wider(agreements: dict[str, Any]) -> None:
    """The charity's plan no longer rests on consent."""
    term(agreements["dsa-2026-014"], CRM, "support.plan").update(
        {
            "lawful_basis": "6(1)(e)",
            "special_category_basis": "9(2)(h)",
            "confidentiality_basis": "implied-consent-direct-care",
        }
    )


def fewer(agreements: dict[str, Any]) -> None:
    """Of an allergy only the substance is shared."""
    term(agreements["dsa-2026-014"], GP, "health.allergies")["fields"] = {"substance": True}


def ended(agreements: dict[str, Any]) -> None:
    """The agreement ends before anybody asked."""
    agreements["dsa-2026-014"]["until"] = NOW - 10 * DAY


def tried(books: Books, law: Bundle, since_ms: int = 0, **more: Any) -> Rehearsed:
    return rehearse(books.stream(since_ms), law, since_ms=since_ms, **more)


def test_the_law_in_force_flips_nothing(books: Books, law: Bundle) -> None:
    books.write([question(), question(consented=True), question(role="benefits-officer")])
    found = tried(books, law)
    assert (found.decisions, found.flipped, found.groups, found.passes) == (3, 0, (), True)


def test_an_access_that_opens_is_found_with_agency_purpose_category_and_rule(books: Books, law: Bundle) -> None:
    first, second = books.write([question(), question(now=NOW + 1)])
    books.write([question(consented=True)])
    found = tried(books, changed(law, wider))
    [opened] = [one for one in found.groups if one.key.direction == "opened"]
    key = opened.key
    assert (key.agency, key.purpose, key.category) == (TRUST, DISCHARGE, "support.plan")
    assert (key.rule, opened.reasons) == ("grounds/direct_care", ("consent-not-given",))
    assert opened.decisions == 2
    assert opened.examples == (f"dec_{first}", f"dec_{second}")
    assert "goal" in opened.gained
    assert not found.passes
    assert found.unexpected == (opened,)


@pytest.mark.parametrize(
    ("expected", "passes"),
    [
        (Expected(category="support"), True),
        (Expected(agency=TRUST, purpose=DISCHARGE, category="support.plan"), True),
        (Expected(category="sup"), False),
        (Expected(agency="uk/council/E06999901"), False),
        (Expected(category="support.plan", rule="limits/known_person"), False),
    ],
)
def test_a_widening_passes_only_if_it_is_what_was_said_to_be_meant(
    books: Books, law: Bundle, expected: Expected, passes: bool
) -> None:
    books.write([question()])
    assert tried(books, changed(law, wider), expected=(expected,)).passes is passes


def test_what_closes_or_narrows_is_told_and_passes(books: Books, law: Bundle) -> None:
    books.write([question()])
    narrowed = tried(books, changed(law, fewer))
    [one] = narrowed.groups
    assert (one.key.direction, one.key.rule, one.gained) == ("narrowed", "terms", ())
    assert "reaction" in one.lost
    closed = tried(books, changed(law, ended))
    [one] = closed.groups
    assert (one.key.direction, one.key.rule) == ("closed", "limits/agreement_valid")
    assert narrowed.passes
    assert closed.passes


def test_only_decisions_since_the_day_are_judged(books: Books, law: Bundle) -> None:
    books.write([question(now=NOW - 2 * DAY), question(now=NOW - DAY), question()])
    found = tried(books, changed(law, wider), (NOW - DAY) * 1000)
    assert (found.decisions, found.flipped) == (2, 2)


def test_decisions_whose_facts_were_erased_are_counted_and_not_guessed(books: Books, law: Bundle) -> None:
    books.write([question(), question(now=NOW + 1)])
    with db.write(books.engine) as connection:
        connection.execute(delete(data_key))
    found = tried(books, changed(law, wider))
    assert (found.decisions, found.erased, found.flipped) == (2, 2, 0)


def test_a_law_that_does_not_answer_does_not_pass(books: Books, law: Bundle) -> None:
    books.write([question()])
    text = law.modules["access/decision.rego"].replace('"valid_until": valid_until,', "")
    found = tried(books, Bundle(law.revision, {**law.modules, "access/decision.rego": text}, law.data, law.sources))
    assert (found.unjudged, found.passes) == (1, False)


def test_each_form_of_the_report_tells_the_same_and_the_page_needs_nothing_else(books: Books, law: Bundle) -> None:
    books.write([question(), question(now=NOW + 1)])
    found = tried(books, changed(law, wider))
    text, document, html = report.text(found), report.document(found), page.page(found)
    assert "UNEXPECTED opened" in text
    assert document["groups"][0]["decisions"] == 2
    assert document["passes"] is False
    for said in (TRUST, DISCHARGE, "support.plan", "grounds/direct_care", "consent-not-given"):
        assert said in text
        assert said in html
    assert html.count("<svg") == 5
    assert not re.search(r"<script|https?://|src=|@import|url\(", html)
    assert "Go on: " in report.verdict(tried(books, law))


def test_what_was_meant_and_did_not_happen_is_told(books: Books, law: Bundle) -> None:
    books.write([question()])
    meant, misspelt = Expected(category="support.plan"), Expected(category="suport", agency=TRUST)
    found = tried(books, changed(law, wider), expected=(meant, misspelt))
    assert (found.passes, found.unmet) == (True, (misspelt,))
    assert f"not found: agency={TRUST}, category=suport." in report.text(found)


def test_a_rehearsal_that_tried_nothing_says_so(books: Books, law: Bundle) -> None:
    books.write([question()])
    found = tried(books, changed(law, wider), (NOW + DAY) * 1000)
    assert (found.judged, found.passes) == (0, True)
    assert "nothing was tried" in report.verdict(found)


def test_names_in_a_page_cannot_become_markup(books: Books, law: Bundle) -> None:
    books.write([question()])
    found = tried(books, changed(law, wider))
    assert "<b>" not in page.page(Rehearsed("<b>", 0, 1, 1, 0, 0, 0, found.groups, ()))


def test_progress_ends_at_the_end(books: Books, law: Bundle) -> None:
    books.write([question(now=NOW + n) for n in range(3)])
    seen: list[tuple[int, int]] = []
    tried(books, law, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0
