# SPDX-License-Identifier: Apache-2.0
"""The citizen's session of a request as a FastAPI dependency.

An API client sends the session token as a bearer token (RFC 6750 §2.1); it never stands in an address.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header

from gateway.errors import TokenMissing
from gateway.identity.citizens import Citizen, Citizens


def session_token(authorization: Annotated[str, Header()] = "") -> str:
    """The token itself. Raises TokenMissing."""
    if authorization[:7].lower() != "bearer ":
        raise TokenMissing("Send the session token from /v1/sessions as Authorization: Bearer.")
    return authorization[7:]


def session(citizens: Citizens) -> Callable[[str], Citizen]:
    """A dependency that gives the Citizen, or raises Unauthenticated."""

    def citizen(authorization: Annotated[str, Header()] = "") -> Citizen:
        return citizens.session(session_token(authorization))

    return citizen
