# SPDX-License-Identifier: Apache-2.0
"""What an agency may look up of its own: receipts with their proofs (decisions: `decisions.py`).

An object of another organisation answers as one that does not exist, and a caller that is not active sees none.
No postponed annotations here: FastAPI reads them, and these name what is made inside `router`.
"""

import base64
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import PlainTextResponse, Response

from gateway.audit.disclosure import AGENCY
from gateway.audit.log import Log, StoredEntry
from gateway.errors import NotFound, SystemDisabled
from gateway.identity.agencies import Agencies
from gateway.model import Caller
from gateway.web.bearer import bearer


def router(log: Log, agencies: Agencies) -> APIRouter:
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
