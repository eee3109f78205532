# SPDX-License-Identifier: Apache-2.0
"""Single use of a client assertion's `jti` (RFC 7523 §3), in the database: across workers and restarts."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from gateway.identity.tables import assertion_jti

_MARGIN_S = 60  # another node's clock may still take what ours calls expired
_AT_ONCE = 1000


def first_use(connection: Connection, system: str, jti: str, until: int) -> bool:
    """Note a jti as used until `until` (epoch seconds, skew included); false when it was noted before. One
    statement decides, so that of any number at once exactly one is first."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    digest = hashlib.sha256(jti.encode("utf-8", "surrogatepass")).digest()
    row = {"system": system, "jti_digest": digest, "expires_at": until}
    statement = insert(assertion_jti).values(row).on_conflict_do_nothing().returning(assertion_jti.c.system)
    return connection.execute(statement).first() is not None


def forget_expired(connection: Connection, now: int) -> None:
    """Drop what can no longer be replayed; rows that another node is dropping are left to it."""
    table = assertion_jti.c
    old = (
        select(table.system, table.jti_digest)
        .where(table.expires_at < now - _MARGIN_S)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(assertion_jti).where(tuple_(table.system, table.jti_digest).in_(old)))
