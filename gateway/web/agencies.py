# SPDX-License-Identifier: Apache-2.0
"""What an agency may look up: its own decisions and receipts, and the published catalogue.

An object of another organisation answers as one that does not exist. Catalogue pages speak of no citizen and
need no token. A `silent` pair shows in no decision, whatever was decided.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import base64
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import PlainTextResponse, Response

from connectors.registry import Registry
from gateway.audit.log import Log, StoredEntry
from gateway.errors import CommonsError, NotFound, TokenMissing
from gateway.evidence import Basis, Judged
from gateway.identity.agencies import Agencies
from gateway.model import Caller
from gateway.policy.explain import explain
from gateway.policy.vocabulary import Vocabulary


def router(log: Log, agencies: Agencies, vocabulary: Vocabulary, registry: Registry) -> APIRouter:
    """The routes, bound to the parts they show."""
    routes = APIRouter()

    def caller(authorization: Annotated[str, Header()] = "") -> Caller:
        if authorization[:7].lower() != "bearer ":
            raise TokenMissing
        return agencies.identify(authorization[7:])

    def theirs(id: str, prefix: str, who: Caller) -> StoredEntry:
        entry = log.entry_by_id(id.removeprefix(prefix)) if id.startswith(prefix) else None
        if entry is None or entry.org != who.organisation:
            raise NotFound
        return entry

    @routes.get("/v1/decisions/{id}", tags=["decisions"], summary="Why a query was decided as it was")
    def decision(id: str, who: Annotated[Caller, Depends(caller)]) -> dict[str, Any]:
        entry = theirs(id, "dec_", who)
        groups = log.open_groups(entry.id)
        if "basis" not in groups or "request" not in groups:
            raise NotFound
        basis = msgspec.json.decode(groups["basis"].content, type=Basis)
        shown = [verdict for verdict in basis.verdicts if verdict.disclosure != "silent"]
        return {
            "id": f"dec_{entry.id}",
            "query": f"rq_{groups['request'].value['query']}",
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
        id: str, who: Annotated[Caller, Depends(caller)], accept: Annotated[str, Header()] = ""
    ) -> Response:
        entry = theirs(id, "rc_", who)
        proof = log.proof(entry)
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

    @routes.get("/v1/catalogue/purposes", tags=["catalogue"], summary="Why data may be asked for")
    def purposes() -> Any:
        return {"purposes": [msgspec.to_builtins(purpose) for purpose in vocabulary.purposes.values()]}

    @routes.get("/v1/catalogue/categories", tags=["catalogue"], summary="What kinds of data there are")
    def categories() -> Any:
        return {"categories": [msgspec.to_builtins(category) for category in vocabulary.categories.values()]}

    @routes.get("/v1/catalogue/legal-bases", tags=["catalogue"], summary="Grounds in UK GDPR and confidentiality")
    def legal_bases() -> Any:
        return {
            "lawful_bases": [msgspec.to_builtins(basis) for basis in vocabulary.lawful_bases.values()],
            "confidentiality_bases": [msgspec.to_builtins(b) for b in vocabulary.confidentiality_bases.values()],
        }

    @routes.get("/v1/catalogue/sources", tags=["catalogue"], summary="The connected systems and what they hold")
    def sources() -> Any:
        return {
            "sources": [
                {
                    "id": manifest.id,
                    "title": manifest.title,
                    "owner": manifest.owner,
                    "sector": manifest.sector,
                    "status": manifest.status,
                    "categories": sorted(category.id for category in manifest.categories),
                    "version": manifest.version,
                }
                for manifest in registry.sources().values()
            ]
        }

    @routes.get("/v1/catalogue/agreements", tags=["catalogue"], summary="Data-sharing agreements as code")
    def agreements(
        callable: Annotated[bool, Query(description="Only those your organisation may ask under.")] = False,
        authorization: Annotated[str, Header()] = "",
    ) -> Any:
        mine = caller(authorization).organisation if callable else ""
        return {
            "agreements": [
                msgspec.to_builtins(agreement)
                for agreement in vocabulary.agreements.values()
                if not mine or mine in agreement.recipients
            ]
        }

    @routes.get("/v1/catalogue/rules", tags=["catalogue"], summary="The rules of the law of the commons")
    def rules() -> Any:
        return {"rules": [msgspec.to_builtins(rule) for rule in vocabulary.rules.values()]}

    @routes.get("/problems/{code}", tags=["problems"], summary="What a problem type means", include_in_schema=False)
    def problem(code: str) -> PlainTextResponse:
        for kind in _kinds(CommonsError):
            if kind.code == code:
                return PlainTextResponse(
                    f"{kind.code} ({kind.status}, {kind.layer})\n\n{kind.title}.\n\n{kind.__doc__}\n"
                )
        raise NotFound

    return routes


def _explained(verdict: Judged, vocabulary: Vocabulary) -> dict[str, Any]:
    row: dict[str, Any] = {"category": verdict.category, "source": verdict.source, "allow": verdict.allow}
    if not verdict.allow and verdict.disclosure == "generic":
        return row | {"sentences": ["Some information is not available to you."]}
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


def _kinds(root: type[CommonsError]) -> list[type[CommonsError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in _kinds(child))]
