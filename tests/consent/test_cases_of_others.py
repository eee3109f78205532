# SPDX-License-Identifier: Apache-2.0
"""Worked consents of other systems, said in our model: each row names the case, what was decided, what is asked,
and how it stands. What a case wants and we cannot say has a row that tells why, and shows what we say instead.

The cases, and no words of theirs: the 23 consents of IHE Privacy Consent on FHIR 1.1 (`pcf/…`; of `basic-research`
and `basic-treat-infant` we have the names alone); the scenarios of LEAP's decision service (`leap/…`) and of ASU's
(`asu/…`); threads of manage-vaccinations-in-schools (`mavis/…`, by pull request) and of others, by issue.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from consent import rules
from consent.authority import Authority
from consent.conditions import ANY, Conditions
from consent.deciding import NotAllowed, Subject, may_decide
from consent.errors import TransitionRefused
from consent.model import Channel, Event, Held, Kind, Standing, State
from consent.words import By
from tests.consent.decisions import (
    CHARITY,
    DISCHARGE,
    HOSPITAL,
    NOON,
    PERSON,
    PLAN,
    SUPPORT,
    VISITS,
    admitted,
    decision,
    given,
    invalidated,
    refused,
    requested,
    withdrawn,
)
from tests.consent.families import AUNT, FATHER, MOTHER, assessed, authority, family, matter, said

GIVEN, NONE, REFUSED, WITHDRAWN = State.GIVEN, State.NONE, State.REFUSED, State.WITHDRAWN
EXPIRED, AWAITING, INVALIDATED = State.EXPIRED, State.AWAITING, State.INVALIDATED
RESEARCH, LAB, MIND = "research", "health.results", "health.mental"
IN_2022 = Conditions(period_from="2022-01-01", period_to="2022-12-31")
BEFORE_2022, AFTER_2022 = Conditions(period_to="2021-12-31"), Conditions(period_from="2023-01-01")
CONSULTANT = Conditions(roles=("consultant",))


@dataclass(frozen=True)
class Ask:
    """A question about one category of one source, and how it stands. `lets`, `hides`: fields that must be and
    must not be among what is given; `period`: which records."""

    wanted: State
    category: str = PLAN
    lets: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    period: tuple[str, str] = ("", "")
    source: str = "crm"
    organisation: str = HOSPITAL
    purpose: str = DISCHARGE
    role: str = "nurse"
    at: int = NOON + 10
    by: By = By.SELF


@dataclass(frozen=True)
class Case:
    """One case: where it is from, what was decided, what is asked. `short`: what the case wants and we do not
    have, empty where we have it all."""

    origin: str
    events: tuple[Event, ...]
    asks: tuple[Ask, ...]
    short: str = ""


NO_AUTHOR = "a consent names the system that holds a record, and not who wrote it: nearest is the source"
NO_EPISODE = "a consent names no encounter: nearest are a category and the dates of its records"
NO_RECORD = "a consent names categories and fields, and no single record: nearest is the field"
NO_START = "a consent counts from when it is given: one for later is given then"
NO_ROLE = "a no is to a whole recipient: nearest is a yes that names the roles that may"
NO_CODE = "a consent names no clinical code: nearest is the category or the field that holds it"
NO_LABEL = "which records are sensitive is said by their category, and not by a label on each"
BREAK_GLASS = (
    "the ledger says no; that glass may be broken is the law's to say (policies/), and is looked at afterwards"
)
ONE_SPAN = "an exception of dates would leave two spans: the newest one counts, alone"

PCF = (
    Case("pcf/basic-treat", (given(), given(purpose=SUPPORT)),
         (Ask(GIVEN), Ask(GIVEN, purpose=SUPPORT), Ask(NONE, purpose=RESEARCH))),
    Case("pcf/basic-ink", (replace(given(), channel=Channel.PAPER, evidence="ab" * 32),), (Ask(GIVEN),)),
    Case("pcf/basic-reject", (refused(),), (Ask(REFUSED),)),
    Case("pcf/basic-research", (given(organisation=CHARITY, purpose=RESEARCH),),
         (Ask(GIVEN, organisation=CHARITY, purpose=RESEARCH), Ask(NONE))),
    Case("pcf/basic-treat-infant", (said(Kind.GIVEN, MOTHER),), (Ask(GIVEN, by=By.PARENT),)),
    Case("pcf/expired-treat", (given(until=NOON + 10),), (Ask(GIVEN, at=NOON + 9), Ask(EXPIRED))),
    Case("pcf/intermediate-timeframe", (given(conditions=IN_2022),), (Ask(GIVEN, period=IN_2022.period),)),
    Case("pcf/intermediate-not-timeframe", (given(conditions=BEFORE_2022), given(conditions=AFTER_2022)),
         (Ask(GIVEN, period=AFTER_2022.period),), ONE_SPAN),
    Case("pcf/intermediate-authoredby", (given(sources=("crm",)),),
         (Ask(GIVEN), Ask(NONE, source="core")), NO_AUTHOR),
    Case("pcf/intermediate-not-authoredby", (given(), withdrawn(sources=("crm",))),
         (Ask(WITHDRAWN), Ask(GIVEN, source="core")), NO_AUTHOR),
    Case("pcf/intermediate-encounter", (given(conditions=IN_2022),),
         (Ask(GIVEN, period=IN_2022.period), Ask(NONE, VISITS)), NO_EPISODE),
    Case("pcf/intermediate-not-encounter", (given(PLAN, VISITS), withdrawn(VISITS)),
         (Ask(GIVEN), Ask(WITHDRAWN, VISITS)), NO_EPISODE),
    Case("pcf/intermediate-data", (given(fields=(f"{PLAN}/goal",)),),
         (Ask(GIVEN, lets=("goal",), hides=("notes",)),), NO_RECORD),
    Case("pcf/intermediate-not-data", (given(), withdrawn(fields=(f"{PLAN}/notes",))),
         (Ask(GIVEN, lets=("goal",), hides=("notes",)),), NO_RECORD),
    Case("pcf/intermediate-purpose", (given(organisation=CHARITY, purpose="research.foobar"),),
         (Ask(GIVEN, organisation=CHARITY, purpose="research.foobar"), Ask(NONE, organisation=CHARITY),
          Ask(NONE, purpose="research.foobar"))),
    Case("pcf/dissent-intermediate-break-glass", (refused(),), (Ask(REFUSED),), BREAK_GLASS),
    Case("pcf/advanced-normal", (given(PLAN),), (Ask(GIVEN), Ask(NONE, MIND)), NO_LABEL),
    Case("pcf/advanced-normal-restricted", (given(PLAN, MIND),), (Ask(GIVEN), Ask(GIVEN, MIND), Ask(NONE, LAB)),
         NO_LABEL),
    Case("pcf/advanced-normal-not-restricted", (given(PLAN), refused(MIND)), (Ask(GIVEN), Ask(REFUSED, MIND)),
         NO_LABEL),
    Case("pcf/advanced-normal-focused-restricted", (given(PLAN), given(MIND, conditions=CONSULTANT)),
         (Ask(GIVEN), Ask(NONE, MIND), Ask(GIVEN, MIND, role="consultant")), NO_LABEL),
    Case("pcf/advanced-normal-focused-psy", (given(PLAN), given(MIND, conditions=CONSULTANT)),
         (Ask(GIVEN, role="consultant"), Ask(GIVEN, MIND, role="consultant"), Ask(NONE, MIND), Ask(NONE, LAB)),
         NO_LABEL),
    Case("pcf/advanced-normal-focused-psy-or-sdv", (given(PLAN), given(MIND, LAB, conditions=CONSULTANT)),
         (Ask(GIVEN), Ask(NONE, MIND), Ask(NONE, LAB), Ask(GIVEN, LAB, role="consultant")), NO_LABEL),
    Case("pcf/advanced-normal-break-glass-restricted", (given(PLAN), refused(MIND)),
         (Ask(GIVEN), Ask(REFUSED, MIND)), BREAK_GLASS),
)  # fmt: skip

LEAP = (
    Case("leap/opt-in", (given(),), (Ask(GIVEN),)),
    Case("leap/opt-in, no scope asked", (given(),), (Ask(GIVEN, purpose=DISCHARGE), Ask(NONE, purpose=""))),
    Case("leap/opt-in, one recipient not", (given(), refused(organisation=CHARITY)),
         (Ask(GIVEN), Ask(REFUSED, organisation=CHARITY))),
    Case("leap/opt-in, one practitioner not", (given(conditions=CONSULTANT),),
         (Ask(GIVEN, role="consultant"), Ask(NONE)), NO_ROLE),
    Case("leap/opt-in, one purpose not", (given(), refused(purpose=RESEARCH)),
         (Ask(GIVEN), Ask(REFUSED, purpose=RESEARCH))),
    Case("leap/opt-out", (refused(),), (Ask(REFUSED),)),
    Case("leap/older opt-out, newer opt-in", (refused(), given(at=NOON + 1)), (Ask(GIVEN),)),
    Case("leap/older opt-in, newer opt-out", (given(), withdrawn(at=NOON + 1)), (Ask(WITHDRAWN),)),
    Case("leap/older opt-out of a part, newer opt-in to all: there the newest wins",
         (refused(fields=(f"{PLAN}/notes",)), given(at=NOON + 1)),
         (Ask(GIVEN, lets=("goal",), hides=("notes",)),)),
    Case("leap/expired", (given(until=NOON + 10),), (Ask(EXPIRED),)),
    Case("leap/not yet valid", (), (Ask(NONE),), NO_START),
    Case("leap/inactive", (given(), withdrawn()), (Ask(WITHDRAWN),)),
    Case("leap/another scope", (given(purpose=RESEARCH),), (Ask(NONE),)),
    Case("leap/no consent", (), (Ask(NONE),)),
    Case("leap/asked but not answered", (requested(),), (Ask(State.REQUESTED),)),
    Case("leap/one label redacted", (given(), withdrawn(fields=(f"{PLAN}/notes",))),
         (Ask(GIVEN, lets=("goal",), hides=("notes",)),), NO_LABEL),
    Case("leap/several labels redacted", (given(), withdrawn(fields=(f"{PLAN}/notes", f"{PLAN}/mood"))),
         (Ask(GIVEN, lets=("goal",), hides=("notes", "mood")),), NO_LABEL),
    Case("leap/an array of exceptions",
         (given(), withdrawn(fields=(f"{PLAN}/notes",)), withdrawn(fields=(f"{PLAN}/mood",))),
         (Ask(GIVEN, lets=("goal",), hides=("notes", "mood")),)),
    Case("leap/one class not", (given(PLAN, LAB), withdrawn(LAB)), (Ask(GIVEN), Ask(WITHDRAWN, LAB))),
    Case("leap/one class and one label not, asked for another class",
         (given(PLAN, LAB), withdrawn(LAB), withdrawn(fields=(f"{PLAN}/notes",))),
         (Ask(GIVEN, lets=("goal",), hides=("notes",)), Ask(WITHDRAWN, LAB)), NO_LABEL),
    Case("leap/one code not", (given(LAB), withdrawn(LAB, fields=(f"{LAB}/alcohol",))),
         (Ask(GIVEN, LAB, lets=("glucose",), hides=("alcohol",)),), NO_CODE),
    Case("leap/some of the purposes asked for", (given(),), (Ask(GIVEN), Ask(NONE, purpose="marketing")),
         "a query has one purpose: what one of several allows does not carry the others"),
)  # fmt: skip

ASU = (
    Case("asu/permit", (given(),), (Ask(GIVEN),)),
    Case("asu/deny, one organisation", (given(), refused(organisation=CHARITY)),
         (Ask(REFUSED, organisation=CHARITY),)),
    Case("asu/no consent found", (given(organisation=CHARITY),), (Ask(NONE),)),
    Case("asu/withheld above a threshold of confidence", (given(LAB), refused(MIND)),
         (Ask(GIVEN, LAB), Ask(REFUSED, MIND)),
         "sensitivity is not guessed from codes with a confidence: a category is sensitive or not, for everybody"),
)  # fmt: skip

BOTH_GIVE = {"parties": (FATHER, MOTHER)}
MAVIS = (
    Case("mavis/2348 withdrawn", (said(Kind.GIVEN, MOTHER), said(Kind.WITHDRAWN, MOTHER, at=NOON)),
         (Ask(WITHDRAWN, by=By.PARENT),)),
    Case("mavis/2348 a given consent invalidated", (one := said(Kind.GIVEN, MOTHER), invalidated(one.id)),
         (Ask(INVALIDATED),)),
    Case("mavis/2348 a refusal invalidated", (said(Kind.REFUSED, MOTHER),), (Ask(REFUSED, by=By.PARENT),),
         "a no is never declared invalid: that would share without a yes, so who said it says yes instead"),
    Case("mavis/2472 both parents gave, one withdraws",
         (said(Kind.GIVEN, MOTHER), said(Kind.GIVEN, FATHER), said(Kind.WITHDRAWN, MOTHER, at=NOON)),
         (Ask(WITHDRAWN, by=By.PARENT),),
         "there the other parent's yes may be enough; here any one's no stops it until they take it back"),
    Case("mavis/3675 parents chose differently",
         (said(Kind.GIVEN, MOTHER, fields=(f"{PLAN}/goal", f"{PLAN}/mood"), **BOTH_GIVE),
          said(Kind.GIVEN, FATHER, fields=(f"{PLAN}/goal", f"{PLAN}/notes"), **BOTH_GIVE)),
         (Ask(GIVEN, lets=("goal",), hides=("mood", "notes"), by=By.PARENT),)),
    Case("mavis/3675 parents chose nothing in common",
         (said(Kind.GIVEN, MOTHER, fields=(f"{PLAN}/mood",), **BOTH_GIVE),
          said(Kind.GIVEN, FATHER, fields=(f"{PLAN}/notes",), **BOTH_GIVE)),
         (Ask(AWAITING, by=By.PARENT),)),
    Case("mavis/2883 self-consent over a conflict",
         (said(Kind.GIVEN, MOTHER), no := said(Kind.WITHDRAWN, FATHER), given(predecessor=no.id)),
         (Ask(GIVEN, lets=("goal",)),)),
    Case("mavis/3234 what was given by a child who is no longer found competent stays on record",
         (given(until=NOON + 5),), (Ask(GIVEN, at=NOON + 4), Ask(EXPIRED))),
)  # fmt: skip

CASES = (*PCF, *LEAP, *ASU, *MAVIS)


def standing(case: Case, ask: Ask) -> Held:
    folded = rules.fold(case.events).get((ask.organisation, ask.purpose), {})
    read = Standing(len(case.events), folded)
    return rules.held(read, ask.category, ask.source, ask.at, role=ask.role)


def shown(held: Held, field: str) -> bool:
    """Whether a field is among what is given."""
    if held.state is not GIVEN or field in held.fields_except:
        return False
    return not held.fields or field in held.fields


@pytest.mark.parametrize("case", CASES, ids=[case.origin for case in CASES])
def test_a_case_of_others_stands_as_it_should(case: Case) -> None:
    assert admitted(list(case.events)) == list(case.events)
    for ask in case.asks:
        held = standing(case, ask)
        assert held.state is ask.wanted, ask
        if ask.wanted is not GIVEN:
            continue
        assert (held.by, held.period) == (ask.by, ask.period)
        assert all(shown(held, field) for field in ask.lets)
        assert not any(shown(held, field) for field in ask.hides)


def test_every_consent_of_pcf_is_here() -> None:
    names = {case.origin.removeprefix("pcf/") for case in PCF}
    assert len(names) == len(PCF) == 23
    assert {name for name in names if name.startswith("basic-")} == {
        "basic-treat", "basic-ink", "basic-reject", "basic-research", "basic-treat-infant",
    }  # fmt: skip
    assert sum(name.startswith("intermediate-") for name in names) == 9
    assert sum(name.startswith("advanced-") for name in names) == 7


def test_what_falls_short_says_why_and_shows_where_it_stops() -> None:
    for case in CASES:
        if case.short:
            assert any(ask.wanted is not GIVEN or ask.hides or any(ask.period) for ask in case.asks), case.origin
            assert case.short[0].islower()
            assert not case.short.endswith(".")


def test_a_no_is_not_declared_invalid() -> None:
    no = said(Kind.REFUSED, MOTHER)
    with pytest.raises(TransitionRefused):
        rules.admit(rules.fold([no])[HOSPITAL, DISCHARGE], invalidated(no.id), [no])


def test_an_exception_of_dates_never_shows_what_lies_in_it() -> None:
    case = next(one for one in PCF if one.short == ONE_SPAN)
    held = standing(case, Ask(GIVEN))
    assert not held.conditions.covers(IN_2022)
    assert held.conditions != ANY


# -- who may decide, in the threads about children ----------------------------------------------------------------

ABLE, UNABLE = assessed("gillick", True), assessed("gillick", False)
BOTH = (authority(MOTHER), authority(FATHER))
ENDED = authority(FATHER, ended="court-order", ended_at=NOON - 1)
YES, NO, STOP = Kind.GIVEN, Kind.REFUSED, Kind.WITHDRAWN


def child(*authorities: Authority, found: tuple[object, ...] = (), **more: object) -> Subject:
    """A child whose parents are asked."""
    return family(*(authorities or BOTH), assessments=found, **more)


WHO: tuple[tuple[str, Subject, tuple[Event, ...], str, Kind, str], ...] = (
    ("mavis/2384 a child found competent decides", child(found=(ABLE,)), (), PERSON, YES, "yes"),
    ("mavis/2384 and a parent does not instead, once the child has", child(found=(ABLE,)), (said(YES, PERSON),),
     MOTHER, STOP, "the-person-decided"),
    ("mavis/2384 a child not assessed does not", child(), (), PERSON, YES, "not-found-competent"),
    ("mavis/2355 a failed assessment leaves a parent's say", child(found=(UNABLE,)), (said(YES, MOTHER),), MOTHER,
     STOP, "yes"),
    ("mavis/2355 nor does it stop the other parent", child(found=(UNABLE,)), (), FATHER, YES, "yes"),
    ("mavis/2883 self-consent goes over one parent's no", child(found=(ABLE,)), (said(NO, FATHER),), PERSON, YES,
     "yes"),
    ("mavis/2883 and over both", child(found=(ABLE,)), (said(NO, FATHER), said(NO, MOTHER)), PERSON, YES, "yes"),
    ("mavis/2472 the other parent does not give over a withdrawal", child(),
     (said(YES, MOTHER), said(STOP, MOTHER)), FATHER, YES, "another-party-refused"),
    ("mavis/2472 who withdrew may give again", child(), (said(YES, MOTHER), said(STOP, MOTHER)), MOTHER, YES,
     "yes"),
    ("mavis/638 a parent whose right has ended no longer stands in the way", child(authority(MOTHER), ENDED),
     (said(NO, FATHER),), MOTHER, YES, "yes"),
    ("mavis/3675 nobody without parental responsibility answers", child(), (), AUNT, YES, "no-authority"),
    ("Gillick [1986] AC 112: what a competent child refused, no parent gives", child(found=(ABLE,)),
     (said(NO, PERSON),), MOTHER, YES, "the-person-decided"),
    ("evaka/2788 a guardian who was removed decides nothing", child(ENDED), (), FATHER, YES, "authority-ended"),
    ("it-fse-support/1738 at 18 nobody decides as a parent", child(authority(MOTHER, age=18)), (), MOTHER, YES,
     "authority-expired"),
    ("it-fse-support/1738 and the young person does", child(authority(MOTHER, age=18)), (), PERSON, YES, "yes"),
    ("product-is/28433 the person withdraws what a guardian gave", child(), (said(YES, MOTHER),), PERSON, STOP,
     "yes"),
)  # fmt: skip


@pytest.mark.parametrize(("subject", "history", "actor", "kind", "wanted"), [row[1:] for row in WHO],
                         ids=[row[0] for row in WHO])  # fmt: skip
def test_who_decides_in_a_case_of_others(
    subject: Subject, history: tuple[Event, ...], actor: str, kind: Kind, wanted: str
) -> None:
    found = may_decide(subject, actor, kind, matter(), history, NOON)
    assert (found.reason if isinstance(found, NotAllowed) else "yes") == wanted


def test_every_row_is_a_case_of_its_own() -> None:
    origins = [case.origin for case in CASES] + [row[0] for row in WHO]
    assert len(set(origins)) == len(origins)
    assert all(decision(kind).kind is kind for kind in (YES, NO, STOP))
