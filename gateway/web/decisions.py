# SPDX-License-Identifier: Apache-2.0
"""`GET /v1/decisions/{id}`: why a query was decided as it was; each who asks is told what they may know.

The agency that asked: what it may see of its own questions; what is silent shows nowhere. The citizen: every
verdict about themselves, with the true reason in their own words and what they can do, never who at the agency it
was. The auditor, a registered system with that scope whose user says why they look: everything that is not erased,
and the look itself is in the log before anything is shown. To everybody else a decision does not exist.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from msgspec import structs

from gateway.audit.log import Log, StoredEntry
from gateway.auditing import Auditor, Review
from gateway.errors import Malformed, NotFound, SystemDisabled, TokenMissing
from gateway.evidence import Basis, Judged
from gateway.identity.agencies import Agencies
from gateway.identity.citizens import Citizens
from gateway.model import Caller, Obligation, WithheldReason
from gateway.overrides import Overrides
from gateway.policy.explain import auditor_sentence, citizen_sentences, duty_rule, explain
from gateway.policy.law import InForce
from gateway.policy.vocabulary import Vocabulary

AUDITOR = "auditor"
"""The scope in the register that lets a system's users look as auditors."""

DECIDED = frozenset(
    {
        WithheldReason.CONSENT_NOT_GIVEN,
        WithheldReason.CONSENT_WITHDRAWN,
        WithheldReason.CONSENT_EXPIRED,
        WithheldReason.CONSENT_SCOPE,
        WithheldReason.OBJECTION,
        WithheldReason.NATIONAL_OPT_OUT,
    }
)
"""Refused because the citizen does not let it be shared: there is nothing to withdraw or to object to."""


def router(
    log: Log, agencies: Agencies, citizens: Citizens, review: Review, overrides: Overrides, in_force: InForce
) -> APIRouter:
    """The route, bound to the parts that it reads."""
    routes = APIRouter()
    telling = _Telling(log, agencies, citizens, review, overrides, in_force)

    @routes.get(
        "/v1/decisions/{id}",
        tags=["decisions"],
        summary="Why a query was decided as it was: for the agency, the citizen or an auditor",
    )
    async def decision(
        request: Request,
        id: str,
        authorization: Annotated[str, Header()] = "",
        audit_reason: Annotated[str, Header(description="Why an auditor looks; auditors only.")] = "",
    ) -> Response:
        if authorization[:7].lower() != "bearer ":
            raise TokenMissing
        token = authorization[7:]
        shown = await asyncio.to_thread(telling.begin, request, id, token)
        if isinstance(shown, Caller):
            shown = await telling.audited(id, shown, audit_reason)
        return Response(
            msgspec.json.encode(shown), media_type="application/json", headers={"cache-control": "no-store"}
        )

    return routes


@dataclass(frozen=True, slots=True)
class _Telling:
    """What there is to tell of a decision, for each who may ask."""

    log: Log
    agencies: Agencies
    citizens: Citizens
    review: Review
    overrides: Overrides
    in_force: InForce

    def begin(self, request: Request, id: str, token: str) -> dict[str, Any] | Caller:
        """What an agency or a citizen is shown; an auditor is only identified here."""
        vocabulary = self.in_force.law.vocabulary
        if token.count(".") != 2:  # a citizen's session is opaque; agencies hold signed tokens
            return self.to_citizen(id, self.citizens.session(token).person, vocabulary)
        who = request.state.caller = self.agencies.identify(token)
        if not (who.organisation_active and who.system_active):
            raise SystemDisabled
        return who if AUDITOR in who.scopes else self.to_agency(id, who, vocabulary)

    def to_agency(self, id: str, who: Caller, vocabulary: Vocabulary) -> dict[str, Any]:
        """What the organisation that asked may know: nothing of pairs that are kept silent."""
        entry = self.entry(id)
        if entry.org != who.organisation:
            raise NotFound
        basis, request = _law(self.log, entry.id)
        shown = [verdict for verdict in basis.verdicts if verdict.disclosure != "silent"]
        return {
            "id": f"dec_{entry.id}",
            "query": f"rq_{request['query']}",
            "at_ms": entry.at_ms,
            "purpose": entry.purpose,
            "agreement": basis.agreement,
            "policy_revision": basis.policy,
            "override": bool(request.get("override", "")),
            "verdicts": [_explained(verdict, vocabulary) for verdict in shown],
            "obligations": [_duty(duty, vocabulary) for duty in basis.obligations],
            "receipt": f"/v1/receipts/rc_{entry.id}",
        }

    def to_citizen(self, id: str, person: str, vocabulary: Vocabulary) -> dict[str, Any]:
        """What the person it was about may know, unless they are to hear of it later: it is under an embargo, or of
        an emergency."""
        entry = self.entry(id)
        about = self.log.reader.of_person(person, entry.place - 1, 1)
        if [one.id for one in about] != [entry.id] or self.log.reader.hidden([entry.id], int(time.time())):
            raise NotFound
        basis, request = _law(self.log, entry.id)
        cited = str(request.get("override", ""))
        if cited and self.overrides.deferred(cited, int(time.time())):
            raise NotFound
        purpose = vocabulary.purposes.get(entry.purpose)
        agreement = vocabulary.agreements.get(basis.agreement)
        return {
            "id": f"dec_{entry.id}",
            "at_ms": entry.at_ms,
            "organisation": entry.org,
            "purpose": {"code": entry.purpose, "title": purpose.title if purpose else ""},
            "agreement": {"id": basis.agreement, "title": agreement.title if agreement else ""},
            "reason": request["reason"],
            "relationship_claimed": request.get("relationship", ""),
            "emergency": bool(cited),
            "verdicts": [_for_citizen(verdict, vocabulary) for verdict in basis.verdicts],
            "obligations": [_duty(duty, vocabulary, citizen=True) for duty in basis.obligations],
        }

    async def audited(self, id: str, who: Caller, reason: str) -> dict[str, Any]:
        """All of it, for an auditor who says why; that they looked is an entry itself."""
        if who.user is None or len(reason.strip()) < 8:
            raise Malformed(
                "An auditor's token names its user, and Audit-Reason says in a few words why they look."
            )
        entry = await asyncio.to_thread(self.entry, id)
        groups = await self.review.open(Auditor(f"{who.system}/{who.user.id}", reason), entry.id)
        return {
            "id": f"dec_{entry.id}",
            "at_ms": entry.at_ms,
            "organisation": entry.org,
            "type": entry.type,
            "entry": msgspec.json.decode(entry.entry),
            "groups": groups,
            **_for_auditor(groups, self.in_force.law.vocabulary),
        }

    def entry(self, id: str) -> StoredEntry:
        entry = self.log.entry_by_id(id.removeprefix("dec_")) if id.startswith("dec_") else None
        if entry is None:
            raise NotFound
        return entry


