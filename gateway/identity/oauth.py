# SPDX-License-Identifier: Apache-2.0
"""The token endpoint: Authlib's authorization server core with one grant and one way to authenticate.

Only client_credentials with private_key_jwt is registered (FAPI 2.0 §5.3.2.1): no secret, no public client, no
refresh token, no authorization endpoint. Authlib's own methods that write tokens to its debug log are not used.
Everything here is synchronous: call `TokenServer.answer` in a thread.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    OAuth2Request,
    UnauthorizedClientError,
    UnsupportedGrantTypeError,
)
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7523.client import ASSERTION_TYPE
from sqlalchemy import Engine

from gateway.db import read, write
from gateway.errors import DatabaseUnavailable
from gateway.identity.assertions import Accepted, AssertionFault, Rules, check, kid_unknown, read_assertion
from gateway.identity.jwks import KeySetUnreachable, RemoteKeys
from gateway.identity.keys import PublicKey
from gateway.identity.metadata import GRANT, METHOD, token_url, validated
from gateway.identity.registry import System, find_system, pasted_keys
from gateway.identity.replay import first_use, forget_expired
from gateway.identity.tokens import issue
from gateway.keyring import Keyring
from gateway.settings import Settings

_FORGET_EVERY_S = 60


class Reply(NamedTuple):
    """What to send: status, JSON members, headers."""

    status: int
    body: dict[str, Any]
    headers: list[tuple[str, str]]


class _ClientFaultError(InvalidClientError):  # type: ignore[misc]  # Authlib is untyped
    """RFC 6749 §5.2 `invalid_client` with the slug of the fault. Authlib would offer Basic, which is not taken."""

    def __init__(self, fault: AssertionFault) -> None:
        super().__init__(description=str(fault), status_code=401)
        self.slug = fault.slug

    def get_headers(self) -> list[tuple[str, str]]:
        return [*OAuth2Error.get_headers(self), ("WWW-Authenticate", f'{METHOD} error="invalid_client"')]


class _DisabledError(UnauthorizedClientError):  # type: ignore[misc]
    slug = "system-disabled"
    description = "system-disabled: this organisation or system is not active in the commons"


class _UnsupportedGrantError(UnsupportedGrantTypeError):  # type: ignore[misc]
    """Authlib's own repeats what came."""

    description = f"expected grant_type to be {GRANT}"

    def __init__(self) -> None:
        super().__init__(grant_type="")


class _Client(ClientMixin):  # type: ignore[misc]
    """A client system for the time of one request, once its assertion has been accepted."""

    def __init__(self, system: System, accepted: Accepted) -> None:
        self.system = system
        self.user = accepted.user

    def get_client_id(self) -> str:
        return self.system.id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method, endpoint) == (METHOD, "token")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == GRANT

    def check_client_secret(self, client_secret: str) -> bool:
        return False

    def check_response_type(self, response_type: str) -> bool:
        return False

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return False


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = [METHOD]

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        # Authlib's version writes the whole token to its debug log.
        token = self.generate_token(scope=None, include_refresh_token=False)
        return 200, token, self.TOKEN_RESPONSE_HEADER


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, uri: str, form: Mapping[str, str], headers: Mapping[str, str]) -> None:
        super().__init__("POST", uri, headers=headers)
        self.payload = BasicOAuth2Payload(form)

    @property
    def form(self) -> Mapping[str, str]:
        form: Mapping[str, str] = self.payload.data
        return form


