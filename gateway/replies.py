# SPDX-License-Identifier: Apache-2.0
"""What may be sent: the bytes of an answer, of a dry run, and the problem of a refusal. Pure; sends nothing.

What is silent never shows here, and a person has a name only where something else is told about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs

from gateway.audit.log import Committed
from gateway.completeness import Part, refusal_rows
from gateway.errors import NoAgreement, NoConsent, Refused, SystemDisabled
from gateway.evidence import Asked
from gateway.model import (
    Answer,
    Completeness,
    Decision,
    Person,
    Preview,
    Previewed,
    Row,
    Verdict,
)
from gateway.policy.vocabulary import Vocabulary


class Reply(Struct, frozen=True):
    """What may now be sent: the exact bytes whose digest the log holds, and where it holds them."""

    body: bytes
    decision: str
    receipt: str
    committed: Committed


def encoded(
    asked: Asked,
    decision: Decision,
    parts: Sequence[Part],
    completeness: Completeness,
    named: str,
    receipt: dict[str, Any],
) -> bytes:
    """The bytes of an answer: what may be told of its parts, under the decision that it names."""
    met = completeness.required == "met" and completeness.optional != "not-met"
    items = tuple(item for part in parts for item in part.items)
    return msgspec.json.encode(
        Answer(
            id=f"rq_{asked.query.id}",
            decision=f"dec_{named}",
            status="complete" if met else "partial",
            subject=_subject(asked.person, bool(items) or _shows(decision)),
            completeness=completeness,
            items=items,
            obligations=decision.obligations,
            receipt=receipt,
        )
    )


def preview(asked: Asked, decision: Decision, witnessed: Committed) -> Reply:
    """The answer of `:preview`: the decision alone. Silent pairs never show, whatever was decided."""
    told = [
        Previewed(
            category=pair.category,
            source=pair.source,
            allow=verdict.allow,
            fields=verdict.fields,
            grounds=verdict.grounds,
            reason=verdict.reason if verdict.disclosure == "explain" else "",
        )
        for pair, verdict in zip(asked.pairs, decision.verdicts, strict=True)
        if verdict.disclosure != "silent"
    ]
    answer = Preview(
        id=f"rq_{asked.query.id}",
        decision=f"dec_{asked.id}",
        subject=_subject(asked.person, _shows(decision)),
        verdicts=tuple(told),
        obligations=decision.obligations,
        receipt=receipt(asked.id, witnessed),
    )
    return Reply(msgspec.json.encode(answer), f"dec_{asked.id}", f"rc_{asked.id}", witnessed)


def refused(asked: Asked, decision: Decision, entry: str, vocabulary: Vocabulary) -> Refused:
    """The problem of a whole refusal, which stands in the log as `entry`."""
    parts = [Part(p, v, None, ()) for p, v in zip(asked.pairs, decision.verdicts, strict=True)]
    rows = refusal_rows(parts, vocabulary.remedies)
    members = extensions(entry, rows) | {"receipt": f"/v1/receipts/rc_{entry}"}
    return _refusal_kind(decision.verdicts)(extensions=members)


def _refusal_kind(verdicts: Sequence[Verdict]) -> type[Refused]:
    """What is wrong with the caller or the agreement concerns nobody's data and is told whatever the disclosure."""
    if any({"active_organisation", "active_system"} & set(verdict.broken) for verdict in verdicts):
        return SystemDisabled
    if all(verdict.reason == "no-agreement" for verdict in verdicts):
        return NoAgreement
    explained = [verdict for verdict in verdicts if verdict.disclosure == "explain"]
    if explained and all(verdict.reason.startswith("consent-") for verdict in explained):
        return NoConsent
    return Refused


def shown(decision: Decision) -> tuple[object, ...]:
    """All of a decision that whoever asked may see."""
    told = [structs.replace(verdict, hidden=()) for verdict in decision.verdicts if verdict.disclosure != "silent"]
    return decision.revision, decision.obligations, told


def _shows(decision: Decision) -> bool:
    """Whether the decision itself tells that the person is known: something is allowed that is not silent."""
    return any(verdict.allow and verdict.disclosure != "silent" for verdict in decision.verdicts)


def extensions(decision: str, rows: Sequence[Row]) -> dict[str, object]:
    """The members of a problem that name the decision and show the completeness table."""
    return {"decision": f"dec_{decision}", "summary": msgspec.to_builtins(rows)}


def receipt(id: str, witnessed: Committed) -> dict[str, Any]:
    """Where the proof of the entry `id` is found."""
    return {"id": f"rc_{id}", "href": f"/v1/receipts/rc_{id}", "witness_index": witnessed.index}


def _subject(person: Person, told: bool) -> dict[str, str]:
    """The person's name for whoever asked, once something is told about them. Else there is none: handles compared
    between questions would tell who is known here, whose identifiers belong together and which birth date fits."""
    if not told:
        return {"match": "not-told"}
    return {"handle": person.handle, "match": "verified" if person.verified else "by-identifier"}
