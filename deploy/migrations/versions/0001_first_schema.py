# SPDX-License-Identifier: Apache-2.0
"""The first schema: the registry, the consent ledger and the access log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ANNOUNCED = ("organisation", "system", "system_key", "person", "person_identifier", "person_verifier")

ANNOUNCE_FUNCTION = """
CREATE OR REPLACE FUNCTION commons_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('commons', TG_TABLE_NAME);
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute("CREATE SCHEMA IF NOT EXISTS log")
    _registry()
    _consent()
    _log()
    if postgresql:
        _announcements()


def downgrade() -> None:
    raise CommandError(
        "The first schema is not taken down: that would destroy the access log. "
        "Restore a backup, or begin with an empty database"
    )


def _announcements() -> None:
    """Every statement that changes the registry is told to all nodes, so that their caches cannot go stale."""
    op.execute(ANNOUNCE_FUNCTION)
    for table in ANNOUNCED:
        op.execute(
            f"CREATE TRIGGER {table}_announced AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION commons_announce()"
        )


def _registry() -> None:
    op.create_table(
        "assertion_jti",
        sa.Column("system", sa.String(length=100), nullable=False),
        sa.Column("jti_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "jti_digest"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_assertion_jti_expires_at"), "assertion_jti", ["expires_at"], unique=False)
    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "person_identifier",
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("system", sa.String(length=200), nullable=False),
        sa.Column("blind_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("identifying", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("person", "system", "blind_index"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "person_identifier_found_by",
        "person_identifier",
        ["blind_index"],
        unique=True,
        sqlite_where=sa.text("identifying"),
        postgresql_where=sa.text("identifying"),
    )
    op.create_table(
        "person_verifier",
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"],
            ["person.id"],
        ),
        sa.PrimaryKeyConstraint("person", "name", "digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "system",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("organisation", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("profile", sa.String(length=10), nullable=False),
        sa.Column("jwks_uri", sa.String(length=500), server_default="", nullable=False),
        sa.Column("issuer", sa.String(length=500), server_default="", nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("profile IN ('fapi', 'nhs')", name="system_profile"),
        sa.CheckConstraint("jwks_uri = '' OR issuer = ''", name="system_one_key_source"),
        sa.ForeignKeyConstraint(
            ["organisation"],
            ["organisation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_system_organisation"), "system", ["organisation"], unique=False)
    op.create_table(
        "system_key",
        sa.Column("system", sa.String(length=100), nullable=False),
        sa.Column("kid", sa.String(length=200), nullable=False),
        sa.Column("jwk", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["system"],
            ["system.id"],
        ),
        sa.PrimaryKeyConstraint("system", "kid"),
    )


def _consent() -> None:
    op.create_table(
        "consent_event",
        sa.Column("person", sa.String(length=64), nullable=False, comment="Opaque id of the data subject."),
        sa.Column(
            "seq",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="1, 2, 3 … of this person, without a gap.",
        ),
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7 of the event (RFC 9562 §5.7)."),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("organisation", sa.String(length=128), nullable=False, comment="The recipient."),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="Seconds since 1970, UTC."),
        sa.Column(
            "link",
            sa.LargeBinary(),
            nullable=False,
            comment="Canonical JSON (RFC 8785) of event, seq and previous hash: the bytes that are hashed.",
        ),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of `link`."),
        sa.PrimaryKeyConstraint("person", "seq"),
        sa.UniqueConstraint("id"),
        comment="What citizens decided; append-only, hash-linked per person.",
    )
    op.create_index("consent_event_recipient", "consent_event", ["organisation", "purpose", "person"], unique=False)
    op.create_table(
        "consent_head",
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column(
            "seq", sa.BigInteger(), nullable=False, comment="Seq of the newest event; the row is the person's lock."
        ),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="Hash of the newest event."),
        sa.PrimaryKeyConstraint("person"),
        comment="Where each person's chain ends.",
    )
    op.create_table(
        "consent_standing",
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.String(length=128), nullable=False),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column(
            "seq", sa.BigInteger(), nullable=False, comment="Seq of the newest event that this row takes in."
        ),
        sa.Column("statements", sa.LargeBinary(), nullable=False, comment="JSON array of statements, as folded."),
        sa.PrimaryKeyConstraint("person", "organisation", "purpose"),
        comment="Projection: what the events say, folded; rebuilt by `ledger.rebuild`.",
    )