class TokenServer(AuthorizationServer):  # type: ignore[misc]
    """Answers `POST /oauth2/token`. Raises ValueError when made with an address that OAuth does not allow
    (RFC 8414: https, or a loopback address for development). `clock`: epoch seconds."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        engine: Engine,
        remote: RemoteKeys,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._issuer = str(settings.public_url)
        self._life = settings.access_token_lifetime_s
        self._rules = Rules(self._issuer, token_url(self._issuer), settings.clock_skew_s)
        self._keyring = keyring
        self._engine = engine
        self._remote = remote
        self._clock = clock
        self._forgot_at = 0.0
        validated(self._issuer)
        self.register_grant(_Grant)
        self.register_client_auth_method(METHOD, self._authenticate)
        self.register_token_generator("default", self._generate)

    def answer(self, form: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> Reply:
        """The reply to a token request: its form parameters as they came, and its headers (lower-case names).
        Raises DatabaseUnavailable."""
        request = _Request(self._rules.token_url, dict(form), headers)
        if len(request.form) != len(form):
            reply = self.handle_error_response(request, InvalidRequestError("expected each parameter once"))
        else:
            reply = self.create_token_response(request)
        self._forget()
        assert isinstance(reply, Reply)  # noqa: S101  told to the type checker: Authlib is untyped
        return reply

    # -- what Authlib asks of a server ---------------------------------------------------------------------

    def create_oauth2_request(self, request: _Request) -> _Request:
        """The request, which is in Authlib's form already."""
        return request

    def handle_response(self, status: int, body: dict[str, Any], headers: Sequence[tuple[str, str]]) -> Reply:
        """What is answered, for whoever speaks HTTP."""
        return Reply(status, body, list(headers))

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def query_client(self, client_id: str) -> None:
        """Not used: the client is found by its assertion."""

    def get_error_uri(self, request: _Request, error: OAuth2Error) -> str | None:
        """RFC 6749 §5.2 `error_uri`: the page about the fault, where it has one."""
        slug = getattr(error, "slug", None)
        return f"{self._issuer}/problems/{slug}" if slug else None

    def get_token_grant(self, request: _Request) -> _Grant:
        """The one grant there is, RFC 6749 §4.4. Raises `unsupported_grant_type`."""
        if request.form.get("grant_type") != GRANT:
            raise _UnsupportedGrantError
        return _Grant(request, self)

    def validate_requested_scope(self, scope: str | None) -> None:
        """Raises `invalid_scope` (RFC 6749 §5.2) for any."""
        if scope:
            raise InvalidScopeError("expected no scope: what may be asked is decided by policy, query by query")

    # -- ours ------------------------------------------------------------------------------------------------

    def _authenticate(self, _query_client: object, request: _Request) -> _Client:
        try:
            system, accepted = self._accept(request)
        except AssertionFault as fault:
            raise _ClientFaultError(fault) from None
        if not (system.active and system.organisation.active):
            raise _DisabledError
        with write(self._engine) as connection:
            until = accepted.expires_at + self._rules.skew_s
            if not first_use(connection, accepted.system, accepted.jti, until):
                reused = AssertionFault("assertion-jti-reused", "expected a jti that was not used before")
                raise _ClientFaultError(reused)
        return _Client(system, accepted)

    def _accept(self, request: _Request) -> tuple[System, Accepted]:
        form = request.form
        assertion = form.get("client_assertion")
        if "authorization" in request.headers or "client_secret" in form:
            raise AssertionFault("assertion-malformed", "expected client_assertion and no other authentication")
        if not assertion or form.get("client_assertion_type") != ASSERTION_TYPE:
            raise AssertionFault(
                "assertion-malformed",
                f"expected client_assertion, and client_assertion_type {ASSERTION_TYPE}",
            )
        client_id, token = read_assertion(assertion, form.get("client_id"))
        with read(self._engine) as connection:
            system = find_system(connection, client_id)
            keys = pasted_keys(connection, client_id)
        if system is None:
            raise kid_unknown()  # of an unknown client nothing more is told than of an unknown key
        kid = token.kid or ""
        key = self._remote_key(system.jwks_uri, kid) if system.jwks_uri else keys.get(kid)
        return system, check(token, system.profile, key, self._rules, self._clock())

    def _remote_key(self, url: str, kid: str) -> PublicKey | None:
        try:
            return self._remote.find(url, kid)
        except KeySetUnreachable:
            raise AssertionFault(
                "jwks-unreachable", "expected the registered key set address to answer with a JWK Set (RFC 7517)"
            ) from None

    def _generate(self, *, client: _Client, **_unused: object) -> dict[str, Any]:
        token = issue(
            self._keyring.token[0],
            issuer=self._issuer,
            system=client.system.id,
            organisation=client.system.organisation.id,
            user=client.user,
            now=int(self._clock()),
            life=self._life,
        )
        return {"access_token": token, "token_type": "Bearer", "expires_in": self._life}

    def _forget(self) -> None:
        """Used `jti` whose assertion could not be sent again are dropped, once a minute. It may fail."""
        now = self._clock()
        if now - self._forgot_at < _FORGET_EVERY_S:
            return
        self._forgot_at = now
        with contextlib.suppress(DatabaseUnavailable), write(self._engine) as connection:
            forget_expired(connection, int(now))
