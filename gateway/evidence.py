# SPDX-License-Identifier: Apache-2.0
"""What the log is told of a query: one entry before anything is fetched, one before anything is released. Pure.

Clear members say which organisation, service, purpose and policy; all that is personal goes into the five
groups (`actor, subject, request, basis, result, facts`), which the log commits to with salts and seals. Groups are
typed values of strings, integers and booleans, so that their canonical JSON (RFC 8785) is unambiguous. The facts
are those the judge was given, so that a decision can be replayed, and re-judged under other rules.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from consent.model import Standing
from gateway.audit.events import Entry
from gateway.completeness import Part
from gateway.identity.circumstances import Found
from gateway.model import (
    Caller,
    CategoryAsked,
    Completeness,
    Decision,
    Obligation,
    Pair,
    Person,
    Query,
    User,
    Verdict,
)
from gateway.policy.encoding import EncodedFacts, shared
from gateway.policy.facts import Facts

_NOBODY = User("")


class Asked(Struct, frozen=True):
    """One query with everything that stays the same from stage 3 on. `id` is the uuid of its witness entry."""

    id: str
    at_ms: int
    request_id: str
    caller: Caller
    query: Query
    person: Person
    pairs: tuple[Pair, ...]


class Ruling(Struct, frozen=True):
    """A decision with all that it was made from: what the citizen decided (`standing`), the person's circumstances
    (`found`), and the facts the judge was given."""

    standing: Standing
    found: Found
    given: Facts
    decision: Decision


class Actor(Struct, frozen=True, omit_defaults=True):
    """The actor group: the system, its token, and the person at the agency."""

    system: str
    token: str
    user: str = ""
    role: str = ""
    assured: bool = False


class Subject(Struct, frozen=True):
    """The subject group: the citizen, by the name that the asking organisation has for them."""

    handle: str


class Asking(Struct, frozen=True, omit_defaults=True):
    """The request group: what was asked, and the reason the citizen will read. `relationship` is what the caller
    claimed of itself; `override` the break-glass it cited."""

    query: str
    request_id: str
    reason: str
    case: str
    on_behalf_of: str
    categories: tuple[CategoryAsked, ...]
    relationship: str = ""
    override: str = ""


class Judged(Struct, frozen=True, omit_defaults=True):
    """One verdict as it stands in the log's basis group: what is needed to explain it later. `hidden`: broken
    limits that whoever asked may not learn of; `override`: the break-glass reason it was allowed under."""

    source: str
    category: str
    allow: bool
    fields: tuple[str, ...] = ()
    fields_refused: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    reason: str = ""
    lawful_basis: str = ""
    confidentiality_basis: str = ""
    disclosure: str = "generic"
    hidden: tuple[str, ...] = ()
    override: str = ""


class Basis(Struct, frozen=True, omit_defaults=True):
    """The basis group: under what law the query was judged. `anew`: again, at stage 8, so that a verdict that had
    refused still does, whatever the newer facts would allow."""

    agreement: str
    consent_seq: int
    policy: str
    verdicts: tuple[Judged, ...]
    obligations: tuple[Obligation, ...] = ()
    anew: bool = False


class Released(Struct, frozen=True):
    """What left of one category from one source: names of fields, never values."""

    source: str
    category: str
    items: int
    fields: tuple[str, ...]


class Result(Struct, frozen=True):
    """The result group of an answer; `digest` is SHA-256 of its exact bytes."""

    decision: str
    status: int
    digest: str
    released: tuple[Released, ...]
    states: tuple[str, ...]


class ResultAnew(Result, frozen=True):
    """The result group of an answer that follows another decision than its witness entry, because consent moved in
    between. In this group, so that the entry's clear members do not tell."""

    basis: Basis
    facts: EncodedFacts


class Failed(Struct, frozen=True):
    """The result group of a query that ended without an answer."""

    decision: str


class Alarm(Struct, frozen=True):
    """The result group of an alarm."""

    decision: str
    source: str
    reason: str


def witness(asked: Asked, ruling: Ruling) -> Entry:
    """Stage 5: who asks what of whom, and what was decided from which facts, before any fetch; for yes and no
    alike."""
    if asked.query.preview:
        kind = "access.previewed"
    else:
        kind = "access.refused" if ruling.decision.refuses else "access.intended"
    return _entry(asked, kind, asked.id, ruling.decision, _law(asked, ruling))