def _law(log: Log, id: str) -> tuple[Basis, dict[str, Any]]:
    """The basis of a decision and what was asked. An answer that was decided anew holds its own basis; what was
    asked stands in its witness entry. Raises NotFound for an entry of another kind, or one erased."""
    groups = log.open_groups(id)
    if "result" in groups:
        result = groups["result"].value
        law = result.get("basis")
        groups = log.open_groups(result["decision"]) if law else {}
    else:
        law = groups["basis"].value if "basis" in groups else None
    if law is None or "request" not in groups:
        raise NotFound
    return msgspec.convert(law, Basis), groups["request"].value


def _for_citizen(verdict: Judged, vocabulary: Vocabulary) -> dict[str, Any]:
    category = vocabulary.categories.get(verdict.category)
    lawful = vocabulary.lawful_bases.get(verdict.lawful_basis)
    return {
        "category": verdict.category,
        "title": category.title if category else verdict.category,
        "source": verdict.source,
        "allow": verdict.allow,
        "fields": verdict.fields,
        "sentences": citizen_sentences(verdict, vocabulary),
        "you_can": lawful.right if lawful and verdict.reason not in DECIDED else "",
    }


def _for_auditor(groups: dict[str, Any], vocabulary: Vocabulary) -> dict[str, Any]:
    """Whether it was break-glass, and a sentence for every verdict: what the agency is not told, too. An answer
    that was decided anew has basis and facts in its result."""
    result = groups.get("result", {})
    law, facts = (groups.get(name) or result.get(name, {}) for name in ("basis", "facts"))
    verdicts = msgspec.convert(law.get("verdicts", ()), tuple[Judged, ...])
    known = bool(facts.get("person", {}).get("known", False))
    cited = bool(groups.get("request", {}).get("override", ""))
    return {
        "override": cited or any(verdict.override for verdict in verdicts),
        "sentences": [auditor_sentence(verdict, vocabulary, known=known) for verdict in verdicts],
    }


def _duty(duty: Obligation, vocabulary: Vocabulary, *, citizen: bool = False) -> dict[str, Any]:
    """What whoever received it owes, with the sentence for the agency or the citizen, and what would help where
    that stands in the way."""
    row: dict[str, Any] = msgspec.to_builtins(duty)
    rule = duty_rule(duty.type, vocabulary)
    if rule is None:
        return row
    if citizen:
        return row | {"sentence": rule.citizen}
    return row | {"sentence": rule.agency, "remedy": vocabulary.help_with.get(rule.remedy, "")}


def _explained(verdict: Judged, vocabulary: Vocabulary) -> dict[str, Any]:
    row: dict[str, Any] = {"category": verdict.category, "source": verdict.source, "allow": verdict.allow}
    if not verdict.allow and verdict.disclosure == "generic":
        return row | {"sentences": ["Some information is not available to you."]}
    if verdict.disclosure != "explain":  # what is held back of it is not named in the answer either
        verdict = structs.replace(verdict, fields_refused=())
    row |= {
        "fields": verdict.fields,
        "fields_refused": verdict.fields_refused,
        "grounds": verdict.grounds,
        "broken": verdict.broken,
        "reason": verdict.reason,
        "lawful_basis": verdict.lawful_basis,
        "confidentiality_basis": verdict.confidentiality_basis,
    }
    return row | {"sentences": explain(verdict, vocabulary)}
