# SPDX-License-Identifier: Apache-2.0
"""Where notices to agencies wait, and where they go. No row names a citizen: a notice holds handles only.

All times are epoch seconds, but for the two of `notice` whose names end in `_ms`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

metadata = MetaData()

webhook = Table(
    "webhook",
    metadata,
    Column("system", String(100), primary_key=True, comment="The client system that is told."),
    Column("url", String(500), nullable=False, comment="The one address it is told at; set by the operator."),
    Column("active", Boolean, nullable=False),
    Column("failures", Integer, nullable=False, comment="Deliveries that failed since one last succeeded."),
    Column("rest_until_ms", BigInteger, nullable=False, comment="Nothing is sent before; so one that fails rests."),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    comment="Where a system takes its notices.",
)

webhook_secret = Table(
    "webhook_secret",
    metadata,
    Column("system", String(100), primary_key=True),
    Column("id", String(36), primary_key=True, comment="UUIDv7: the newest has the greatest."),
    Column("sealed", LargeBinary, nullable=False, comment="Nonce and AES-256-GCM of 32 bytes; AAD names the row."),
    Column("until", BigInteger, nullable=False, comment="Signs while now < until; 0 has no end."),
    comment="HMAC secrets: two overlap while a system changes over.",
)

notice = Table(
    "notice",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7; the receiver's key against repeats."),
    Column("system", String(100), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("payload", LargeBinary, nullable=False, comment="The JSON bytes that are signed and sent."),
    Column("state", String(10), nullable=False, comment="waiting, delivered or given-up."),
    Column("attempts", Integer, nullable=False),
    Column("status", Integer, nullable=False, comment="HTTP status of the last attempt; 0 for none."),
    Column("due_ms", BigInteger, nullable=False, comment="Not tried before; a node that tries moves it on first."),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False, comment="When delivered or given up; 0 while waiting."),
    CheckConstraint("state IN ('waiting', 'delivered', 'given-up')", name="notice_state"),
    comment="The outbox: what a system is to be told, kept after it was.",
)

Index(
    "notice_due",
    notice.c.system,
    notice.c.due_ms,
    sqlite_where=text("state = 'waiting'"),
    postgresql_where=text("state = 'waiting'"),
)
Index("notice_of_system", notice.c.system, notice.c.id)
