# SPDX-License-Identifier: Apache-2.0
"""The published catalogue: purposes, kinds of data, grounds, sources, agreements and rules. It speaks of no citizen
and needs no token, but for the question what the caller's own organisation may ask for.

No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Query, Request

from connectors.registry import Registry
from gateway.identity.agencies import Agencies
from gateway.policy.vocabulary import Vocabulary
from gateway.web.bearer import bearer


def router(agencies: Agencies, vocabulary: Vocabulary, registry: Registry) -> APIRouter:
    """The routes, bound to what they publish."""
    routes = APIRouter(prefix="/v1/catalogue", tags=["catalogue"])
    caller = bearer(agencies)

    @routes.get("/purposes", summary="Why data may be asked for")
    def purposes() -> Any:
        return {"purposes": [msgspec.to_builtins(purpose) for purpose in vocabulary.purposes.values()]}

    @routes.get("/categories", summary="What kinds of data there are")
    def categories() -> Any:
        return {"categories": [msgspec.to_builtins(category) for category in vocabulary.categories.values()]}

    @routes.get("/legal-bases", summary="Grounds in UK GDPR and confidentiality")
    def legal_bases() -> Any:
        return {
            "lawful_bases": [msgspec.to_builtins(basis) for basis in vocabulary.lawful_bases.values()],
            "confidentiality_bases": [msgspec.to_builtins(b) for b in vocabulary.confidentiality_bases.values()],
        }

    @routes.get("/sources", summary="The connected systems and what they hold")
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

    @routes.get("/agreements", summary="Data-sharing agreements as code")
    def agreements(
        request: Request,
        callable: Annotated[bool, Query(description="Only those your organisation may ask under.")] = False,
        authorization: Annotated[str, Header()] = "",
    ) -> Any:
        mine = caller(request, authorization).organisation if callable else ""
        return {
            "agreements": [
                msgspec.to_builtins(agreement)
                for agreement in vocabulary.agreements.values()
                if not mine or mine in agreement.recipients
            ]
        }

    @routes.get("/rules", summary="The rules of the law of the commons")
    def rules() -> Any:
        return {"rules": [msgspec.to_builtins(rule) for rule in vocabulary.rules.values()]}

    return routes
