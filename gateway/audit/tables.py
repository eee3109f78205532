# SPDX-License-Identifier: Apache-2.0
"""Tables of the access log, all in the schema `log` (on SQLite the attached file `log.db`).

`entry`, `tile` and `shard` are only ever inserted into, `head` is one row that moves forward: triggers see to both.
What can be erased stands apart: `payload` holds what was sealed, `data_key` the keys it was sealed with,
`subject_entry` whose entries they are. On PostgreSQL the gateway's own role (`grants.py`) moves the head by the
function `log.advance` only, which has the owner's rights.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    event,
)

metadata = MetaData(schema="log")

_INDEX = BigInteger().with_variant(Integer, "sqlite")  # on SQLite the row's own number: no second tree to write

head = Table(
    "head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, comment="Always 1."),
    Column("origin", String(200), nullable=False, comment="Origin of the newest shard (C2SP tlog-checkpoint)."),
    Column("size", BigInteger, nullable=False, comment="Number of entries of that shard."),
    Column(
        "frontier", LargeBinary, nullable=False, comment="Roots of the full subtrees, 32 bytes each, largest first."
    ),
    Column("checkpoint", Text, nullable=False, comment="Signed note over origin, size and root."),
    Column("year", Integer, nullable=False, comment="The newest shard: one a calendar year, UTC."),
    Column("start", BigInteger, nullable=False, comment="Place of that shard's first leaf."),
    Column(
        "erasures",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="Moves when data keys were deleted or wrapped anew: what is held in memory is then read again.",
    ),
    CheckConstraint("id = 1", name="head_one_row"),
    comment="Where the log ends; its row is the lock that orders all writers.",
)

shard = Table(
    "shard",
    metadata,
    Column("year", Integer, primary_key=True, autoincrement=False, comment="Calendar year, UTC."),
    Column("origin", String(200), nullable=False),
    Column("start", BigInteger, nullable=False, comment="Place of its first leaf."),
    Column("size", BigInteger, nullable=False, comment="Number of its entries."),
    Column(
        "checkpoint", Text, nullable=False, comment="Its final signed note: the next shard's first leaf holds it."
    ),
    comment="Shards that are closed; the newest is `head`.",
)

entry = Table(
    "entry",
    metadata,
    Column("idx", _INDEX, primary_key=True, autoincrement=False, comment="Place: index over all shards, from 0."),
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

subject_entry = Table(
    "subject_entry",
    metadata,
    Column("subject", LargeBinary(16), primary_key=True, comment="Keyed digest of the opaque person."),
    Column("organisation", String(128), primary_key=True, comment="Whose entry it is."),
    Column(
        "number", BigInteger, primary_key=True, autoincrement=False, comment="1, 2, 3 …, as in the subject group."
    ),
    Column("idx", BigInteger, nullable=False, comment="Place of the entry."),
    Column("type", String(40), nullable=False),
    Column("purpose", String(128), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
    comment="Each citizen's entries, found with a key that is in no database; erased with what they are about.",
)

organisation_count = Table(
    "organisation_count",
    metadata,
    Column("organisation", String(128), primary_key=True),
    Column("count", BigInteger, nullable=False, comment="Entries of the organisation so far, all years."),
    sqlite_with_rowid=False,
    comment="How many entries each organisation has; the newest of them says the same number, signed.",
)

tile = Table(
    "tile",
    metadata,
    Column("year", Integer, primary_key=True, autoincrement=False, comment="The shard."),
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary(8192), nullable=False, comment="256 hashes (C2SP tlog-tiles)."),
    Column("root", LargeBinary(32), nullable=False, comment="Their Merkle root: one hash of the level above."),
    comment="Full tiles. Partial ones are made from leaf hashes and roots when asked for.",
)

claim = Table(
    "claim",
    metadata,
    Column("key", LargeBinary(16), primary_key=True, comment="Digest of system and Idempotency-Key."),
    Column("digest", LargeBinary(32), nullable=False, comment="SHA-256 of the request body."),
    Column("query", String(36), nullable=False, comment="Id the first request was given."),
    Column("at_ms", BigInteger, nullable=False, comment="Forgotten a day later."),
    sqlite_with_rowid=False,
    comment="Which Idempotency-Key was used for which query; written with the witness entry.",
)

entry_index = Table(
    "entry_index",
    metadata,
    Column("idx", _INDEX, primary_key=True, autoincrement=False, comment="Place of the entry."),
    Column("at_ms", BigInteger, nullable=False),
    Column("type", String(40), nullable=False),
    Column("organisation", String(128), nullable=False),
    Column("service", String(200), nullable=False),
    Column("purpose", String(128), nullable=False),
    Column("decision", String(16), nullable=False),
    comment="The clear members of each entry, for auditors to search; filled when they do, and from entries alone.",
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

publication = Table(
    "publication",
    metadata,
    Column("origin", String(200), primary_key=True, comment="The shard."),
    Column("size", BigInteger, nullable=False, comment="Entries that the published checkpoint covers."),
    Column("checkpoint", Text, nullable=False, comment="Signed note, with the cosignatures of witnesses."),
    Column("at_s", BigInteger, nullable=False, comment="When it was published, or cosigned afresh."),
    comment="The newest checkpoint of each shard that was published: if there is a policy, with a quorum.",
)

embargo = Table(
    "embargo",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7 of the entry that set it."),
    Column("entry", String(36), primary_key=True, comment="Event whose groups are withheld from the citizen."),
    Column("until_s", BigInteger, nullable=False, comment="When it ends by itself."),
    Column(
        "lifted_s", BigInteger, nullable=False, server_default="0", comment="When it was lifted before; 0: not."
    ),
    comment="Entries that a citizen is not shown until a date, though they stand in the log all along.",
)

Index("embargo_entry", embargo.c.entry)
Index("entry_index_organisation", entry_index.c.organisation, entry_index.c.at_ms)
Index("entry_index_type", entry_index.c.type, entry_index.c.at_ms)
Index("legal_hold_subject", legal_hold.c.subject)
Index("data_key_subject", data_key.c.subject, data_key.c.organisation, data_key.c.retention, unique=True)

KEPT = ("entry", "tile", "shard")
"""Tables whose rows are never changed or deleted."""

ADVANCE = """
CREATE OR REPLACE FUNCTION log.advance(
  new_origin text, new_size bigint, new_frontier bytea, new_checkpoint text, new_year integer, new_start bigint,
  organisations text[], counts bigint[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old log.head;
BEGIN
  SELECT * INTO old FROM log.head WHERE id = 1 FOR UPDATE;
  IF FOUND AND (old.start + old.size >= new_start + new_size OR old.start > new_start OR old.year > new_year) THEN
    RAISE EXCEPTION 'the head of the log only moves forward';
  END IF;
  IF (SELECT max(idx) FROM log.entry) IS DISTINCT FROM new_start + new_size - 1 THEN
    RAISE EXCEPTION 'the head of the log is where its entries end';
  END IF;
  INSERT INTO log.head (id, origin, size, frontier, checkpoint, year, start)
    VALUES (1, new_origin, new_size, new_frontier, new_checkpoint, new_year, new_start)
    ON CONFLICT (id) DO UPDATE SET origin = excluded.origin, size = excluded.size, frontier = excluded.frontier,
      checkpoint = excluded.checkpoint, year = excluded.year, start = excluded.start;
  INSERT INTO log.organisation_count AS c (organisation, count) SELECT * FROM unnest(organisations, counts)
    ON CONFLICT (organisation) DO UPDATE SET count = excluded.count WHERE c.count < excluded.count;
END $$
"""

REFUSE = """
CREATE OR REPLACE FUNCTION log.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of log.% are never changed or deleted', TG_TABLE_NAME;
END $$
"""


def keep_postgresql(table: str) -> str:
    """PostgreSQL DDL that keeps the rows of a table as they are; needs REFUSE first."""
    return (
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON log.{table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION log.refuse()"
    )


def keep_sqlite(table: str) -> tuple[str, str]:
    """SQLite DDL that keeps the rows of a table as they are."""
    say = f"BEGIN SELECT RAISE(ABORT, 'rows of log.{table} are never changed or deleted'); END"
    return (
        f"CREATE TRIGGER log.{table}_not_changed BEFORE UPDATE ON {table} {say}",
        f"CREATE TRIGGER log.{table}_not_deleted BEFORE DELETE ON {table} {say}",
    )


FORWARD = (
    "CREATE TRIGGER log.head_forward BEFORE UPDATE OF size, start, year ON head WHEN new.start + new.size <= "
    "old.start + old.size OR new.start < old.start OR new.year < old.year "
    "BEGIN SELECT RAISE(ABORT, 'the head of the log only moves forward'); END",
    "CREATE TRIGGER log.head_stays BEFORE DELETE ON head "
    "BEGIN SELECT RAISE(ABORT, 'the head of the log is never deleted'); END",
)
"""SQLite DDL that lets the head move forward only."""

GRANTS = (
    "REVOKE ALL ON ALL TABLES IN SCHEMA public, log FROM {role}",
    "GRANT USAGE ON SCHEMA public, log TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, log TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public, log TO {role}",
    "REVOKE UPDATE, DELETE ON log.entry, log.tile, log.shard FROM {role}",
    "REVOKE UPDATE ON log.payload, log.subject_entry, log.claim FROM {role}",
    "REVOKE INSERT, UPDATE, DELETE ON log.organisation_count, log.head FROM {role}",
    "GRANT UPDATE (id, erasures) ON log.head TO {role}",  # to lock the row; `id` is 1 by a check
    "REVOKE ALL ON FUNCTION log.advance FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION log.advance TO {role}",
)
"""What the gateway's own role may do (PostgreSQL): append, and erase what may be erased."""


def _after_create(statement: str, dialect: str) -> None:
    ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    event.listen(metadata, "after_create", ddl.execute_if(dialect=dialect))


_after_create(REFUSE, "postgresql")
_after_create(ADVANCE, "postgresql")
for _table in KEPT:
    _after_create(keep_postgresql(_table), "postgresql")
    for _statement in keep_sqlite(_table):
        _after_create(_statement, "sqlite")
for _statement in FORWARD:
    _after_create(_statement, "sqlite")
