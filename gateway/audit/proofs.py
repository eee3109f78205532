# SPDX-License-Identifier: Apache-2.0
"""The keys of what must be proved after its erasure: data keys like all others, of a retention class of their own.

They are wrapped anew, backed up and put back with the others, a legal hold protects them, and the end of their
period deletes them. An erasure of what the log sealed about the same person passes them by.
"""

from __future__ import annotations

import os

from sqlalchemy import Connection, delete, insert, select

from gateway.audit import retention
from gateway.audit.sealing import NONCE, SealKey, bound
from gateway.audit.tables import data_key

_BELONGS = "consent_proof"


def seal(
    connection: Connection, seal_key: SealKey, person: str, id: str, at_ms: int, content: bytes
) -> tuple[str, bytes]:
    """The proof `id` of a person, sealed under their key of this period, which is made if there is none; gives the
    key's id and what was sealed."""
    name = (person, "", retention.period(retention.PROOF, at_ms))
    subject, organisation, period = seal_key.row_name(name)
    wanted = select(data_key.c.id, data_key.c.wrapped).where(
        data_key.c.subject == subject, data_key.c.organisation == organisation, data_key.c.retention == period
    )
    row = connection.execute(wanted).first()
    if row is not None:
        key = seal_key.unwrap(row.id, bytes(row.wrapped))
    else:
        key, made = seal_key.make(name)
        connection.execute(insert(data_key), made._asdict())
    return key.id, key.seal(os.urandom(NONCE), bound(_BELONGS, id, retention.PROOF), content)


def open_(connection: Connection, seal_key: SealKey, key: str, id: str, sealed: bytes) -> bytes | None:
    """What the proof `id` holds; None when its key is gone."""
    wrapped = connection.execute(select(data_key.c.wrapped).where(data_key.c.id == key)).scalar()
    if wrapped is None:
        return None
    return seal_key.unwrap(key, bytes(wrapped)).open(bound(_BELONGS, id, retention.PROOF), sealed)


def keys_of(connection: Connection, subject: str) -> list[str]:
    """Ids of the keys of a subject's proofs; `subject` is the keyed digest of a person."""
    theirs = (data_key.c.subject == subject, data_key.c.retention.startswith(retention.PROOF + ":"))
    return list(connection.execute(select(data_key.c.id).where(*theirs).order_by(data_key.c.id)).scalars())


def forget(connection: Connection, subject: str) -> int:
    """Delete the keys of a subject's proofs; gives how many."""
    gone = keys_of(connection, subject)
    connection.execute(delete(data_key).where(data_key.c.id.in_(gone)))
    return len(gone)
