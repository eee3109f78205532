# SPDX-License-Identifier: Apache-2.0
"""What the log is told of a query: one entry before anything is fetched, one before anything is released. Pure.

Clear members say which organisation, service, purpose and policy; all that is personal goes into the five
groups (`actor, subject, request, basis, result`), which the log commits to with salts and seals. Group values
are strings, integers, lists and objects only, so that their canonical JSON (RFC 8785) is unambiguous.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gateway.audit.events import Entry
from gateway.completeness import Part
from gateway.model import Caller, Completeness, Decision, Obligation, Pair, Person, Query, Verdict


class Asked(Struct, frozen=True):
    """One query with everything that stays the same from stage 3 on. `id` is the uuid of its witness entry."""

    id: str
    at_ms: int
    request_id: str
    caller: Caller
    query: Query
    person: Person
    pairs: tuple[Pair, ...]


class Judged(Struct, frozen=True, omit_defaults=True):
    """One verdict as it stands in the log's basis group: what is needed to explain it later."""

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


class Basis(Struct, frozen=True, omit_defaults=True):
    """The basis group: under what law the query was judged."""

    agreement: str
    consent_seq: int
    policy: str
    verdicts: tuple[Judged, ...]
    obligations: tuple[Obligation, ...] = ()


def witness(asked: Asked, decision: Decision, seq: int) -> Entry:
    """Stage 5: who asks what of whom, and what was decided, before any fetch; for yes and no alike."""
    if asked.query.preview:
        kind = "access.previewed"
    else:
        kind = "access.refused" if decision.refuses else "access.intended"
    return _entry(asked, kind, asked.id, decision, {"basis": _basis(asked, decision, seq)})


def refusal(asked: Asked, id: str, decision: Decision, seq: int) -> Entry:
    """A query that was permitted at stage 5 and refused at stage 8, because the citizen said stop between."""
    return _entry(asked, "access.refused", id, decision, {"basis": _basis(asked, decision, seq)})


def seal(
    asked: Asked,
    id: str,
    decision: Decision,
    seq: int,
    parts: Sequence[Part],
    completeness: Completeness,
    status: int,
    digest: str,
) -> Entry:
    """Stage 8: the names of the fields released (never values), each source's state, the body's digest."""
    released = [
        {
            "source": part.pair.source,
            "category": part.pair.category,
            "items": len(part.items),
            "fields": sorted({name for item in part.items for name in item.data}),
        }
        for part in parts
        if part.items
    ]
    states = [f"{row.category} {row.source} {row.state}" for row in completeness.summary]
    result = {"status": status, "digest": digest, "released": released, "states": states, "decision": asked.id}
    groups = {"basis": _basis(asked, decision, seq), "result": result}
    return _entry(asked, "access.disclosed", id, decision, groups)


def alarm(asked: Asked, id: str, decision: Decision, source: str, reason: str) -> Entry:
    """A source answered with something that must not be believed, such as another citizen's record."""
    groups = {"result": {"source": source, "reason": reason, "decision": asked.id}}
    return _entry(asked, "connector.alarm", id, decision, groups, service=source)


def _entry(
    asked: Asked, kind: str, id: str, decision: Decision, groups: dict[str, dict[str, Any]], service: str = ""
) -> Entry:
    caller, query = asked.caller, asked.query
    user = query.user
    actor: dict[str, Any] = {"system": caller.system, "token": caller.token_id}
    if user is not None:
        actor |= {"user": user.id, "role": user.role, "assured": int(user.assured)}
    request: dict[str, Any] = {
        "query": query.id,
        "request_id": asked.request_id,
        "reason": query.reason,
        "case": query.case_reference,
        "on_behalf_of": query.on_behalf_of,
        "categories": [{"code": c.code, "need": c.need, "fields": list(c.fields)} for c in query.categories],
    }
    return Entry(
        id=id,
        type=kind,
        at_ms=asked.at_ms,
        org=caller.organisation,
        svc=service or caller.system,
        purpose=query.purpose,
        decision="deny" if decision.refuses else "permit",
        policy=decision.revision,
        subjects=1,
        groups={"actor": actor, "subject": {"handle": asked.person.handle}, "request": request, **groups},
        subject_key=asked.person.id,
    )


def _basis(asked: Asked, decision: Decision, seq: int) -> dict[str, Any]:
    basis: dict[str, Any] = msgspec.to_builtins(
        Basis(
            agreement=asked.query.agreement,
            consent_seq=seq,
            policy=decision.revision,
            verdicts=tuple(judged(p, v) for p, v in zip(asked.pairs, decision.verdicts, strict=True)),
            obligations=decision.obligations,
        )
    )
    return basis


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
    )