def refusal(asked: Asked, id: str, ruling: Ruling) -> Entry:
    """A query that was permitted at stage 5 and refused at stage 8, because the citizen said stop between."""
    return _entry(asked, "access.refused", id, ruling.decision, _law(asked, ruling, anew=True))


def seal(
    asked: Asked,
    id: str,
    ruling: Ruling,
    parts: Sequence[Part],
    completeness: Completeness,
    status: int,
    digest: str,
    *,
    anew: bool,
) -> Entry:
    """Stage 8: the names of the fields released (never values), each source's state, the body's digest. What was
    asked, and under what law, stands in the witness entry that `result.decision` names; the law stands in the
    result too only if the query was decided `anew`, since consent or circumstances had moved."""
    released = tuple(
        [
            Released(
                source=part.pair.source,
                category=part.pair.category,
                items=len(part.items),
                fields=tuple(sorted({name for item in part.items for name in item.data})),
            )
            for part in parts
            if part.items
        ]
    )
    states = tuple([f"{row.category} {row.source} {row.state}" for row in completeness.summary])
    if anew:
        basis = _basis(asked, ruling, anew=True)
        result: Result = ResultAnew(asked.id, status, digest, released, states, basis, shared(ruling.given))
    else:
        result = Result(asked.id, status, digest, released, states)
    return _entry(asked, "access.disclosed", id, ruling.decision, {"result": result})


def alarm(asked: Asked, id: str, decision: Decision, source: str, reason: str) -> Entry:
    """A source answered with something that must not be believed, such as another citizen's record."""
    said = Alarm(asked.id, source, reason)
    return _entry(asked, "connector.alarm", id, decision, {"result": said}, service=source)


def failed(asked: Asked, id: str, decision: Decision) -> Entry:
    """A query whose witness entry says it was intended ended without an answer; `result.decision` names it."""
    return _entry(asked, "access.failed", id, decision, {"result": Failed(asked.id)})


def _entry(
    asked: Asked,
    kind: str,
    id: str,
    decision: Decision,
    said: dict[str, Struct],
    service: str = "",
) -> Entry:
    """One entry: who asks, about whom, and what is `said`; what was asked, where that is not a result."""
    caller, query = asked.caller, asked.query
    user = query.user or _NOBODY
    groups: dict[str, Struct] = {
        "actor": Actor(caller.system, caller.token_id, user.id, user.role, user.assured),
        "subject": Subject(asked.person.handle),
    }
    if "result" not in said:
        groups["request"] = Asking(
            query.id, asked.request_id, query.reason, query.case_reference, query.on_behalf_of, query.categories,
            query.relationship, query.override,
        )  # fmt: skip
    groups |= said
    return Entry(
        id=id,
        type=kind,
        at_ms=asked.at_ms,
        org=caller.organisation,
        svc=service or caller.system,
        purpose=query.purpose,
        decision="deny" if decision.refuses else "break_glass" if query.override else "permit",
        policy=decision.revision,
        subjects=1,
        groups=groups,
        subject_key=asked.person.id,
    )


def _law(asked: Asked, ruling: Ruling, *, anew: bool = False) -> dict[str, Struct]:
    return {"basis": _basis(asked, ruling, anew=anew), "facts": shared(ruling.given)}


def _basis(asked: Asked, ruling: Ruling, *, anew: bool = False) -> Basis:
    decision = ruling.decision
    return Basis(
        agreement=asked.query.agreement,
        consent_seq=ruling.standing.seq,
        policy=decision.revision,
        verdicts=tuple([judged(p, v) for p, v in zip(asked.pairs, decision.verdicts, strict=True)]),
        obligations=decision.obligations,
        anew=anew,
    )


def judged(pair: Pair, verdict: Verdict) -> Judged:
    """A verdict with the names of its pair."""
    return Judged(
        source=pair.source,
        category=pair.category,
        allow=verdict.allow,
        fields=verdict.fields,
        fields_refused=verdict.fields_refused,
        grounds=verdict.grounds,
        broken=verdict.broken,
        reason=verdict.reason,
        lawful_basis=verdict.lawful_basis,
        confidentiality_basis=verdict.confidentiality_basis,
        disclosure=verdict.disclosure,
        hidden=verdict.hidden,
        override=verdict.override,
    )
