# SPDX-License-Identifier: Apache-2.0
"""The bearer token of a request (RFC 6750 §2.1) as a FastAPI dependency."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Request

from gateway.errors import SystemDisabled, TokenMissing
from gateway.identity.agencies import Agencies
from gateway.model import Caller


def bearer(agencies: Agencies) -> Callable[[Request, str], Caller]:
    """A dependency that gives the Caller, or raises Unauthenticated; the request's state keeps who it was."""

    def caller(request: Request, authorization: Annotated[str, Header()] = "") -> Caller:
        if authorization[:7].lower() != "bearer ":
            raise TokenMissing
        who: Caller = agencies.identify(authorization[7:])
        request.state.caller = who
        return who

    return caller


def active(agencies: Agencies) -> Callable[[Caller], Caller]:
    """As `bearer`, for a caller whose organisation and system are active. Raises SystemDisabled."""

    def caller(who: Annotated[Caller, Depends(bearer(agencies))]) -> Caller:
        if not (who.organisation_active and who.system_active):
            raise SystemDisabled
        return who

    return caller
