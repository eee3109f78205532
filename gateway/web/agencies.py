# SPDX-License-Identifier: Apache-2.0
"""What an agency may look up of its own: decisions with their reasons, receipts with their proofs.

An object of another organisation answers as one that does not exist, and a caller that is not active sees none.
A `silent` pair shows in no decision, whatever was decided. No postponed annotations here: FastAPI reads them, and
these name what is made inside `router`.
"""

import base64
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import PlainTextResponse, Response
from msgspec import structs

from gateway.audit.disclosure import AGENCY
from gateway.audit.log import Log, StoredEntry
from gateway.errors import NotFound, SystemDisabled
from gateway.evidence import Basis, Judged
from gateway.identity.agencies import Agencies
from gateway.model import Caller
from gateway.policy.explain import explain
from gateway.policy.vocabulary import Vocabulary
from gateway.web.bearer import bearer


def router(log: Log, agencies: Agencies, vocabulary: Vocabulary) -> APIRouter:
    """The routes, bound to the parts they show."""
    routes = APIRouter()
    caller = bearer(agencies)

    def theirs(id: str, prefix: str, who: Caller) -> StoredEntry:
        if not (who.organisation_active and who.system_active):
            raise SystemDisabled
        entry = log.entry_by_id(id.removeprefix(prefix)) if id.startswith(prefix) else None
        if entry is None or entry.org != who.organisation:
            raise NotFound
        return entry

    @routes.get("/v1/decisions/{id}", tags=["decisions"], summary="Why a query was decided as it was")
    def decision(id: str, who: Annotated[Caller, Depends(caller)]) -> dict[str, Any]:
        entry = theirs(id, "dec_", who)
        basis, query = _law(log, entry.id)
        shown = [verdict for verdict in basis.verdicts if verdict.disclosure != "silent"]
        return {
            "id": f"dec_{entry.id}",
            "query": f"rq_{query}",
            "at_ms": entry.at_ms,
            "purpose": entry.purpose,
            "agreement": basis.agreement,
            "policy_revision": basis.policy,
            "verdicts": [_explained(verdict, vocabulary) for verdict in shown],
            "obligations": msgspec.to_builtins(basis.obligations),
            "receipt": f"/v1/receipts/rc_{entry.id}",
        }

    @routes.get(
        "/v1/receipts/{id}",
        tags=["receipts"],
        summary="The log entry of an answer or refusal, with the proof that it is in the log",
        responses={200: {"content": {"application/json": {}, "text/plain": {}}}},
    )
    def receipt(
        id: str,
        who: Annotated[Caller, Depends(caller)],
        accept: Annotated[str, Header()] = "",
        show: Annotated[str, Query(description="Groups to open in the proof, with commas.")] = "",
    ) -> Response:
        entry = theirs(id, "rc_", who)
        proof = log.proof(entry, [name for name in AGENCY if name in show.split(",")])
        if accept.startswith("text/plain"):
            return PlainTextResponse(proof.text, headers={"cache-control": "no-store"})
        body = {
            "id": id,
            "index": entry.index,
            "entry": base64.b64encode(entry.entry).decode(),
            "leaf_hash": base64.b64encode(entry.leaf_hash).decode(),
            "checkpoint": proof.checkpoint,
            "inclusion_proof": [base64.b64encode(sibling).decode() for sibling in proof.path],
            "tlog_proof": proof.text,
        }
        return Response(
            msgspec.json.encode(body), media_type="application/json", headers={"cache-control": "no-store"}
        )

    return routes


def _law(log: Log, id: str) -> tuple[Basis, str]:
    """The basis of a decision and the id of its query. An answer that was decided anew holds its own basis; what
    was asked stands in its witness entry. Raises NotFound for an entry of another kind, or one erased."""
    groups = log.open_groups(id)
    if "result" in groups:
        result = groups["result"].value
        law = result.get("basis")
        groups = log.open_groups(result["decision"]) if law else {}
    else:
        law = groups["basis"].value if "basis" in groups else None
    if law is None or "request" not in groups:
        raise NotFound
    return msgspec.convert(law, Basis), groups["request"].value["query"]


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
