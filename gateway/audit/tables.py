# SPDX-License-Identifier: Apache-2.0
"""Tables of the access log, all in the schema `log` (on SQLite the attached file `log.db`).

`entry` and `tile` are only ever inserted into, `head` is one row that moves forward. What can be erased stands
apart: `payload` holds what was sealed, `data_key` the keys it was sealed with.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, String, Table, Text

metadata = MetaData(schema="log")

_INDEX = BigInteger().with_variant(Integer, "sqlite")  # on SQLite the row's own number: no second tree to write

head = Table(
    "head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, comment="Always 1."),
    Column("origin", String(200), nullable=False, comment="Name of the log (C2SP tlog-checkpoint)."),
    Column("size", BigInteger, nullable=False, comment="Number of entries."),
    Column(
        "frontier", LargeBinary, nullable=False, comment="Roots of the full subtrees, 32 bytes each, largest first."
    ),
    Column("checkpoint", Text, nullable=False, comment="Signed note over origin, size and root."),
    Column(
        "erasures",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="Moves when data keys were deleted or wrapped anew: what is held in memory is then read again.",
    ),
    comment="Where the log ends; its row is the lock that orders all writers.",
)

entry = Table(
    "entry",
    metadata,
    Column("idx", _INDEX, primary_key=True, autoincrement=False, comment="Index of the leaf, from 0."),
    Column("id", String(36), nullable=False, unique=True, comment="UUIDv7 of the event: writing it twice is once."),
    Column("leaf_hash", LargeBinary(32), nullable=False, comment="SHA-256(0x00 || entry), RFC 6962 §2.1."),
    Column("entry", LargeBinary, nullable=False, comment="Canonical JSON (RFC 8785): clear members, commitments."),
    comment="The leaves.",
)

payload = Table(
    "payload",
    metadata,
    Column("idx", _INDEX, primary_key=True, autoincrement=False),
    Column("actor_key", String(36), comment="Data key of the group about staff."),
    Column("actor", LargeBinary, comment="Nonce (12 bytes) and AES-256-GCM ciphertext; null when erased."),
    Column("subject_key", String(36), comment="Data key of all other groups."),
    Column("subject", LargeBinary, comment="As `actor`."),
    comment="What the commitments commit to, with the salts; all of an entry that may be erased.",
)

data_key = Table(
    "data_key",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("subject", String(64), nullable=False, comment="Opaque person; `actor`, or empty for none."),
    Column("organisation", String(128), nullable=False),
    Column("retention", String(32), nullable=False, comment="Retention period: class and year, as access:2026."),
    Column("wrapped", LargeBinary, nullable=False, comment="Id of the wrapping key (4 bytes), RFC 3394 key wrap."),
    comment="One key per subject, organisation and retention period: deleting it erases what it sealed.",
)

tile = Table(
    "tile",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary(8192), nullable=False, comment="256 hashes (C2SP tlog-tiles)."),
    Column("root", LargeBinary(32), nullable=False, comment="Their Merkle root: one hash of the level above."),
    comment="Full tiles. Partial ones are made from leaf hashes and roots when asked for.",
)

claim = Table(
    "claim",
    metadata,
    Column("system", String(80), primary_key=True),
    Column("key", LargeBinary(32), primary_key=True, comment="SHA-256 of the Idempotency-Key."),
    Column("digest", LargeBinary(32), nullable=False, comment="SHA-256 of the request body."),
    Column("query", String(36), nullable=False, comment="Id the first request was given."),
    Column("at_ms", BigInteger, nullable=False),
    comment="Which Idempotency-Key was used for which query; written with the witness entry.",
)

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7 of the entry that set it."),
    Column("subject", String(64), nullable=False, comment="Keyed digest of the person."),
    Column("organisation", String(128), nullable=False, comment="Whose accesses; empty for everybody's."),
    Column("lifted", BigInteger, nullable=False, server_default="0", comment="Seconds; 0 while it holds."),
    comment="What must not be erased, because a court or an inquiry may ask for it.",
)

erasure = Table(
    "erasure",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7 of the entry that tells of it."),
    Column("subject", String(64), nullable=False, comment="Keyed digest of the person; emptied when done."),
    Column("organisation", String(128), nullable=False, comment="Whose accesses; empty for everybody's."),
    Column("told", Text, nullable=False, comment="The group of the entry, as JSON: reason, authority, officers."),
    Column("done", BigInteger, nullable=False, server_default="0", comment="Seconds; 0 while it is to be done."),
    comment="Erasures decided: written before the entry, so that a crash leaves none half done.",
)

Index("legal_hold_subject", legal_hold.c.subject)
Index("data_key_subject", data_key.c.subject, data_key.c.organisation, data_key.c.retention, unique=True)
