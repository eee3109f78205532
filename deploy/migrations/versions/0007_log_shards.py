# SPDX-License-Identifier: Apache-2.0
"""The access log in yearly shards, the entries of each person, and rows that are kept as they are."""

from __future__ import annotations

import hashlib
import re

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEPT = ("entry", "tile", "shard")

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

FORWARD = (
    "CREATE TRIGGER log.head_forward BEFORE UPDATE OF size, start, year ON head WHEN new.start + new.size <= "
    "old.start + old.size OR new.start < old.start OR new.year < old.year "
    "BEGIN SELECT RAISE(ABORT, 'the head of the log only moves forward'); END",
    "CREATE TRIGGER log.head_stays BEFORE DELETE ON head "
    "BEGIN SELECT RAISE(ABORT, 'the head of the log is never deleted'); END",
)


def upgrade() -> None:
    year = _year_of_the_head()
    _head(year)
    _tiles(year)
    _claims()
    _new_tables()
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("entry", "idx", comment="Place: index over all shards, from 0.", schema="log")
        op.execute(REFUSE)
        op.execute(ADVANCE)
        for table in KEPT:
            op.execute(
                f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON log.{table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION log.refuse()"
            )
        return
    for table in KEPT:
        say = f"BEGIN SELECT RAISE(ABORT, 'rows of log.{table} are never changed or deleted'); END"
        op.execute(f"CREATE TRIGGER log.{table}_not_changed BEFORE UPDATE ON {table} {say}")
        op.execute(f"CREATE TRIGGER log.{table}_not_deleted BEFORE DELETE ON {table} {say}")
    for statement in FORWARD:
        op.execute(statement)


def downgrade() -> None:
    raise CommandError(
        "The shards of a log are not put together again: that would destroy the access log. Restore a backup"
    )


def _year_of_the_head() -> int:
    """A log that has begun is the shard its origin names; one without a year is followed by the first that has one
    (`shards.UNNAMED`)."""
    origin = op.get_bind().execute(sa.text("SELECT origin FROM log.head")).scalar() or ""
    found = re.search(r"/([0-9]{4})$", origin)
    return int(found[1]) if found else 0


def _again(table: str, *columns: sa.Column[object] | sa.SchemaItem, copied: str, **options: object) -> None:
    """Make a table anew in another form, with the rows it has; `copied` selects them."""
    op.execute(f"CREATE TABLE log.copied AS {copied}")
    op.drop_table(table, schema="log")
    op.create_table(table, *columns, schema="log", **options)
    op.execute(f"INSERT INTO log.{table} SELECT * FROM log.copied")  # noqa: S608  a name of ours
    op.execute("DROP TABLE log.copied")


def _head(year: int) -> None:
    _again(
        "head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Always 1."),
        sa.Column(
            "origin",
            sa.String(length=200),
            nullable=False,
            comment="Origin of the newest shard (C2SP tlog-checkpoint).",
        ),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="Number of entries of that shard."),
        sa.Column(
            "frontier",
            sa.LargeBinary(),
            nullable=False,
            comment="Roots of the full subtrees, 32 bytes each, largest first.",
        ),
        sa.Column("checkpoint", sa.Text(), nullable=False, comment="Signed note over origin, size and root."),
        sa.Column("year", sa.Integer(), nullable=False, comment="The newest shard: one a calendar year, UTC."),
        sa.Column("start", sa.BigInteger(), nullable=False, comment="Place of that shard's first leaf."),
        sa.CheckConstraint("id = 1", name="head_one_row"),
        sa.PrimaryKeyConstraint("id"),
        copied=f"SELECT id, origin, size, frontier, checkpoint, {year} AS year, 0 AS start "  # noqa: S608  an integer
        "FROM log.head",
        comment="Where the log ends; its row is the lock that orders all writers.",
    )


def _tiles(year: int) -> None:
    _again(
        "tile",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False, comment="The shard."),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(length=8192), nullable=False, comment="256 hashes (C2SP tlog-tiles)."),
        sa.Column(
            "root",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="Their Merkle root: one hash of the level above.",
        ),
        sa.PrimaryKeyConstraint("year", "level", "n"),
        copied=f"SELECT {year} AS year, level, n, hashes, root FROM log.tile",  # noqa: S608  an integer
        comment="Full tiles. Partial ones are made from leaf hashes and roots when asked for.",
    )


def _claims() -> None:
    """One digest of system and key instead of both: a row is half as long, and there is one tree of them."""
    bind = op.get_bind()
    rows = [
        {"key": hashlib.sha256(row.system.encode() + bytes(row.key)).digest()[:16], "digest": bytes(row.digest)}
        | {"query": row.query, "at_ms": row.at_ms}
        for row in bind.execute(sa.text("SELECT system, key, digest, query, at_ms FROM log.claim"))
    ]
    op.drop_table("claim", schema="log")
    made = op.create_table(
        "claim",
        sa.Column(
            "key", sa.LargeBinary(length=16), nullable=False, comment="Digest of system and Idempotency-Key."
        ),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of the request body."),
        sa.Column("query", sa.String(length=36), nullable=False, comment="Id the first request was given."),
        sa.Column("at_ms", sa.BigInteger(), nullable=False, comment="Forgotten a day later."),
        sa.PrimaryKeyConstraint("key"),
        schema="log",
        sqlite_with_rowid=False,
        comment="Which Idempotency-Key was used for which query; written with the witness entry.",
    )
    op.bulk_insert(made, rows)


def _new_tables() -> None:
    op.create_table(
        "organisation_count",
        sa.Column("organisation", sa.String(length=128), nullable=False),
        sa.Column(
            "count", sa.BigInteger(), nullable=False, comment="Entries of the organisation so far, all years."
        ),
        sa.PrimaryKeyConstraint("organisation"),
        schema="log",
        sqlite_with_rowid=False,
        comment="How many entries each organisation has; the newest of them says the same number, signed.",
    )
    op.create_table(
        "shard",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False, comment="Calendar year, UTC."),
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False, comment="Place of its first leaf."),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="Number of its entries."),
        sa.Column(
            "checkpoint",
            sa.Text(),
            nullable=False,
            comment="Its final signed note: the next shard's first leaf holds it.",
        ),
        sa.PrimaryKeyConstraint("year"),
        schema="log",
        comment="Shards that are closed; the newest is `head`.",
    )
    op.create_table(
        "subject_entry",
        sa.Column(
            "subject", sa.LargeBinary(length=16), nullable=False, comment="Keyed digest of the opaque person."
        ),
        sa.Column("organisation", sa.String(length=128), nullable=False, comment="Whose entry it is."),
        sa.Column(
            "number",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="1, 2, 3 …, as in the subject group.",
        ),
        sa.Column("idx", sa.BigInteger(), nullable=False, comment="Place of the entry."),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "organisation", "number"),
        schema="log",
        sqlite_with_rowid=False,
        comment="Each citizen's entries, found with a key that is in no database; erased with what they are about.",
    )
