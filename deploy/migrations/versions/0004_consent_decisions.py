# SPDX-License-Identifier: Apache-2.0
"""The consent ledger: every kind of decision, agreement and notice versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APPEND_ONLY = ("consent_event", "consent_words", "consent_terms")

REFUSE_FUNCTION = """
CREATE OR REPLACE FUNCTION consent_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'consent: % is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "consent_wide",
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column(
            "seq", sa.BigInteger(), nullable=False, comment="Seq of the newest event that this row takes in."
        ),
        sa.Column(
            "standing", sa.LargeBinary(), nullable=False, comment="JSON object (`consent/wide.py`), as folded."
        ),
        sa.PrimaryKeyConstraint("person"),
        comment="Projection: objections, opt-outs and authorities of a person.",
    )
    op.create_table(
        "consent_words",
        sa.Column(
            "hash", sa.String(length=64), nullable=False, comment="SHA-256 of the words, lower-case hexadecimal."
        ),
        sa.Column("agreement", sa.String(length=128), nullable=False),
        sa.Column(
            "revision",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 of the revision of the agreement.",
        ),
        sa.Column("language", sa.String(length=35), nullable=False, comment="BCP 47."),
        sa.Column("format", sa.String(length=16), nullable=False, comment="standard or easy-read."),
        sa.Column("words", sa.LargeBinary(), nullable=False, comment="UTF-8: the bytes that are hashed."),
        sa.Column(
            "at", sa.BigInteger(), nullable=False, comment="Seconds since 1970, UTC, when it was first shown."
        ),
        sa.PrimaryKeyConstraint("hash"),
        comment="The words that citizens were shown; append-only.",
    )
    op.create_index("consent_words_agreement", "consent_words", ["agreement", "language"], unique=False)
    op.create_table(
        "consent_terms",
        sa.Column("agreement", sa.String(length=128), nullable=False),
        sa.Column(
            "number", sa.BigInteger(), autoincrement=False, nullable=False, comment="1, 2, 3 … without a gap."
        ),
        sa.Column("revision", sa.String(length=64), nullable=False, comment="SHA-256 of `terms`."),
        sa.Column(
            "previous", sa.String(length=64), nullable=False, comment="Revision before; empty for the first."
        ),
        sa.Column(
            "terms",
            sa.LargeBinary(),
            nullable=False,
            comment="Canonical JSON (RFC 8785) of what the agreement lets flow.",
        ),
        sa.Column(
            "at", sa.BigInteger(), nullable=False, comment="Seconds since 1970, UTC, when it was put in force."
        ),
        sa.PrimaryKeyConstraint("agreement", "number"),
        comment="The revisions of each agreement; append-only, hash-linked.",
    )
    _append_only()


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in APPEND_ONLY:
        names = ["append_only"] if postgresql else ["no_update", "no_delete"]
        for name in names:
            op.execute(f"DROP TRIGGER {table}_{name}" + (f" ON {table}" if postgresql else ""))
    if postgresql:
        op.execute("DROP FUNCTION consent_append_only()")
    for table in ("consent_terms", "consent_words", "consent_wide"):
        op.drop_table(table)


def _append_only() -> None:
    """Both stores refuse to change or remove what was recorded, whoever asks."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.execute(REFUSE_FUNCTION)
    for table in APPEND_ONLY:
        if postgresql:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION consent_append_only()"
            )
            continue
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'consent: {table} is append-only'); END"
            )