def _log() -> None:
    op.create_table(
        "claim",
        sa.Column("system", sa.String(length=80), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of the Idempotency-Key."),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of the request body."),
        sa.Column("query", sa.String(length=36), nullable=False, comment="Id the first request was given."),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "key"),
        schema="log",
        comment="Which Idempotency-Key was used for which query; written with the witness entry.",
    )
    op.create_table(
        "data_key",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column(
            "subject", sa.String(length=64), nullable=False, comment="Opaque person; `actor`, or empty for none."
        ),
        sa.Column("organisation", sa.String(length=128), nullable=False),
        sa.Column("retention", sa.String(length=32), nullable=False, comment="Retention class."),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False, comment="RFC 3394 key wrap under the seal key."),
        sa.PrimaryKeyConstraint("id"),
        schema="log",
        comment="One key per subject, organisation and retention class: deleting it erases what it sealed.",
    )
    op.create_index(
        "data_key_subject", "data_key", ["subject", "organisation", "retention"], unique=True, schema="log"
    )
    op.create_table(
        "entry",
        sa.Column(
            "idx", _INDEX, autoincrement=False, nullable=False, comment="Index of the leaf, from 0."
        ),
        sa.Column(
            "id", sa.String(length=36), nullable=False, comment="UUIDv7 of the event: writing it twice is once."
        ),
        sa.Column(
            "leaf_hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256(0x00 || entry), RFC 6962 §2.1."
        ),
        sa.Column(
            "entry",
            sa.LargeBinary(),
            nullable=False,
            comment="Canonical JSON (RFC 8785): clear members, commitments.",
        ),
        sa.PrimaryKeyConstraint("idx"),
        sa.UniqueConstraint("id"),
        schema="log",
        comment="The leaves.",
    )
    op.create_table(
        "head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False, comment="Always 1."),
        sa.Column(
            "origin", sa.String(length=200), nullable=False, comment="Name of the log (C2SP tlog-checkpoint)."
        ),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="Number of entries."),
        sa.Column(
            "frontier",
            sa.LargeBinary(),
            nullable=False,
            comment="Roots of the full subtrees, 32 bytes each, largest first.",
        ),
        sa.Column("checkpoint", sa.Text(), nullable=False, comment="Signed note over origin, size and root."),
        sa.PrimaryKeyConstraint("id"),
        schema="log",
        comment="Where the log ends; its row is the lock that orders all writers.",
    )
    op.create_table(
        "payload",
        sa.Column("idx", _INDEX, autoincrement=False, nullable=False),
        sa.Column("actor_key", sa.String(length=36), comment="Data key of the group about staff."),
        sa.Column(
            "actor", sa.LargeBinary(), comment="Nonce (12 bytes) and AES-256-GCM ciphertext; null when erased."
        ),
        sa.Column("subject_key", sa.String(length=36), comment="Data key of all other groups."),
        sa.Column("subject", sa.LargeBinary(), comment="As `actor`."),
        sa.PrimaryKeyConstraint("idx"),
        schema="log",
        comment="What the commitments commit to, with the salts; all of an entry that may be erased.",
    )
    op.create_table(
        "tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(length=8192), nullable=False, comment="256 hashes (C2SP tlog-tiles)."),
        sa.Column(
            "root",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="Their Merkle root: one hash of the level above.",
        ),
        sa.PrimaryKeyConstraint("level", "n"),
        schema="log",
        comment="Full tiles. Partial ones are made from leaf hashes and roots when asked for.",
    )
