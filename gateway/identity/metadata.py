# SPDX-License-Identifier: Apache-2.0
"""What the authorization server says of itself (RFC 8414), from the real configuration."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from gateway.identity.keys import PROFILES

METHOD = "private_key_jwt"
GRANT = "client_credentials"


def token_url(issuer: str) -> str:
    """Address of the token endpoint."""
    return f"{issuer}/oauth2/token"


def validated(issuer: str) -> dict[str, Any]:
    """The metadata document, checked by Authlib. Raises ValueError, as for an issuer over plain http."""
    metadata = AuthorizationServerMetadata(
        issuer=issuer,
        token_endpoint=token_url(issuer),
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        grant_types_supported=[GRANT],
        token_endpoint_auth_methods_supported=[METHOD],
        token_endpoint_auth_signing_alg_values_supported=sorted(frozenset().union(*PROFILES.values())),
        # RFC 8414 requires this member and forbids it to be empty; with no authorization endpoint, `none` is the
        # registered value that promises nothing.
        response_types_supported=["none"],
        service_documentation=f"{issuer}/docs",
    )
    metadata.validate()
    return dict(metadata)
