# SPDX-License-Identifier: Apache-2.0
"""Forgetting what a person decided (UK GDPR Article 17), while the chain still holds and every no still binds.

What each event said is taken out; its place and its hash stay, and an erasure that commits to all those hashes
follows them. Nothing is given any more. Which noes there were is not known either, only whose: a yes must from then
on name the erasure, and nobody but whoever said no can say it. Objections, opt-outs and the right to decide for the
person bind others as they stand; they are said again after the erasure, bare of when, how and why.

The caller owns the transaction, must write in it, and seals the links it is given as long as they must be proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import uuid_utils
from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, func, select, update

from consent import chain, ledger, rules, wide
from consent.chain import Broken
from consent.deciding import NO
from consent.errors import LedgerCorrupt
from consent.model import Event, Kind, ObjectionState, Provision, Recorded, State
from consent.tables import (
    ERASED_ID,
    consent_ending,
    consent_event,
    consent_notice,
    consent_request,
    consent_standing,
    consent_wide,
)
from consent.wide import Objection, Wide
from consent.words import By, Channel

IN_FORCE = frozenset({State.GIVEN, State.AWAITING})

_rows = (
    select(consent_event.c.seq, consent_event.c.link, consent_event.c.hash)
    .where(consent_event.c.person == bindparam("p"))
    .order_by(consent_event.c.seq)
)


class NothingToErase(Struct, frozen=True):
    """The person never decided anything, or all of it was erased already."""


class StillShared(Struct, frozen=True):
    """Consent is in force, to so many recipients: it must be withdrawn first, so that they are told to stop."""

    recipients: int


class StillErasing(Struct, frozen=True):
    """So many recipients were told to stop, have not yet said that they have erased what they got, and have still
    time to."""

    recipients: int


class Ready(Struct, frozen=True):
    """So many events can be erased."""

    events: int


Readiness = NothingToErase | StillShared | StillErasing | Ready


class Erased(Struct, frozen=True):
    """What was done: the erasure and where it stands, what was said again after it, and the links that were taken
    out, oldest first."""

    event: Event
    recorded: Recorded
    restated: tuple[tuple[Event, Recorded], ...]
    links: tuple[bytes, ...]


def readiness(connection: Connection, person: str, now: int) -> Readiness:
    """Whether what a person decided can be erased at `now`. Raises LedgerCorrupt."""
    events = ledger.history(connection, person)
    if not any(event.kind is not Kind.ERASED for event in events):
        return NothingToErase()
    given = {
        about[0]
        for about, by_category in rules.fold(events).items()
        for some in by_category.values()
        for one in some
        if one.state in IN_FORCE and now < one.until
    }
    if given:
        return StillShared(len(given))
    open_ = (consent_notice.c.erased_at.is_(None), consent_notice.c.erase_by > now)
    told = select(func.count(consent_notice.c.organisation.distinct())).where(
        consent_notice.c.person == person, *open_
    )
    if waiting := connection.execute(told).scalar_one():
        return StillErasing(waiting)
    return Ready(len(events))


def erase(connection: Connection, person: str, *, id: str, actor: str, now: int) -> Erased | None:
    """Erase all that a person decided; None when there is nothing. `id`: of the erasure's event; `actor`: the
    officer. Raises LedgerCorrupt, also for a chain that is broken: what was lost could be a no."""
    head = ledger.lock(connection, [person])[person]
    rows = [(row.seq, bytes(row.link), row.hash.hex()) for row in connection.execute(_rows, {"p": person})]
    events = chain.events(person, rows, head)
    if isinstance(events, Broken):
        raise LedgerCorrupt
    if not events:
        return None
    made = Event(
        id=id,
        kind=Kind.ERASED,
        person=person,
        organisation="",
        purpose="",
        agreement="",
        provision=Provision(categories=()),
        at=now,
        actor=actor,
        channel=Channel.WEB,
        parties=tuple(sorted(parties(events))),
        erased=chain.commitment(hash_ for _, _, hash_ in rows),
    )
    recorded = ledger.append(connection, made, head)
    _take_out(connection, person, rows)
    again = list(_again(wide.fold(events), events, made))
    _forget(connection, person, {before: event.id for before, event in again})
    ledger.store(connection, {}, {person: (recorded.seq, wide.step(wide.NOTHING, made))})
    bare = [event for _, event in again]
    restated = tuple(zip(bare, ledger.record_all(connection, bare), strict=True))
    return Erased(made, recorded, restated, tuple(link for _, link, _ in rows if link))


def parties(events: Sequence[Event]) -> set[str]:
    """Whose no binds: everybody's who said one that was not invalidated. It binds for good and whether or not they
    could decide or said yes since, for nobody will know later whether that was to the same."""
    void = {event.target for event in events if event.kind is Kind.INVALIDATED}
    found: set[str] = set()
    for event in events:
        if event.kind is Kind.ERASED:
            found.update(event.parties)
        elif event.kind in NO and event.id not in void:
            found.add(event.party)
    return found


def _take_out(connection: Connection, person: str, rows: Iterable[tuple[int, bytes, str]]) -> None:
    gone = {"link": b"", "kind": "", "organisation": "", "purpose": "", "at": 0}
    which = consent_event.c.person == person, consent_event.c.seq == bindparam("s")
    values = [{"s": seq, "new_id": ERASED_ID + hash_[:35]} for seq, link, hash_ in rows if link]
    connection.execute(update(consent_event).where(*which).values(gone | {"id": bindparam("new_id")}), values)


def _forget(connection: Connection, person: str, again: Mapping[str, str]) -> None:
    """What was asked, what follows from the events, and what recipients were told and have done; but for notices of
    what is said `again` (id → new id)."""
    for before, after in again.items():
        moved = update(consent_notice).where(consent_notice.c.event == before).values(event=after)
        connection.execute(moved)
    connection.execute(
        delete(consent_notice).where(
            consent_notice.c.person == person, consent_notice.c.event.not_in(sorted(again.values()))
        )
    )
    for table in (consent_standing, consent_wide, consent_request):
        connection.execute(delete(table).where(table.c.person == person))
    of_consents = consent_ending.c.holder == ""  # what was told of an authority stands with the authority
    connection.execute(delete(consent_ending).where(consent_ending.c.person == person, of_consents))


def _again(stood: Wide, events: list[Event], erasure: Event) -> Iterator[tuple[str, Event]]:
    """What still binds others, as decisions of the erasure's time, each with the id of the one it repeats."""
    by_id = {event.id: event for event in events}
    for code in stood.opt_outs:
        yield "", _bare(erasure, Kind.OPTED_OUT, code=code)
    for one in stood.objections:
        if one.state is not ObjectionState.OVERRIDDEN:
            yield from _objection(one, events, erasure)
    for id in stood.authorities:
        before = by_id[id]
        yield (
            id,
            _bare(
                erasure,
                Kind.AUTHORITY_GRANTED,
                id=id,
                provision=before.provision,
                expires_at=max(before.expires_at, erasure.at + 1) if before.expires_at else 0,
                by=before.by,
                authoriser=before.authoriser,
            ),
        )


