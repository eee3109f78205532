# SPDX-License-Identifier: Apache-2.0
"""Citizens' sessions, receipts, and who was told of a withdrawal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "citizen_session",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("level", sa.String(length=2), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sa.UniqueConstraint("id"),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.UniqueConstraint("nonce"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_citizen_session_ends_at", "citizen_session", ["ends_at"])
    op.create_index("ix_citizen_session_person", "citizen_session", ["person"])
    op.create_table(
        "consent_notice",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7, by which the recipient answers."),
        sa.Column("person", sa.String(length=64), nullable=False, comment="Opaque id of the data subject."),
        sa.Column("event", sa.String(length=36), nullable=False, comment="Id of the event that stops the sharing."),
        sa.Column("seq", sa.BigInteger(), nullable=False, comment="The person's sequence number from which it holds."),
        sa.Column("organisation", sa.String(length=128), nullable=False, comment="The recipient that is told."),
        sa.Column("agreement", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When the notice was made; seconds since 1970, UTC."),
        sa.Column("answer_by", sa.BigInteger(), nullable=False, comment="From when on an acknowledgement is late."),
        sa.Column("erase_by", sa.BigInteger(), nullable=False, comment="By when what it got must be erased."),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("erased_at", sa.BigInteger(), nullable=True),
        sa.Column("chased_at", sa.BigInteger(), nullable=True, comment="When it was last told again."),
        sa.Column("chased", sa.Integer(), nullable=False, comment="How often it was told again."),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event", "organisation"),
        comment="Who was told that a sharing must stop, and what they answered.",
    )
    op.create_index("ix_consent_notice_organisation", "consent_notice", ["organisation"])
    op.create_index("ix_consent_notice_person", "consent_notice", ["person"])


def downgrade() -> None:
    op.drop_table("consent_notice")
    op.drop_table("citizen_session")
