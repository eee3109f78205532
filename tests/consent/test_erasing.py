# SPDX-License-Identifier: Apache-2.0
"""What a person decided is forgotten; the chain holds, everybody else's too, and what was refused stays refused."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DBAPIError

from consent import chain, deciding, erasing, ledger, notices, requests, rules
from consent.authority import Authority, Evidence, Matter
from consent.chain import Broken, Verified
from consent.deciding import Allowed, NotAllowed, Subject
from consent.erasing import Erased, NothingToErase, Ready, StillErasing, StillShared
from consent.errors import ErasureIsOrdered, ErasureStands, EventRefused, LedgerCorrupt
from consent.model import Event, Kind, Provision, Recorded, State
from consent.rebuilding import rebuild_all
from consent.requests import Asked, Request
from consent.tables import consent_event, metadata
from consent.wide import Wide
from consent.words import NATIONAL_DATA_OPT_OUT, By
from gateway import db
from tests.consent.decisions import (
    CHARITY,
    DISCHARGE,
    HOSPITAL,
    NOON,
    PERSON,
    PLAN,
    SUPPORT,
    VISITS,
    WORLD,
    decision,
    given,
    histories,
    refused,
    withdrawn,
)
from tests.consent.test_ledger import tamper

LATER = NOON + 1000
OFFICER = "officer-1"


def record(engine: Engine, *events: Event) -> list[Recorded]:
    with db.write(engine) as connection:
        return ledger.record_all(connection, events)


def erase(engine: Engine, person: str = PERSON, now: int = LATER) -> Erased:
    with db.write(engine) as connection:
        done = erasing.erase(connection, person, id=str(uuid.uuid4()), actor=OFFICER, now=now)
    assert done is not None
    return done


def state(engine: Engine, category: str = PLAN, person: str = PERSON) -> State:
    with db.read(engine) as connection:
        standing = ledger.standing(connection, person, HOSPITAL, DISCHARGE)
    return rules.held(standing, category, "crm", LATER + 1).state


def stored(engine: Engine) -> str:
    """Everything that the tables of consent hold, as text; bytes as they are."""
    with db.read(engine) as connection:
        rows = [tuple(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
    return "\n".join(str([bytes(v) if isinstance(v, memoryview) else v for v in row]) for row in rows)


def beside(kind: Kind, **members: object) -> Event:
    """A decision that is not about consent."""
    empty = {"organisation": "", "purpose": "", "agreement": "", "provision": Provision(categories=())}
    made = decision(kind)
    return replace(made, **(empty | members))


# -- what goes ------------------------------------------------------------------------------------------------


def test_nothing_that_was_decided_can_be_read_any_more(engine: Engine) -> None:
    no = refused(PLAN, agreement="dsa-canary", evidence="cd" * 32)
    record(engine, no, given(VISITS, agreement="dsa-canary"), withdrawn(VISITS, agreement="dsa-canary"))
    assert no.id in stored(engine)
    erase(engine)
    left = stored(engine)
    for said in (HOSPITAL, DISCHARGE, PLAN, VISITS, "dsa-canary", "cd" * 32, no.id, "citizen", str(NOON)):
        assert said not in left


def test_what_was_asked_is_forgotten_too(engine: Engine) -> None:
    asked = Asked(
        agreement="dsa-canary",
        purpose=DISCHARGE,
        provision=Provision(categories=(PLAN,)),
        reason="Because of a canary",
        days=30,
    )
    key = uuid.uuid4().bytes * 2
    made = Request(
        id=str(uuid.uuid4()), asked_as="digest", person=PERSON, organisation=HOSPITAL, system="s", service="v",
        key=key, digest=key, stored="requested", muted=False, asked=asked, made_at=NOON, expires_at=LATER,
        changed_at=NOON,
    )  # fmt: skip
    record(engine, refused())
    with db.write(engine) as connection:
        requests.add(connection, made)
    erase(engine)
    assert "canary" not in stored(engine)


def test_the_same_bytes_are_not_found_again_by_guessing(engine: Engine) -> None:
    no = refused()
    [recorded] = record(engine, no)
    assert chain.link(no, chain.START)[1].hash != recorded.hash


def test_nothing_is_given_any_more(engine: Engine) -> None:
    record(engine, given())
    assert state(engine) is State.GIVEN
    erase(engine)
    assert state(engine) is State.NONE


# -- what stays -----------------------------------------------------------------------------------------------


def test_the_chain_still_holds_with_all_that_was_seen_of_it_elsewhere(engine: Engine) -> None:
    before = record(engine, given(), withdrawn(), refused(VISITS))
    done = erase(engine)
    [after] = record(engine, refused(at=LATER))
    with db.read(engine) as connection:
        for anchor in (*before, done.recorded, after):
            assert ledger.verify_chain(connection, PERSON, anchor) == Verified(after)
        assert [event.kind for event in ledger.history(connection, PERSON)] == [Kind.ERASED, Kind.REFUSED]
        assert [seq for seq, _ in ledger.numbered(connection, PERSON)] == [4, 5]


def test_the_links_that_were_taken_out_prove_what_was_decided(engine: Engine) -> None:
    before = record(engine, given(), withdrawn())
    done = erase(engine)
    assert [chain.digest(link) for link in done.links] == [one.hash for one in before]
    assert [chain.event_of(link).kind for link in done.links] == [Kind.GIVEN, Kind.WITHDRAWN]


def test_other_people_are_untouched(engine: Engine) -> None:
    record(engine, given(), given(person="person-b"))
    with db.read(engine) as connection:
        before = connection.execute(select(consent_event).where(consent_event.c.person == "person-b")).all()
    erase(engine)
    with db.read(engine) as connection:
        assert connection.execute(select(consent_event).where(consent_event.c.person == "person-b")).all() == before
        assert isinstance(ledger.verify_chain(connection, "person-b"), Verified)
    assert state(engine, person="person-b") is State.GIVEN


def test_records_made_again_from_what_is_left_are_those_that_stand(engine: Engine) -> None:
    record(engine, refused(), beside(Kind.OPTED_OUT, code=NATIONAL_DATA_OPT_OUT), given(person="person-b"))
    done = erase(engine)
    record(engine, given(at=LATER, predecessor=done.event.id), refused(VISITS, at=LATER))
    with db.write(engine) as connection:
        assert not ledger.rebuild(connection, PERSON)
        standing = ledger.standing(connection, PERSON, HOSPITAL, DISCHARGE)
    rebuilt = rebuild_all(lambda: db.write(engine))
    assert (rebuilt.changed, rebuilt.broken) == (0, ())
    with db.write(engine) as connection:
        connection.execute(text("DELETE FROM consent_standing"))
        connection.execute(text("DELETE FROM consent_wide"))
    assert rebuild_all(lambda: db.write(engine)).changed == 2
    with db.read(engine) as connection:
        assert ledger.standing(connection, PERSON, HOSPITAL, DISCHARGE) == standing
        seqs = (
            connection.execute(text("SELECT seq FROM consent_standing WHERE person = 'person-a'")).scalars().all()
        )
    assert seqs == [6]


def test_an_objection_an_opt_out_and_an_authority_still_bind_and_say_no_more_than_they_must(engine: Engine) -> None:
    objected = beside(Kind.OBJECTED, organisation=CHARITY, purpose=SUPPORT, agreement="dsa-1", evidence="cd" * 32)
    upheld = beside(Kind.OBJECTION_UPHELD, organisation=CHARITY, target=objected.id, reason="unlawful")
    overridden = beside(Kind.OBJECTED, organisation=HOSPITAL, purpose=DISCHARGE)
    over = beside(
        Kind.OBJECTION_OVERRIDDEN, organisation=HOSPITAL, target=overridden.id, reason="compelling-grounds"
    )
    mother = beside(Kind.AUTHORITY_GRANTED, by=By.PARENT, authoriser="mother", expires_at=LATER + 50)
    out = beside(Kind.OPTED_OUT, code=NATIONAL_DATA_OPT_OUT)
    record(engine, objected, upheld, overridden, over, mother, out)
    with db.write(engine) as connection:
        notice = notices.make(connection, upheld, Recorded(2, ""), NOON)
    done = erase(engine)
    with db.read(engine) as connection:
        stands = ledger.person_wide(connection, PERSON)
        assert [(one.organisation, one.purpose, one.state.value) for one in stands.objections] == [
            (CHARITY, SUPPORT, "upheld")
        ]
        assert (stands.opt_outs, stands.authorities) == ((NATIONAL_DATA_OPT_OUT,), (mother.id,))
        assert stands.erased == done.event.id
        assert notices.missing(connection) == []
        [kept] = notices.to(connection, CHARITY)
    assert notice is not None
    assert kept.id == notice.id
    assert kept.event == next(event.id for event, _ in done.restated if event.kind is Kind.OBJECTION_UPHELD)
    assert "cd" * 32 not in stored(engine)
    record(engine, beside(Kind.AUTHORITY_ENDED, target=mother.id, reason="court-order", at=LATER))


# -- what was refused stays refused ---------------------------------------------------------------------------


def test_a_yes_after_an_erasure_names_it(engine: Engine) -> None:
    record(engine, refused())
    done = erase(engine)
    with pytest.raises(ErasureStands):
        record(engine, given(at=LATER))
    record(engine, given(at=LATER, predecessor=done.event.id))
    assert state(engine) is State.GIVEN


def test_a_yes_from_before_that_is_sent_again_is_not_taken_for_a_new_one(engine: Engine) -> None:
    no = withdrawn()
    first = given()
    second = given(predecessor=no.id)
    record(engine, first, no, second)
    erase(engine)
    for old in (first, second):
        with pytest.raises(ErasureStands):
            record(engine, old)
    assert state(engine) is State.NONE


def test_a_yes_that_named_the_erasure_frees_what_it_was_about_and_nothing_else(engine: Engine) -> None:
    record(engine, refused(PLAN), refused(VISITS))
    done = erase(engine)
    record(engine, given(PLAN, at=LATER, predecessor=done.event.id), withdrawn(PLAN, at=LATER))
    record(engine, given(PLAN, at=LATER + 1))
    for other in (given(VISITS, at=LATER + 1), given(PLAN, at=LATER + 1, organisation=CHARITY)):
        with pytest.raises(ErasureStands):
            record(engine, other)
    assert (state(engine, PLAN), state(engine, VISITS)) == (State.GIVEN, State.NONE)
    with pytest.raises(ErasureStands):  # its time is before the erasure's: somebody sends it again
        record(engine, given(PLAN))


@for_all(histories(), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_whatever_was_decided_and_whatever_follows_nothing_flows_until_a_yes_names_the_erasure(
    engine: Engine, before: list[Event], data: st.DataObject
) -> None:
    person = str(uuid.uuid4())
    after = data.draw(histories())

    def take(events: list[Event]) -> int:
        taken = 0
        for event in events:
            with db.write(engine) as connection:
                try:
                    ledger.record(connection, replace(event, person=person))
                except EventRefused:
                    continue
                taken += 1
        return taken

    if not take(before):
        return
    erase(engine, person)
    take([replace(event, at=event.at + 1000, expires_at=event.expires_at and LATER + 99) for event in after])
    take(before)
    with db.read(engine) as connection:
        standing = ledger.standing(connection, person, HOSPITAL, DISCHARGE)
    for category, _, source in WORLD:
        assert rules.held(standing, category, source, LATER + 20).state is not State.GIVEN


MOTHER = Authority(
    id="auth-m", person=PERSON, holder="mother", by=By.PARENT, since=0,
    evidence=Evidence("birth-certificate", "bc-1", "staff", NOON),
)  # fmt: skip
FATHER = replace(MOTHER, id="auth-f", holder="father")
CHILD = Subject(person=PERSON, age_band="under-13", authorities=(MOTHER, FATHER))
ABOUT = Matter(DISCHARGE, (PLAN,))


def erasure(*parties: str) -> Event:
    made = beside(Kind.ERASED, erased="ab" * 32, parties=parties)
    return replace(made, at=LATER)


@pytest.mark.parametrize(
    ("parties", "actor", "kind", "expected"),
    [
        ((), "mother", Kind.GIVEN, "allowed"),
        (("mother",), "mother", Kind.GIVEN, "allowed"),
        (("father",), "mother", Kind.GIVEN, "another-party-refused"),
        ((PERSON,), "mother", Kind.GIVEN, "the-person-decided"),
        ((PERSON,), "mother", Kind.REFUSED, "allowed"),
        (("father",), "mother", Kind.REFUSED, "allowed"),
    ],
)
def test_nobody_says_yes_over_a_no_that_was_erased(
    parties: tuple[str, ...], actor: str, kind: Kind, expected: str
) -> None:
    may = deciding.may_decide(CHILD, actor, kind, ABOUT, [erasure(*parties)], LATER)
    assert (may.reason if isinstance(may, NotAllowed) else "allowed") == expected


def test_a_persons_own_new_yes_frees_whoever_decides_for_them_in_that_matter_alone() -> None:
    adult = Subject(person=PERSON, age_band="adult")
    may = deciding.may_decide(adult, PERSON, Kind.GIVEN, ABOUT, [gone := erasure(PERSON)], LATER)
    assert isinstance(may, Allowed)
    assert may.overrides == (gone.id,)
    mine = given(PLAN, at=LATER + 1, predecessor=gone.id)
    child = replace(CHILD, age_band="16-17")
    assert deciding.last_words([gone, mine], (PLAN,))[PERSON] == mine
    other = deciding.may_decide(child, "mother", Kind.GIVEN, Matter(DISCHARGE, (VISITS,)), [gone, mine], LATER + 2)
    assert other == NotAllowed("the-person-decided")


def test_an_erasure_says_whose_no_it_took_out_for_ever(engine: Engine) -> None:
    theirs = withdrawn(VISITS, by=By.PARENT, authoriser="father", authority="auth-f")
    wrong = refused(PLAN, by=By.PARENT, authoriser="mother", authority="auth-m")
    void = decision(Kind.INVALIDATED, target=wrong.id)
    assert erasing.parties([given(VISITS), theirs, wrong, void]) == {"father"}
    record(engine, given(VISITS), theirs)
    assert erase(engine).event.parties == ("father",)
    record(engine, refused(at=LATER))
    assert erase(engine, now=LATER + 5).event.parties == ("father", PERSON)
    with db.read(engine) as connection:
        assert isinstance(ledger.verify_chain(connection, PERSON), Verified)


# -- when it can be done, and when it cannot ------------------------------------------------------------------


def test_an_erasure_waits_until_nothing_is_shared_and_recipients_have_answered(engine: Engine) -> None:
    def ready(now: int = LATER) -> erasing.Readiness:
        with db.read(engine) as connection:
            return erasing.readiness(connection, PERSON, now)

    assert ready() == NothingToErase()
    record(engine, given())
    assert ready() == StillShared(1)
    stop = withdrawn()
    [where] = record(engine, stop)
    with db.write(engine) as connection:
        notice = notices.make(connection, stop, where, LATER)
    assert notice is not None
    assert ready() == StillErasing(1)
    assert ready(notice.erase_by) == Ready(2)
    with db.write(engine) as connection:
        notices.confirm_erasure(connection, notice, LATER)
    assert ready() == Ready(2)
    erase(engine)
    assert ready() == NothingToErase()


def test_a_chain_that_is_broken_is_not_erased(engine: Engine) -> None:
    record(engine, given(), withdrawn())
    with db.write(engine) as connection:
        tamper(connection)
        connection.execute(update(consent_event).where(consent_event.c.seq == 2).values(link=b"{}"))
    with pytest.raises(LedgerCorrupt), db.write(engine) as connection:
        erasing.erase(connection, PERSON, id="e", actor=OFFICER, now=LATER)


def test_an_erasure_is_not_recorded_like_a_decision(engine: Engine) -> None:
    record(engine, given())
    with pytest.raises(ErasureIsOrdered):
        record(engine, erasure())


def test_the_store_lets_no_event_be_emptied_without_an_erasure(engine: Engine) -> None:
    record(engine, given())
    empty = {"kind": "", "organisation": "", "purpose": "", "at": 0, "link": b""}
    with pytest.raises(DBAPIError, match="consent_event is append-only"), db.write(engine) as connection:
        connection.execute(update(consent_event).values(empty))


@pytest.mark.parametrize("change", [{"hash": b"\0" * 32}, {"link": b"{}"}, {"seq": 9}, {"kind": "given"}])
def test_the_store_lets_an_erased_event_be_changed_no_further(engine: Engine, change: dict[str, object]) -> None:
    record(engine, given())
    erase(engine)
    with pytest.raises(DBAPIError, match="consent_event is append-only"), db.write(engine) as connection:
        connection.execute(update(consent_event).where(consent_event.c.seq == 1).values(change))


def test_an_event_taken_away_without_an_erasure_breaks_the_chain(engine: Engine) -> None:
    record(engine, given(), withdrawn(), given())
    with db.write(engine) as connection:
        tamper(connection)
        connection.execute(update(consent_event).where(consent_event.c.seq <= 2).values(link=b""))
        found = ledger.verify_chain(connection, PERSON)
    assert found == Broken(2, "events were taken away and no erasure says so")


def test_a_changed_hash_of_an_erased_event_breaks_the_chain(engine: Engine) -> None:
    record(engine, given(), withdrawn())
    erase(engine)
    with db.write(engine) as connection:
        tamper(connection)
        connection.execute(update(consent_event).where(consent_event.c.seq == 1).values(hash=b"\1" * 32))
        assert isinstance(ledger.verify_chain(connection, PERSON), Broken)


def test_a_link_of_a_later_event_cannot_be_emptied_unseen(engine: Engine) -> None:
    record(engine, refused())
    erase(engine)
    record(engine, refused(VISITS, at=LATER))
    with db.write(engine) as connection:
        tamper(connection)
        connection.execute(update(consent_event).where(consent_event.c.seq == 3).values(link=b""))
        assert isinstance(ledger.verify_chain(connection, PERSON), Broken)
        assert ledger.person_wide(connection, PERSON) != Wide()
