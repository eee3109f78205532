# SPDX-License-Identifier: Apache-2.0
"""Who was told that a consent or an authority will end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consent_ending",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7."),
        sa.Column("person", sa.String(length=64), nullable=False, comment="Opaque id of whom it is about."),
        sa.Column("holder", sa.String(length=64), nullable=False, comment="Who may decide; empty for a consent."),
        sa.Column(
            "about",
            sa.String(length=36),
            nullable=False,
            comment="Id of the event that gave the consent, or the authority.",
        ),
        sa.Column("ends_at", sa.BigInteger(), nullable=False, comment="Seconds since 1970, UTC."),
        sa.Column(
            "days", sa.Integer(), nullable=False, comment="How many days before the end it was told, at the latest."
        ),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="JSON: what ends."),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When it was told; seconds since 1970, UTC."),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("about", "ends_at", "days"),
        comment="Who was told that a consent or an authority will end.",
    )
    op.create_index("ix_consent_ending_holder", "consent_ending", ["holder"])
    op.create_index("ix_consent_ending_person", "consent_ending", ["person"])
    op.create_table(
        "consent_sweep",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column(
            "place",
            sa.LargeBinary(),
            nullable=False,
            comment="JSON: after which key, and when the round began.",
        ),
        sa.PrimaryKeyConstraint("name"),
        comment="How far the looking through for what will end has come.",
    )


def downgrade() -> None:
    op.drop_table("consent_sweep")
    op.drop_table("consent_ending")
