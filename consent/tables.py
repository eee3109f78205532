# SPDX-License-Identifier: Apache-2.0
"""The tables of the ledger. `consent_event` is the truth; the other two follow from it.

Nothing here is ever updated or deleted by hand: an event is inserted once, the head moves with it, and a
standing can be rebuilt from the events at any time.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata = MetaData()

consent_event = Table(
    "consent_event",
    metadata,
    Column("person", String(64), primary_key=True, comment="Opaque id of the data subject."),
    Column(
        "seq",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="1, 2, 3 … of this person, without a gap.",
    ),
    Column("id", String(36), nullable=False, unique=True, comment="UUIDv7 of the event (RFC 9562 §5.7)."),
    Column("kind", String(16), nullable=False),
    Column("organisation", String(128), nullable=False, comment="The recipient."),
    Column("purpose", String(128), nullable=False),
    Column("at", BigInteger, nullable=False, comment="Seconds since 1970, UTC."),
    Column(
        "link",
        LargeBinary,
        nullable=False,
        comment="Canonical JSON (RFC 8785) of event, seq and previous hash: the bytes that are hashed.",
    ),
    Column("hash", LargeBinary(32), nullable=False, comment="SHA-256 of `link`."),
    comment="What citizens decided; append-only, hash-linked per person.",
)

consent_head = Table(
    "consent_head",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False, comment="Seq of the newest event; the row is the person's lock."),
    Column("hash", LargeBinary(32), nullable=False, comment="Hash of the newest event."),
    comment="Where each person's chain ends.",
)

consent_standing = Table(
    "consent_standing",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("organisation", String(128), primary_key=True),
    Column("purpose", String(128), primary_key=True),
    Column("seq", BigInteger, nullable=False, comment="Seq of the newest event that this row takes in."),
    Column("statements", LargeBinary, nullable=False, comment="JSON array of statements, as folded."),
    comment="Projection: what the events say, folded; rebuilt by `ledger.rebuild`.",
)

Index("consent_event_recipient", consent_event.c.organisation, consent_event.c.purpose, consent_event.c.person)

consent_notice = Table(
    "consent_notice",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7, by which the recipient answers."),
    Column("person", String(64), nullable=False, index=True, comment="Opaque id of the data subject."),
    Column("event", String(36), nullable=False, comment="Id of the event that stops the sharing."),
    Column("seq", BigInteger, nullable=False, comment="The person's sequence number from which it holds."),
    Column("organisation", String(128), nullable=False, index=True, comment="The recipient that is told."),
    Column("agreement", String(128), nullable=False),
    Column("received", Boolean, nullable=False, comment="Whether it got data under what was stopped."),
    Column("at", BigInteger, nullable=False, comment="When the notice was made; seconds since 1970, UTC."),
    Column("answer_by", BigInteger, nullable=False, comment="From when on an acknowledgement is late."),
    Column("erase_by", BigInteger, nullable=False, comment="When what it got must be erased; 0: it got none."),
    Column("acknowledged_at", BigInteger),
    Column("erased_at", BigInteger),
    Column("chased_at", BigInteger, comment="When it was last told again."),
    Column("chased", Integer, nullable=False, comment="How often it was told again."),
    UniqueConstraint("event", "organisation"),
    comment="Who was told that a sharing must stop, and what they answered.",
)
