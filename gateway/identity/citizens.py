# SPDX-License-Identifier: Apache-2.0
"""Citizens who have signed in: an ID token of an OpenID provider becomes a session, and the session a person.

The session token is 256 random bits that only its holder has; the database keeps its SHA-256. A session ends when
it has not been used for IDLE_S, at ABSOLUTE_S after sign-in whatever happens, and at once when the citizen ends it.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

import uuid_utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Engine, bindparam, delete, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from gateway.db import read, write
from gateway.errors import CitizenNotLinked, CitizenTokenInvalid, SessionInvalid
from gateway.identity.id_tokens import IdTokens, Nonces, SignedIn
from gateway.identity.sealing import PersonKeys
from gateway.identity.tables import citizen_session, person_identifier
from gateway.keyring import Keyring

IDLE_S = 900
ABSOLUTE_S = 8 * 3600
TOUCH_S = 60  # seconds for which a use need not be written down again

# Written out, since SQLAlchemy would write `identifying = 1` for SQLite, which its partial index does not know.
_by_index = select(person_identifier.c.person).where(
    person_identifier.c.blind_index == bindparam("d"), literal_column("identifying")
)
_by_digest = select(citizen_session).where(citizen_session.c.digest == bindparam("d"))


class Citizen(Struct, frozen=True):
    """A citizen by their session: the opaque person, the session's public id (a UUID, for the log; it opens
    nothing) and the level of identity proof they signed in with (`P` and a digit)."""

    person: str
    session_id: str
    level: str


class Opened(Struct, frozen=True):
    """A session that has just begun; `token` is told once and kept nowhere."""

    token: str
    citizen: Citizen
    ends_at: int

    def __repr__(self) -> str:
        return "Opened(…)"


def nonce_key(keyring: Keyring) -> bytes:
    """The key that proves a nonce is ours (HKDF, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"commons sign-in nonce v1").derive(keyring.index)


class Citizens:
    """Sessions of citizens. Reads and writes the database: call it from a thread."""

    def __init__(
        self,
        engine: Engine,
        keys: PersonKeys,
        tokens: IdTokens,
        nonces: Nonces,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._tokens = tokens
        self._nonces = nonces
        self._clock = clock

    def begin(self) -> str:
        """The nonce of a new sign-in, for the authentication request to the provider."""
        return self._nonces.make()

    def sign_in(self, id_token: str) -> Opened:
        """A new session for whoever the ID token is about. Raises CitizenTokenInvalid (also for a token that was
        used before), IdentityTooWeak, CitizenNotLinked, DatabaseUnavailable."""
        signed_in = self._tokens.verify(id_token)
        now = int(self._clock())
        token = secrets.token_urlsafe(32)
        citizen = Citizen("", str(uuid_utils.uuid7()), signed_in.level)
        try:
            with write(self._engine) as connection:
                person = connection.execute(_by_index, {"d": self._keys.blind_index(signed_in.identifier)}).scalar()
                if person is None:
                    raise CitizenNotLinked
                citizen = replace(citizen, person=str(person))
                connection.execute(delete(citizen_session).where(citizen_session.c.ends_at <= now))
                connection.execute(insert(citizen_session), _row(_digest(token), citizen, signed_in, now))
        except IntegrityError:
            raise CitizenTokenInvalid("expected an ID token that was not used before") from None
        return Opened(token, citizen, now + ABSOLUTE_S)

    def session(self, token: str) -> Citizen:
        """The citizen whose session this is; the session counts as used. Raises SessionInvalid, which does not tell
        a session that ended from one that never was; DatabaseUnavailable."""
        digest, now = _digest(token), int(self._clock())
        with read(self._engine) as connection:
            row = connection.execute(_by_digest, {"d": digest}).one_or_none()
        if row is None or row.ended or now >= row.ends_at or now - row.used_at >= IDLE_S:
            raise SessionInvalid
        if now - row.used_at >= TOUCH_S:
            self._change(digest, used_at=now)
        return Citizen(row.person, row.id, row.level)

    def end(self, token: str) -> None:
        """End a session; ending it again changes nothing. The row stays until its time, so that the ID token which
        began it cannot begin another."""
        self._change(_digest(token), ended=True)

    def _change(self, digest: bytes, **values: object) -> None:
        with write(self._engine) as connection:
            connection.execute(update(citizen_session).where(citizen_session.c.digest == digest).values(**values))


def _row(digest: bytes, citizen: Citizen, signed_in: SignedIn, now: int) -> dict[str, object]:
    return {
        "digest": digest,
        "id": citizen.session_id,
        "person": citizen.person,
        "issuer": signed_in.issuer,
        "level": citizen.level,
        "nonce": signed_in.nonce,
        "created_at": now,
        "used_at": now,
        "ends_at": now + ABSOLUTE_S,
        "ended": False,
    }


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
