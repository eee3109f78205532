# SPDX-License-Identifier: Apache-2.0
"""What may be shared about one citizen, one record a sharing: who receives what from whom and what for, on which
ground, how it stands, and what the citizen can do about it. Pure.

A sharing is one term of an agreement for one recipient and purpose. Its id is made of those names alone: it
speaks of no citizen, and the same address shows each of them their own.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from consent import rules
from consent.conditions import ANY, Conditions
from consent.model import By, Held, ObjectionStanding, Provision, Standing, State
from consent.words import NATIONAL_DATA_OPT_OUT, ObjectionState
from gateway.policy.vocabulary import Agreement, Term, Vocabulary

Action = Literal["withdraw", "give", "object", "take-back", "opt-out", "opt-in", "cannot-stop"]


Stopped = Literal["objected", "opted-out"]
"""What stops a sharing that does not rest on consent."""


class Ground(Struct, frozen=True):
    """Why a sharing is lawful, in the two layers of UK law, and the statute where one says so."""

    lawful_basis: str
    lawful_basis_title: str
    lawful_basis_sentence: str
    special_category_basis: str
    confidentiality_basis: str
    confidentiality_sentence: str
    statute: str
    statute_uri: str


class Button(Struct, frozen=True):
    """One thing the citizen can do, or why nothing can be done: a sentence, and where to send what (relative
    address; empty where there is nothing to send)."""

    action: Action
    sentence: str
    method: str = ""
    href: str = ""


class Part(Struct, frozen=True):
    """How one kind of information of a sharing stands. `until`: seconds since 1970, 0 for none; `events`: the
    decisions that say so; `by`: in which right; `conditions`: what narrows it further, None for nothing."""

    category: str
    title: str
    state: State
    fields: tuple[str, ...]
    fields_except: tuple[str, ...]
    until: int
    events: tuple[str, ...]
    by: By = By.SELF
    conditions: Conditions | None = None


class Record(Struct, frozen=True, kw_only=True):
    """One sharing, as one citizen sees it."""

    id: str
    title: str
    agreement: str
    agreement_title: str
    summary: str
    recipient: str
    recipient_name: str
    purpose: str
    purpose_title: str
    source: str
    source_name: str
    needs_consent: bool
    state: State | Stopped | Literal["not-consent"]
    categories: tuple[Part, ...]
    ground: Ground
    buttons: tuple[Button, ...]
    contact: str


class Sharing(Struct, frozen=True):
    """What a record is a record of."""

    id: str
    agreement: Agreement
    term: Term
    recipient: str
    purpose: str
    sources: tuple[str, ...]

    def provision(self, categories: tuple[str, ...] = (), fields: tuple[str, ...] = ()) -> Provision:
        """The provision of a decision about it: all of its categories, or those named. The source is named only
        where the agreement holds the same category from another one too, so that an earlier "all sources" is
        taken back by the same words."""
        return Provision(categories=categories or tuple(self.term.categories), fields=fields, sources=self.sources)


Reads = Callable[[str, str], Standing]
"""(organisation, purpose) → the citizen's standing."""


def sharings(vocabulary: Vocabulary, today: datetime.date) -> Iterator[Sharing]:
    """Every sharing of the agreements in force on a day (UTC)."""
    for agreement in vocabulary.agreements.values():
        if not agreement.valid.since <= today < agreement.valid.until:
            continue
        for term in agreement.terms:
            twice = any(one is not term and set(one.categories) & set(term.categories) for one in agreement.terms)
            for recipient in agreement.recipients:
                for purpose in agreement.purposes:
                    yield Sharing(
                        _id(agreement.id, term.source, recipient, purpose),
                        agreement,
                        term,
                        recipient,
                        purpose,
                        (term.source,) if twice else (),
                    )


def records(
    vocabulary: Vocabulary, reads: Reads, known_to: frozenset[str] | None, now: int, *, only: str = ""
) -> list[Record]:
    """The records of one citizen. `known_to`: the sources that know them (None: take all); a sharing from a source
    that does not is left out, unless something was decided about it. `only`: the id of the one that is wanted."""
    today = datetime.datetime.fromtimestamp(now, datetime.UTC).date()
    found = []
    for sharing in sharings(vocabulary, today):
        if only not in ("", sharing.id):
            continue
        standing = reads(sharing.recipient, sharing.purpose)
        told = record(vocabulary, sharing, standing, now)
        decided = any(part.state is not State.NONE for part in told.categories)
        if only or decided or known_to is None or sharing.term.source in known_to:
            found.append(told)
    return found


def record(vocabulary: Vocabulary, sharing: Sharing, standing: Standing, now: int) -> Record:
    """One sharing as it stands at `now` (seconds since 1970)."""
    term, agreement = sharing.term, sharing.agreement
    needs = needs_consent(vocabulary, term)
    parts = tuple(
        _part(vocabulary, category, rules.held(standing, category, term.source, now, agreement.id))
        for category in term.categories
    )
    names = {party.organisation: party.name for party in agreement.parties}
    owner = term.source.rpartition("/")[0]
    return Record(
        id=sharing.id,
        title=term.title,
        agreement=agreement.id,
        agreement_title=agreement.title,
        summary=agreement.summary,
        recipient=sharing.recipient,
        recipient_name=names.get(sharing.recipient, sharing.recipient),
        purpose=sharing.purpose,
        purpose_title=vocabulary.purposes[sharing.purpose].title,
        source=term.source,
        source_name=names.get(owner, owner),
        needs_consent=needs,
        state=overall([part.state for part in parts]) if needs else _stopped(vocabulary, sharing, standing),
        categories=parts,
        ground=_ground(vocabulary, term),
        buttons=tuple(_buttons(vocabulary, sharing, parts, standing, needs)),
        contact=agreement.contact,
    )


