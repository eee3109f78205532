# SPDX-License-Identifier: Apache-2.0
"""Who may decide this, now? One answer with its reason, asked before anything is recorded. Pure.

1. The person themself may always say no: refuse, withdraw, object, opt out. Nobody can take that away.
2. The person may say yes if they can decide the matter: an adult and a young person of 16 or 17 unless an
   assessment in force says they cannot (MCA 2005 s.1(2), s.2(5)); a child under 16 only if one says they can
   (Gillick).
3. Somebody else may decide with an authority that is in force, reaches the matter, is not barred by a court, and
   whose ground is met at this moment: a health attorney only while the person lacks capacity, a parent only while
   the child is one, and so on (`_ground`).
4. What the person decided while able to stands against everybody else. A child found competent overrides parents;
   an assessment that finds they are not changes nothing that a parent decided.
5. What an erasure took out of the ledger is nobody's knowledge any more; that somebody had said no to something is,
   and stands as if it had been to everything: the person alone can take theirs back, by a new yes.
6. Between several who may decide, any one's no wins, whoever spoke last; what each said stays recorded. It ends
   when that one takes it back or loses the authority.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from consent.authority import NEVER_HELD, Assessment, Authority, Matter, chain_of, derived
from consent.model import Event, Provision
from consent.words import By, Channel, Kind

YES = frozenset({Kind.GIVEN, Kind.RENEWED})
NO = frozenset({Kind.REFUSED, Kind.WITHDRAWN})
_BARS = NO | {Kind.ERASED}
SURVIVES_DEATH = frozenset({Kind.OPTED_OUT, Kind.OBJECTED})

REASONS: dict[str, str] = {
    "person-deceased": "The person has died: nothing new can be agreed to for them.",
    "lacks-capacity": "An assessment says that the person cannot decide this themself just now.",
    "not-found-competent": "A child under 16 decides this alone only when somebody has found that they can.",
    "no-authority": "There is no authority to decide for this person.",
    "ground-unknown": "It is not known on what ground they might decide: staff have to establish one first.",
    "authority-ended": "The authority has ended.",
    "authority-not-begun": "The authority has not begun yet.",
    "authority-expired": "The authority has run out.",
    "authority-suspended": "The authority is suspended until somebody has looked at it.",
    "authority-under-review": "The authority must be looked at again before it is used.",
    "outside-authority": "The authority does not reach this matter.",
    "court-restriction": "A court has ordered that the holder does not decide this.",
    "handed-on-too-far": "The authority was handed on further, or wider, than it allows.",
    "of-age": "The person is an adult and decides themself, or through another kind of authority.",
    "person-has-capacity": "The person can decide this themself.",
    "somebody-appointed": "Somebody whom the person or a court appointed decides this.",
    "chosen-while-able": "Whoever the person chose decides only while the person could still change their mind.",
    "the-person-decided": "The person decided this themself, and that stands.",
    "another-party-refused": "Somebody else who may decide has said no, and that stands until they take it back.",
}
"""Why somebody may not decide → the sentence they are shown."""

_TELLING = tuple(REASONS)
"""Of several authorities that do not do, the reason of the one that came furthest is told: the later in this
list."""


class Subject(Struct, frozen=True, kw_only=True):
    """What is known of the person that a decision is about. `age_band` as the register says it: `under-13`,
    `13-15`, `16-17`, `adult`, or empty for not known, when an authority over a child still shows their age."""

    person: str
    age_band: str = ""
    deceased: bool = False
    authorities: tuple[Authority, ...] = ()
    assessments: tuple[Assessment, ...] = ()


class Allowed(Struct, frozen=True):
    """They may, in this right. `until`: when the passing of time would change that, 0 for never; no consent given
    so lasts longer. `parties`: all who must give, if this one alone is not enough. `overrides`: the noes of
    others that this yes takes the place of."""

    by: By
    authority: str = ""
    until: int = 0
    parties: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()


class NotAllowed(Struct, frozen=True):
    """They may not; `reason` is a key of REASONS."""

    reason: str


def may_decide(
    subject: Subject, actor: str, kind: Kind, matter: Matter, history: Sequence[Event], now: int
) -> Allowed | NotAllowed:
    """Whether `actor` (opaque id) may decide `matter` for `subject` by an event of `kind` at `now`. `history`: the
    person's events to the same recipient for the same purpose and the erasure, if there was one, oldest first, none
    that was invalidated."""
    if subject.deceased and kind not in SURVIVES_DEATH:
        return NotAllowed("person-deceased")
    words = last_words(history, matter.categories)
    erased = tuple(event.id for event in history if event.kind is Kind.ERASED)
    if actor == subject.person:
        return _self(subject, kind, matter, words, erased, now)
    best = "no-authority"
    for authority in subject.authorities:
        if authority.holder != actor or authority.person != subject.person:
            continue
        reason = _fault(authority, subject, matter, now)
        if not reason:
            return _proxy(authority, subject, kind, matter, words, erased, now)
        best = max(best, reason, key=_TELLING.index)
    return NotAllowed(best)


def able(subject: Subject, matter: Matter, now: int) -> bool:
    """Whether the person can say yes to the matter themself at `now`."""
    return not _unable(subject, matter, now)


def last_words(history: Iterable[Event], categories: Iterable[str]) -> dict[str, Event]:
    """Party → the last thing they decided about any of these categories, an erasure for whoever's no it erased."""
    wanted = set(categories)
    words: dict[str, Event] = {}
    for event in history:
        if event.kind is Kind.ERASED:
            words.update(dict.fromkeys(event.parties, event))
        elif event.kind in YES | NO and not wanted.isdisjoint(event.provision.categories):
            words[event.party] = event
    return words


