# SPDX-License-Identifier: Apache-2.0
"""A small world for identity's tests: one hospital, its discharge system, keys, and a clock that stands still."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact
from sqlalchemy import Engine

from gateway.db import write
from gateway.identity.agencies import Agencies
from gateway.identity.jwks import RemoteKeys
from gateway.identity.metadata import token_url
from gateway.identity.oauth import Reply, TokenServer
from gateway.identity.registry import register_organisation, register_system
from gateway.identity.tokens import TokenVerifier
from gateway.keyring import Keyring, create, load
from gateway.settings import Settings

ISSUER = "https://gateway.example"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ORGANISATION = "uk/nhs/XZZ01"
SYSTEM = "xzz01-discharge"
NHS_SYSTEM = "xzz01-referrals"
NOW = 1_790_000_000


def signing_key(kind: str = "EC", kid: str = "k1") -> Key:
    """A private key of a client."""
    if kind == "EC":
        return ECKey.generate_key("P-256", {"kid": kid})
    if kind == "OKP":
        return OKPKey.generate_key("Ed25519", {"kid": kid})
    return RSAKey.generate_key(2048, {"kid": kid})


@functools.cache
def rsa_key(kid: str) -> Key:
    """A private RSA key, made once a kid: each costs a tenth of a second."""
    return signing_key("RSA", kid)


def public(*keys: Key) -> dict[str, Any]:
    """The JWK Set of the keys' public halves."""
    return {"keys": [key.as_dict(private=False) for key in keys]}


def sign(key: Key, claims: Mapping[str, Any] | str, **header: Any) -> str:
    """A compact JWS over anything, rules or no rules; a header of None is left out."""
    members = {"alg": "ES256", "typ": "JWT", "kid": key.kid, **header}
    members = {name: value for name, value in members.items() if value is not None}
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    registry = JWSRegistry(algorithms=[members["alg"]], strict_check_header=False)
    return serialize_compact(members, payload, key, registry=registry)


def segment(members: Mapping[str, Any] | str) -> str:
    """One part of a token in base64url."""
    text = members if isinstance(members, str) else json.dumps(members)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@dataclass
class Clock:
    """Seconds since 1970, moved by hand."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


class Still:
    """A Changes that says what a test tells it."""

    def __init__(self) -> None:
        self.value: int | None = 1

    def generation(self) -> int | None:
        return self.value

    async def close(self) -> None: ...


@dataclass
class World:
    """One gateway's identity parts over one database."""

    settings: Settings
    keyring: Keyring
    engine: Engine
    clock: Clock = field(default_factory=Clock)
    key: Key = field(default_factory=signing_key)
    nhs_key: Key = field(default_factory=lambda: rsa_key("n1"))
    remote: RemoteKeys = field(default_factory=RemoteKeys)

    def __post_init__(self) -> None:
        self.server = TokenServer(self.settings, self.keyring, self.engine, self.remote, clock=self.clock)

    def register(self) -> None:
        """The hospital with one system of each profile."""
        with write(self.engine) as connection:
            register_organisation(connection, ORGANISATION, "Example Acute Hospital Trust", now=NOW)
            register_system(connection, SYSTEM, ORGANISATION, "Discharge", jwks=public(self.key), now=NOW)
            register_system(
                connection,
                NHS_SYSTEM,
                ORGANISATION,
                "Referrals",
                profile="nhs",
                jwks=public(self.nhs_key),
                now=NOW,
            )

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Claims of a good assertion of SYSTEM; a value of None leaves the claim out."""
        claims = {
            "iss": SYSTEM,
            "sub": SYSTEM,
            "aud": ISSUER,
            "iat": int(self.clock.now),
            "exp": int(self.clock.now) + 60,
            "jti": "j-1",
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def nhs_claims(self, **changed: Any) -> dict[str, Any]:
        """Claims as NHS England's signed-JWT pattern has them: no iat, the token address as audience."""
        mine = {"iss": NHS_SYSTEM, "sub": NHS_SYSTEM, "aud": token_url(ISSUER), "iat": None}
        return self.claims(**{**mine, "exp": int(self.clock.now) + 300, **changed})

    def ask(self, assertion: str, **form: str) -> Reply:
        """The token endpoint's reply to an assertion."""
        parameters = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            **form,
        }
        return self.server.answer(list(parameters.items()), {})

    def verifier(self, trusted: Mapping[str, str] | None = None) -> TokenVerifier:
        """A verifier of access tokens for this gateway."""
        return TokenVerifier(
            self.keyring.token, audience=ISSUER, trusted=trusted or {}, remote=self.remote, skew_s=10
        )

    def agencies(self, changes: Any, trusted: Mapping[str, str] | None = None) -> Agencies:
        """Stage 1 over this world."""
        verifier = self.verifier(trusted)
        return Agencies(self.engine, changes, verifier, own_issuer=ISSUER, clock=self.clock)


@functools.cache
def gateway_keys() -> Keyring:
    """Keys of a gateway, made once: key files are synced to disk one by one."""
    with tempfile.TemporaryDirectory() as folder:
        create(Path(folder) / "keys")
        return load(Path(folder) / "keys")


def make_world(folder: Path, engine: Engine, **parts: Any) -> World:
    """A registered world."""
    settings = Settings(data_dir=folder, public_url=ISSUER, log_origin="gateway.example/log/test")
    world = World(settings, gateway_keys(), engine, **parts)
    world.register()
    return world


def slug(reply: Reply) -> str:
    """The slug of a refused assertion, after a check that the reply is an `invalid_client` that names it twice."""
    assert (reply.status, reply.body["error"]) == (401, "invalid_client"), reply
    found = str(reply.body["error_description"]).partition(":")[0]
    assert reply.body["error_uri"] == f"{ISSUER}/problems/{found}"
    return found


class KeySite(http.server.ThreadingHTTPServer):
    """An agency's web server with its key set; tests set what it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[_Handler], None] = lambda handler: handler.send_json({"keys": []})
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/jwks.json"

    def serve(self, *keys: Key) -> None:
        """Answer with these keys' public halves from now on."""
        document = public(*keys)
        self.answer = lambda handler: handler.send_json(document)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: KeySite

    def do_GET(self) -> None:
        self.server.asked += 1
        self.server.answer(self)

    def send_json(self, document: object, status: int = 200, **headers: str) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def key_site() -> Iterator[KeySite]:
    """A KeySite on a free port of this machine."""
    site = KeySite()
    thread = threading.Thread(target=site.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        thread.join()
        site.server_close()
