# SPDX-License-Identifier: Apache-2.0
"""Where a system takes its notices, and the secrets they are signed with. The caller owns the write transaction.

The operator registers the address, never the agency over the network: the hosts that we connect to are a list that
somebody here has read.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import uuid_utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct
from sqlalchemy import Connection, delete, insert, or_, select, update

from gateway.identity.addresses import check_address
from gateway.identity.registry import RegistryFault, find_system
from gateway.keyring import Keyring
from gateway.notices.signing import make_secret
from gateway.notices.tables import webhook, webhook_secret

OVERLAP_S = 86_400
"""For how long the secret before still signs, so that a system can change over without losing a notice."""

_NONCE = 12  # bytes; NIST SP 800-38D §8.2.2


@dataclass(frozen=True, slots=True)
class SecretKeys:
    """Seals secrets at rest, each for its own row. Raises cryptography's InvalidTag on a moved or changed seal."""

    cipher: AESGCM = field(repr=False)

    def seal(self, system: str, id: str, secret: str) -> bytes:
        """`secret` sealed for one row of webhook_secret."""
        nonce = os.urandom(_NONCE)
        return nonce + self.cipher.encrypt(nonce, secret.encode(), _aad(system, id))

    def open(self, system: str, id: str, sealed: bytes) -> str:
        """The secret of a row."""
        return self.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _aad(system, id)).decode()


class Endpoint(Struct, frozen=True):
    """Where one system takes its notices. `failures` counts those since a delivery last succeeded."""

    system: str
    url: str
    active: bool
    failures: int


def secret_keys(keyring: Keyring) -> SecretKeys:
    """The key for webhook secrets (HKDF, RFC 5869)."""
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"commons webhook_secret v1")
    return SecretKeys(AESGCM(derived.derive(keyring.seal)))


def register(
    connection: Connection, keys: SecretKeys, system: str, url: str, *, loopback: bool = False, now: int
) -> str:
    """Set the address of a registered system; gives the secret, which is told once. `loopback`: the gateway itself
    stands on a loopback address, so http there will do. Raises RegistryFault, AddressRefused."""
    check_address(url, loopback=loopback)
    if find_system(connection, system) is None:
        raise RegistryFault("the system is not registered: register it first")
    row = {"url": url, "active": True, "failures": 0, "rest_until_ms": 0, "changed_at": now}
    changed = connection.execute(update(webhook).where(webhook.c.system == system).values(row))
    if not changed.rowcount:
        connection.execute(insert(webhook).values(row | {"system": system, "created_at": now}))
    return rotate(connection, keys, system, overlap_s=0, now=now)


def rotate(connection: Connection, keys: SecretKeys, system: str, *, overlap_s: int = OVERLAP_S, now: int) -> str:
    """Make a new secret, which signs from now on; those before sign for `overlap_s` more seconds. Raises
    RegistryFault when the system takes no notices."""
    if find(connection, system) is None:
        raise RegistryFault("the system has no webhook: set its address first")
    of_system = webhook_secret.c.system == system
    connection.execute(
        update(webhook_secret)
        .where(of_system, or_(webhook_secret.c.until == 0, webhook_secret.c.until > now + overlap_s))
        .values(until=now + overlap_s)
    )
    connection.execute(delete(webhook_secret).where(of_system, webhook_secret.c.until.between(1, now)))
    id_, secret = str(uuid_utils.uuid7()), make_secret()
    row = {"system": system, "id": id_, "sealed": keys.seal(system, id_, secret), "until": 0}
    connection.execute(insert(webhook_secret).values(row))
    return secret


def set_active(connection: Connection, system: str, active: bool, *, now: int) -> None:
    """Pause or resume the notices of a system; they are kept meanwhile. Raises RegistryFault."""
    values = {"active": active, "failures": 0, "rest_until_ms": 0, "changed_at": now}
    if not connection.execute(update(webhook).where(webhook.c.system == system).values(values)).rowcount:
        raise RegistryFault("the system has no webhook: set its address first")


def find(connection: Connection, system: str) -> Endpoint | None:
    """Where a system takes its notices."""
    columns = (webhook.c.system, webhook.c.url, webhook.c.active, webhook.c.failures)
    row = connection.execute(select(*columns).where(webhook.c.system == system)).first()
    return None if row is None else Endpoint(*row)


def secrets(connection: Connection, keys: SecretKeys, system: str, now: int) -> tuple[str, ...]:
    """The secrets that sign at `now`, the newest first."""
    rows = connection.execute(
        select(webhook_secret.c.id, webhook_secret.c.sealed)
        .where(
            webhook_secret.c.system == system,
            or_(webhook_secret.c.until == 0, webhook_secret.c.until > now),
        )
        .order_by(webhook_secret.c.id.desc())
    )
    return tuple(keys.open(system, row.id, bytes(row.sealed)) for row in rows)


def _aad(system: str, id: str) -> bytes:
    return f"webhook_secret|sealed|{system}|{id}|1".encode()