def _objection(one: Objection, events: list[Event], erasure: Event) -> Iterator[tuple[str, Event]]:
    before = next(event for event in events if event.id == one.event)
    objected = _bare(
        erasure,
        Kind.OBJECTED,
        organisation=one.organisation,
        purpose=one.purpose,
        agreement=before.agreement,
        provision=Provision(categories=one.categories),
        lawful_basis=before.lawful_basis,
    )
    yield one.event, objected
    if one.state is not ObjectionState.UPHELD:
        return
    upheld = next(
        event for event in reversed(events) if event.kind is Kind.OBJECTION_UPHELD and event.target == one.event
    )
    yield (
        upheld.id,
        _bare(
            erasure,
            Kind.OBJECTION_UPHELD,
            organisation=upheld.organisation,
            purpose=upheld.purpose,
            agreement=upheld.agreement,
            provision=upheld.provision,
            target=objected.id,
            reason=upheld.reason,
        ),
    )


def _bare(erasure: Event, kind: Kind, *, id: str = "", by: By = By.SELF, **members: object) -> Event:
    """An event that says what must be obeyed and nothing else; done by the officer, when the erasure was."""
    empty = {"organisation": "", "purpose": "", "agreement": "", "provision": Provision(categories=())}
    said: dict[str, object] = {
        "id": id or str(uuid_utils.uuid7()),
        "kind": kind,
        "person": erasure.person,
        "at": erasure.at,
        "actor": erasure.actor,
        "channel": Channel.WEB,
        "by": by,
    }
    return Event(**(empty | said | members))  # type: ignore[arg-type]  # checked when it is recorded