def needs_consent(vocabulary: Vocabulary, term: Term) -> bool:
    """Whether either layer of the ground is consent: only then is a decision the citizen's."""
    basis = vocabulary.lawful_bases[term.lawful_basis]
    return basis.right == "withdraw" or vocabulary.confidentiality_bases[term.confidentiality_basis].consent


def overall(states: list[State]) -> State:
    """One word for a record whose parts may differ: given where anything is given."""
    for state in (State.GIVEN, State.EXPIRED, State.WITHDRAWN, State.REFUSED):
        if state in states:
            return state
    return State.NONE


def _part(vocabulary: Vocabulary, category: str, held: Held) -> Part:
    return Part(
        category=category,
        title=vocabulary.categories[category].title,
        state=held.state,
        fields=held.fields,
        fields_except=held.fields_except,
        until=held.until,
        events=held.events,
        by=held.by,
        conditions=None if held.conditions == ANY else held.conditions,
    )


def _ground(vocabulary: Vocabulary, term: Term) -> Ground:
    lawful = vocabulary.lawful_bases[term.lawful_basis]
    duty = vocabulary.confidentiality_bases[term.confidentiality_basis]
    return Ground(
        lawful_basis=lawful.code,
        lawful_basis_title=lawful.title,
        lawful_basis_sentence=lawful.sentence,
        special_category_basis=term.special_category_basis,
        confidentiality_basis=duty.code,
        confidentiality_sentence=duty.sentence,
        statute=term.statute.title if term.statute else "",
        statute_uri=term.statute.uri if term.statute else "",
    )


def _stopped(vocabulary: Vocabulary, sharing: Sharing, standing: Standing) -> Stopped | Literal["not-consent"]:
    """How a sharing that does not rest on consent stands: an objection that was overridden stops nothing."""
    stopping = (one for one in _objections(sharing, standing) if one.state is not ObjectionState.OVERRIDDEN)
    if any(stopping):
        return "objected"
    if _opt_out_applies(vocabulary, sharing) and NATIONAL_DATA_OPT_OUT in standing.opt_outs:
        return "opted-out"
    return "not-consent"


def _objections(sharing: Sharing, standing: Standing) -> list[ObjectionStanding]:
    """The objections to anything of a sharing."""
    return [
        one
        for one in standing.objections
        if not one.categories or not set(one.categories).isdisjoint(sharing.term.categories)
    ]


def _opt_out_applies(vocabulary: Vocabulary, sharing: Sharing) -> bool:
    individual = vocabulary.purposes[sharing.purpose].individual_care
    return not individual and sharing.term.opt_out is None


def _buttons(
    vocabulary: Vocabulary, sharing: Sharing, parts: tuple[Part, ...], standing: Standing, needs: bool
) -> Iterator[Button]:
    here = f"/v1/consent/records/{sharing.id}"
    if needs:
        if any(part.state is State.GIVEN for part in parts):
            yield Button(
                "withdraw",
                "You can take your consent back at any time. It stops at once.",
                "POST",
                f"{here}/withdraw",
            )
        if any(part.state is not State.GIVEN for part in parts):
            yield Button("give", "Nothing is shared unless you agree.", "POST", "/v1/consent/decisions")
        return
    basis = vocabulary.lawful_bases[sharing.term.lawful_basis]
    if objections := _objections(sharing, standing):
        for one in objections:
            href = f"/v1/consent/objections/ob_{one.event}"
            yield Button("take-back", "You objected. You can take that back at any time.", "DELETE", href)
    elif basis.right == "object":
        yield Button("object", basis.sentence, "POST", "/v1/consent/objections")
    if _opt_out_applies(vocabulary, sharing):
        if NATIONAL_DATA_OPT_OUT in standing.opt_outs:
            href = f"/v1/consent/opt-outs/{NATIONAL_DATA_OPT_OUT}"
            yield Button("opt-in", "You opted out of uses beyond your own care. You can end that.", "DELETE", href)
        else:
            sentence = "You can opt out of uses beyond your own care."
            yield Button("opt-out", sentence, "POST", "/v1/consent/opt-outs")
    if basis.right in ("", "cannot-stop"):
        law = f" {sharing.term.statute.title}." if sharing.term.statute else ""
        yield Button("cannot-stop", f"{basis.sentence}{law}")


def _id(*names: str) -> str:
    return "rec_" + hashlib.sha256("\0".join(names).encode()).hexdigest()[:24]


def known_sources(systems: frozenset[str], accepts: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The sources that can know a citizen: those that take an identifier of a system in which the citizen has one.
    `accepts`: source → identifier systems."""
    return frozenset(source for source, taken in accepts.items() if taken & systems)