def dependants(history: Iterable[Event], held: Iterable[Authority], lost: str) -> tuple[Event, ...]:
    """The decisions that fall with the authority `lost`, and only those: every yes that was said under it or under
    one that was handed on from it. A no stays a no: it harms nobody, and whoever may decide now can decide anew."""
    ids = derived(lost, held)
    return tuple(event for event in history if event.authority in ids and event.kind in YES)


def fall(fallen: Event, reason: str, *, id: str, actor: str, now: int) -> Event:
    """The event that ends a decision whose authority was lost for `reason`: from now on, or, if the authority was
    never held (NEVER_HELD), as if it had not been."""
    never = reason in NEVER_HELD
    return Event(
        id=id,
        kind=Kind.INVALIDATED if never else Kind.REVOKED,
        person=fallen.person,
        organisation=fallen.organisation,
        purpose=fallen.purpose,
        agreement=fallen.agreement,
        provision=Provision(
            categories=fallen.provision.categories,
            fields=fallen.provision.fields,
            sources=fallen.provision.sources,
        ),
        at=now,
        actor=actor,
        channel=Channel.WEB,
        target=fallen.id,
        reason="no-authority" if never else "authority-ended",
    )


def _self(
    subject: Subject, kind: Kind, matter: Matter, words: Mapping[str, Event], erased: tuple[str, ...], now: int
) -> Allowed | NotAllowed:
    if kind not in YES:
        return Allowed(By.SELF)
    if reason := _unable(subject, matter, now):
        return NotAllowed(reason)
    others = tuple(event.id for party, event in words.items() if party != subject.person and event.kind in NO)
    return Allowed(By.SELF, until=_able_until(subject, matter, now), overrides=(*others, *erased))


def _proxy(
    authority: Authority,
    subject: Subject,
    kind: Kind,
    matter: Matter,
    words: Mapping[str, Event],
    erased: tuple[str, ...],
    now: int,
) -> Allowed | NotAllowed:
    own = words.get(subject.person)
    if own is not None and _stands(own, authority, subject, kind, matter, now):
        return NotAllowed("the-person-decided")
    others = {
        one.holder: one
        for one in subject.authorities
        if one.holder != authority.holder and not _fault(one, subject, matter, now)
    }
    if kind in YES and any(party in others and event.kind in _BARS for party, event in words.items()):
        return NotAllowed("another-party-refused")
    joint = sorted({authority.holder, *(holder for holder, one in others.items() if one.jointly)})
    line = chain_of(authority, subject.authorities) or ()
    ends = [end for one in line if (end := one.good_until())]
    parties = tuple(joint) if authority.jointly and len(joint) > 1 else ()
    return Allowed(authority.by, authority.id, min(ends, default=0), parties, erased if kind in YES else ())


