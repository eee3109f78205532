# SPDX-License-Identifier: Apache-2.0
"""Stage 1, identify: an access token → the Caller who holds it.

A signature is checked once a minute and token; who the system is and whether it is active is read again as
soon as anything in the register may have changed. A disabled system is still identified: policy refuses it, so
that the refusal is in the log.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from gateway.db import Changes, read
from gateway.errors import TokenInvalid
from gateway.identity.registry import find_system, scopes
from gateway.identity.tokens import TokenClaims, TokenVerifier
from gateway.model import Caller

_HELD = 10_000  # tokens one process remembers
_HELD_S = 60  # seconds a signature is taken as checked, so that a key taken out of a set soon counts


@dataclass(frozen=True, slots=True)
class _Held:
    until: float
    generation: int | None
    claims: TokenClaims
    caller: Caller


class Agencies:
    """Identifies callers. Remembers tokens by SHA-256 only; no token stays in memory. `clock`: epoch seconds."""

    def __init__(
        self,
        engine: Engine,
        changes: Changes,
        verifier: TokenVerifier,
        *,
        own_issuer: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._changes = changes
        self._verifier = verifier
        self._own_issuer = own_issuer
        self._clock = clock
        self._held: dict[bytes, _Held] = {}

    def identify(self, token: str) -> Caller:
        """Who holds `token`. Some microseconds when it was seen lately; else it verifies and reads, and may wait
        for the database or an external issuer's key set (see `identify_apart`). Raises TokenExpired, TokenInvalid,
        DatabaseUnavailable."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        generation = self._changes.generation()
        return self._recall(digest, generation) or self._look(token, digest, generation)

    async def identify_apart(self, token: str) -> Caller:
        """As `identify`, with all waiting done in a thread, so that the event loop goes on."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        generation = self._changes.generation()
        held = self._recall(digest, generation)
        if held is not None:
            return held
        return await asyncio.to_thread(self._look, token, digest, generation)

    def _recall(self, digest: bytes, generation: int | None) -> Caller | None:
        held = self._held.get(digest)
        if held is None or generation is None or held.generation != generation or held.until <= self._clock():
            return None
        return held.caller

    def _look(self, token: str, digest: bytes, generation: int | None) -> Caller:
        now = self._clock()
        held = self._held.get(digest)
        if held is not None and now < held.until:
            claims, until = held.claims, held.until
        else:
            claims = self._verifier.verify(token, now)
            until = min(now + _HELD_S, claims.expires_at)
        caller = self._caller(claims)
        while len(self._held) >= _HELD and digest not in self._held:
            self._held.pop(next(iter(self._held), b""), None)
        self._held[digest] = _Held(until, generation, claims, caller)
        return caller

    def _caller(self, claims: TokenClaims) -> Caller:
        with read(self._engine) as connection:
            found = find_system(connection, claims.system)
            granted = scopes(connection, claims.system)
        # One trusted issuer must not speak for the systems of another, or for ours.
        issuer = "" if claims.issuer == self._own_issuer else claims.issuer
        if found is None or found.issuer != issuer:
            raise TokenInvalid("expected client_id to be a system that is registered here under this issuer")
        if claims.organisation not in ("", found.organisation.id):
            raise TokenInvalid("expected organisation to be the one this system is registered for")
        return Caller(
            organisation=found.organisation.id,
            organisation_name=found.organisation.name,
            organisation_active=found.organisation.active,
            system=found.id,
            system_active=found.active,
            token_id=claims.id,
            user=claims.user,
            scopes=granted,
        )
