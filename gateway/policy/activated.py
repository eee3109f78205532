# SPDX-License-Identifier: Apache-2.0
"""Which laws were activated, as the database has them. The caller owns the transaction."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, RowMapping, func, insert, select, text

from gateway.policy.packing import BundleRefusedError
from gateway.policy.tables import policy_bundle

_TOLD = [column for column in policy_bundle.columns if column.name != "bundle"]


class Activated(Struct, frozen=True):
    """One activation: the steward's number of the law, its revision, who signed and who activated it, when (epoch
    seconds), and the id that its log entry has too."""

    sequence: int
    revision: str
    keyid: str
    event: str
    at: int
    by: str


def newest(connection: Connection) -> int:
    """The number of the law in force; 0 when there is none."""
    return int(connection.execute(select(func.coalesce(func.max(policy_bundle.c.sequence), 0))).scalar_one())


def in_force(connection: Connection) -> tuple[Activated, bytes] | None:
    """The newest activation, and the file that was activated."""
    found = connection.execute(select(policy_bundle).order_by(policy_bundle.c.sequence.desc()).limit(1))
    row = found.mappings().one_or_none()
    return (_activated(row), bytes(row["bundle"])) if row else None


def history(connection: Connection) -> list[Activated]:
    """All activations, the oldest first."""
    rows = connection.execute(select(*_TOLD).order_by(policy_bundle.c.sequence)).mappings()
    return [_activated(row) for row in rows]


def record(connection: Connection, made: Activated, raw: bytes) -> bool:
    """Put a law in force from now on, for every node; False when this very file is in force already. Raises
    BundleRefusedError (`rolled-back`) when its number is not larger than every one before."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE policy_bundle IN SHARE ROW EXCLUSIVE MODE"))  # readers go on
    last = in_force(connection)
    if last is not None and made.sequence <= last[0].sequence:
        if last[1] == raw:
            return False
        raise BundleRefusedError(
            "rolled-back", f"law {made.sequence} is not newer than law {last[0].sequence}, which is in force"
        )
    connection.execute(
        insert(policy_bundle).values(
            sequence=made.sequence,
            revision=made.revision,
            keyid=made.keyid,
            event=made.event,
            activated_at=made.at,
            activated_by=made.by,
            bundle=raw,
        )
    )
    return True


def _activated(row: RowMapping) -> Activated:
    return Activated(
        row["sequence"], row["revision"], row["keyid"], row["event"], row["activated_at"], row["activated_by"]
    )