def _stands(own: Event, authority: Authority, subject: Subject, kind: Kind, matter: Matter, now: int) -> bool:
    """Whether what the person said binds this proxy. Their no, said while able, does for good. Their yes does while
    they still are able; somebody they chose themself may say no for them all the same. Of a no that was erased it
    is no longer known what it was to: it binds every yes, and no other no."""
    if own.kind is Kind.ERASED:
        return kind in YES
    if authority.by is By.CHOSEN:
        return own.kind in NO and kind in YES
    return able(subject, matter, own.at) and (own.kind in NO or able(subject, matter, now))


def _fault(authority: Authority, subject: Subject, matter: Matter, now: int) -> str:
    """Why this authority does not do for the matter at `now`; empty when it does."""
    line = chain_of(authority, subject.authorities)
    if line is None:
        return "handed-on-too-far"
    for one in line:
        if reason := one.out_of_force(now):
            return reason
        if not one.reaches(matter):
            return "outside-authority"
        if any(r.decide and r.bites(matter.categories, now) for r in one.restrictions):
            return "court-restriction"
    return _ground(authority, subject, matter, now)


def _ground(authority: Authority, subject: Subject, matter: Matter, now: int) -> str:
    """Whether what the ground rests on is there at this moment: a reason when it is not."""
    if authority.by is By.PARENT:
        return "of-age" if _age_band(subject, now) == "adult" else ""
    if authority.by is By.BEST_INTEREST:
        return _best_interest(subject, matter, now)
    found = _found(subject, "capacity", matter, now)
    match authority.by:
        case By.HEALTH_LPA:
            able = found is not False  # MCA 2005 s.11(7)(a)
        case By.PROPERTY_LPA:
            able = found is not False and not authority.while_able
        case By.DEPUTY:
            able = found is True  # s.20(1)
        case By.CHOSEN:
            return "chosen-while-able" if found is False else ""
        case _:
            able = False
    return "person-has-capacity" if able else ""


def _best_interest(subject: Subject, matter: Matter, now: int) -> str:
    if _age_band(subject, now) in {"under-13", "13-15"}:
        return "outside-authority"  # MCA 2005 s.2(5)
    if not lacks_capacity(subject, matter, now):
        return "person-has-capacity"  # s.1(2)
    appointed = (one for one in subject.authorities if one.by in {By.HEALTH_LPA, By.DEPUTY})
    return "somebody-appointed" if any(not _fault(one, subject, matter, now) for one in appointed) else ""  # s.6(6)


def lacks_capacity(subject: Subject, matter: Matter, now: int) -> bool:
    """Whether an assessment in force says that the person cannot decide the matter."""
    return _found(subject, "capacity", matter, now) is False


def _unable(subject: Subject, matter: Matter, now: int) -> str:
    if _age_band(subject, now) in {"under-13", "13-15"}:
        return "" if _found(subject, "gillick", matter, now) else "not-found-competent"
    return "lacks-capacity" if _found(subject, "capacity", matter, now) is False else ""


def _able_until(subject: Subject, matter: Matter, now: int) -> int:
    """When a finding that a child is competent ends."""
    if _age_band(subject, now) not in {"under-13", "13-15"}:
        return 0
    last = _last(subject, "gillick", matter, now)
    return last.until if last else 0


def _found(subject: Subject, kind: str, matter: Matter, now: int) -> bool | None:
    last = _last(subject, kind, matter, now)
    return None if last is None else last.able


def _last(subject: Subject, kind: str, matter: Matter, now: int) -> Assessment | None:
    """The newest assessment of a kind that speaks of the matter; one that says no is not outlived by an older
    yes."""
    speaking = [one for one in subject.assessments if one.kind == kind and one.speaks(matter, now)]
    return max(speaking, key=lambda one: (one.at, one.id), default=None)


def _age_band(subject: Subject, now: int) -> str:
    """The register's word, and where that is silent what an authority over a child shows."""
    if subject.age_band:
        return subject.age_band
    for authority in subject.authorities:
        if len(authority.reviews) == 3 and authority.ended not in NEVER_HELD:
            bands = ("under-13", "13-15", "16-17", "adult")
            return bands[sum(now >= instant for instant in authority.reviews)]
    return ""
