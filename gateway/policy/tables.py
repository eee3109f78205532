# SPDX-License-Identifier: Apache-2.0
"""The laws that were activated. The row with the highest number is in force on every node.

The bundle itself stands in the row, so that nodes need share nothing but the database; none of them believes it
without a trusted steward's signature. On PostgreSQL every activation is announced (see identity/tables.py).
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    event,
)

metadata = MetaData()

policy_bundle = Table(
    "policy_bundle",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),  # the steward's number; only grows
    Column("revision", String(64), nullable=False),  # SHA-256 of rules and data, hexadecimal
    Column("keyid", String(100), nullable=False),  # of the steward's key
    Column("event", String(36), nullable=False, unique=True),  # UUIDv7, also the id of the log entry
    Column("activated_at", BigInteger, nullable=False),  # epoch seconds
    Column("activated_by", String(100), nullable=False),
    Column("bundle", LargeBinary, nullable=False),  # the signed file as it came
    CheckConstraint("sequence > 0", name="policy_bundle_sequence"),
)

_ANNOUNCED = DDL(  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    "CREATE TRIGGER policy_bundle_announced AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON policy_bundle "
    "FOR EACH STATEMENT EXECUTE FUNCTION commons_announce()"
)
event.listen(policy_bundle, "after_create", _ANNOUNCED.execute_if(dialect="postgresql"))
