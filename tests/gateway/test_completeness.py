# SPDX-License-Identifier: Apache-2.0
"""The completeness table: each outcome has its state, and silence looks like nothing at all."""

from __future__ import annotations

from itertools import product

import pytest

from connectors.base import Envelope, Outcome, Reason
from gateway.completeness import Part, compared, refusal_rows, table
from gateway.model import Disclosure, Item, Pair, Provenance, State, Verdict

SOURCE = "uk/charity/9999901/crm"
REMEDIES = {"consent-not-given": "Ask the citizen."}


def part(
    *,
    category: str = "support.plan",
    source: str = SOURCE,
    need: str = "required",
    allow: bool = True,
    reason: str = "",
    disclosure: Disclosure = "explain",
    outcome: Outcome | None = Outcome.FOUND,
    items: tuple[Item, ...] = (),
    late: bool = False,
    why: Reason = Reason.NONE,
) -> Part:
    envelope = None if outcome is None else Envelope(source, category, outcome, late=late, reason=why)
    return Part(
        Pair(0, source, category, ("title",), "required" if need == "required" else "optional"),
        Verdict(0, allow, fields=("title",), reason=reason, disclosure=disclosure),
        envelope,
        items,
    )


def item(
    id: str = "it_1", *, data: dict[str, str] | None = None, source: str = SOURCE, category: str = "support.plan"
) -> Item:
    provenance = Provenance(source, "c@1", "m-v1", "2026-11-23T00:00:00.000Z", "dsa-2026-014", "sha-256:00")
    return Item(id, category, data or {"title": "Plan"}, provenance)


def redacted() -> Item:
    one = item()
    return Item(one.id, one.category, one.data, one.provenance, ({"path": "/goal", "reason": "source-withheld"},))


STATES = [
    (part(items=(item(),)), State.RETURNED, ""),
    (part(items=(redacted(),)), State.REDACTED, ""),
    (part(outcome=Outcome.NONE), State.EMPTY, ""),
    (part(outcome=Outcome.FOUND), State.EMPTY, ""),
    (part(outcome=Outcome.STALE, items=(item(),)), State.STALE, ""),
    (part(outcome=Outcome.WITHHELD), State.WITHHELD, "source-withheld"),
    (part(outcome=Outcome.SUPERSEDED), State.UNMATCHED, "identifier-superseded"),
    (part(outcome=Outcome.AMBIGUOUS), State.UNMATCHED, "identifier-ambiguous"),
    (part(outcome=None), State.UNMATCHED, "no-identifier"),
    (part(outcome=Outcome.UNAVAILABLE, why=Reason.SOURCE_TIMEOUT), State.UNAVAILABLE, "source-timeout"),
    (part(outcome=Outcome.UNAVAILABLE, late=True, why=Reason.SOURCE_TIMEOUT), State.LATE, "source-timeout"),
    (part(allow=False, reason="no-agreement", outcome=None), State.NOT_ASKED, "no-agreement"),
    (part(allow=False, reason="consent-not-given", outcome=None), State.WITHHELD, "consent-not-given"),
    (part(allow=False, reason="consent-not-given", disclosure="generic", outcome=None), State.WITHHELD, ""),
]


@pytest.mark.parametrize(("one", "state", "reason"), STATES)
def test_every_outcome_has_its_state(one: Part, state: State, reason: str) -> None:
    [row] = table([one], frozenset(), REMEDIES).summary
    assert (row.state, row.reason) == (state, reason)


def test_the_nine_states_all_occur() -> None:
    assert {state for _, state, _ in STATES} == set(State)


def test_a_withheld_row_says_what_would_help_only_where_it_may_explain() -> None:
    [row] = refusal_rows([part(allow=False, reason="consent-not-given", outcome=None)], REMEDIES)
    assert row.remedy == {"type": "text", "text": "Ask the citizen."}
    hidden = part(allow=False, reason="consent-not-given", disclosure="generic", outcome=None)
    [row] = refusal_rows([hidden], REMEDIES)
    assert row.remedy is None


def test_silent_withheld_looks_exactly_like_never_held() -> None:
    def silent(*, allow: bool, outcome: Outcome | None) -> Part:
        return part(
            category="support.befriending",
            allow=allow,
            reason="" if allow else "consent-withdrawn",
            disclosure="silent",
            outcome=outcome,
        )

    other = part(items=(item(),))
    views = {
        table([other, silent(allow=allow, outcome=outcome)], frozenset(), REMEDIES)
        for allow, outcome in [(False, None), *product([True], [None, *Outcome])]
    }
    assert len(views) == 1


def test_required_is_met_only_when_every_required_category_was_delivered_and_none_failed() -> None:
    came = part(category="health.allergies", items=(item(category="health.allergies"),))
    assert table([came], frozenset(), {}).required == "met"
    broken = part(category="housing.tenancy", outcome=Outcome.UNAVAILABLE)
    assert table([came, broken], frozenset(), {}).required == "not-met"
    wished = part(category="support.plan", need="optional", allow=False, reason="consent-not-given", outcome=None)
    seen = table([came, wished], frozenset(), {})
    assert (seen.required, seen.optional) == ("met", "not-met")
    elsewhere = part(category="health.allergies", source="uk/council/E06999901/core", outcome=Outcome.UNAVAILABLE)
    assert table([came, elsewhere], frozenset(), {}).required == "not-met"


def test_an_answer_without_a_critical_category_is_not_safe_to_rely_on() -> None:
    missing = part(category="health.allergies", outcome=Outcome.UNAVAILABLE)
    assert table([missing], frozenset({"health.allergies"}), {}).safe_to_rely == "no"
    none_held = part(category="health.allergies", outcome=Outcome.NONE)
    assert table([none_held], frozenset({"health.allergies"}), {}).safe_to_rely == "yes"
    assert table([part(items=(redacted(),))], frozenset(), {}).safe_to_rely == "with-caution"


def test_equal_records_of_two_sources_are_shown_as_possible_duplicates_and_never_merged() -> None:
    here = part(items=(item("it_1"),))
    there = part(source="uk/council/E06999901/core", items=(item("it_2", source="uk/council/E06999901/core"),))
    first, second = compared([here, there], frozenset())
    assert first.items[0].possible_duplicate_of == ("it_2",)
    assert second.items[0].possible_duplicate_of == ("it_1",)


def test_two_sources_that_disagree_on_one_person_are_shown_as_a_conflict() -> None:
    council = "uk/council/E06999901/core"
    people = "identity.demographics"
    one = part(category=people, items=(item("it_1", data={"postcode": "ZZ99 1AA"}, category=people),))
    two = part(
        category=people,
        source=council,
        items=(item("it_2", data={"postcode": "ZZ99 2BB"}, source=council, category=people),),
    )
    first, second = compared([one, two], frozenset({people}))
    assert first.items[0].conflicts == ({"path": "/postcode", "with": "it_2"},)
    assert second.items[0].conflicts == ({"path": "/postcode", "with": "it_1"},)
    assert table([first, second], frozenset(), {}).safe_to_rely == "with-caution"
    apart, _ = compared([one, two], frozenset())
    assert apart.items[0].conflicts == ()
