# SPDX-License-Identifier: Apache-2.0
"""Requests for consent, who may decide for whom, and the outbox of notices to agencies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column(
            "id", sa.String(length=36), nullable=False, comment="UUIDv7; the receiver's key against repeats."
        ),
        sa.Column("system", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False, comment="The JSON bytes that are signed and sent."),
        sa.Column("state", sa.String(length=10), nullable=False, comment="waiting, delivered or given-up."),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False, comment="HTTP status of the last attempt; 0 for none."),
        sa.Column(
            "due_ms",
            sa.BigInteger(),
            nullable=False,
            comment="Not tried before; a node that tries moves it on first.",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column(
            "ended_at", sa.BigInteger(), nullable=False, comment="When delivered or given up; 0 while waiting."
        ),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'given-up')", name="notice_state"),
        sa.PrimaryKeyConstraint("id"),
        comment="The outbox: what a system is to be told, kept after it was.",
    )
    op.create_index(
        "notice_due",
        "notice",
        ["system", "due_ms"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index("notice_of_system", "notice", ["system", "id"], unique=False)
    op.create_table(
        "webhook",
        sa.Column("system", sa.String(length=100), nullable=False, comment="The client system that is told."),
        sa.Column(
            "url",
            sa.String(length=500),
            nullable=False,
            comment="The one address it is told at; set by the operator.",
        ),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column(
            "failures", sa.Integer(), nullable=False, comment="Deliveries that failed since one last succeeded."
        ),
        sa.Column(
            "rest_until_ms",
            sa.BigInteger(),
            nullable=False,
            comment="Nothing is sent before; so one that fails rests.",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system"),
        comment="Where a system takes its notices.",
    )
    op.create_table(
        "webhook_secret",
        sa.Column("system", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7: the newest has the greatest."),
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            nullable=False,
            comment="Nonce and AES-256-GCM of 32 bytes; AAD names the row.",
        ),
        sa.Column("until", sa.BigInteger(), nullable=False, comment="Signs while now < until; 0 has no end."),
        sa.PrimaryKeyConstraint("system", "id"),
        comment="HMAC secrets: two overlap while a system changes over.",
    )
    op.create_table(
        "consent_assessment",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7."),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column(
            "content",
            sa.LargeBinary(),
            nullable=False,
            comment="JSON: kind, outcome, scope, by whom, from and until.",
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="Whether somebody was found able to decide: capacity (MCA 2005), Gillick competence.",
    )
    op.create_index(op.f("ix_consent_assessment_person"), "consent_assessment", ["person"], unique=False)
    op.create_table(
        "consent_authority",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7."),
        sa.Column("person", sa.String(length=64), nullable=False, comment="Opaque id of whom it is about."),
        sa.Column("holder", sa.String(length=64), nullable=False, comment="Opaque id of who may decide."),
        sa.Column(
            "content", sa.LargeBinary(), nullable=False, comment="JSON: basis, scope, evidence, times, state."
        ),
        sa.Column("changed_at", sa.BigInteger(), nullable=False, comment="Seconds since 1970, UTC."),
        sa.PrimaryKeyConstraint("id"),
        comment="Who may decide for whom, on what ground and within which bounds.",
    )
    op.create_index(op.f("ix_consent_authority_holder"), "consent_authority", ["holder"], unique=False)
    op.create_index(op.f("ix_consent_authority_person"), "consent_authority", ["person"], unique=False)
    op.create_table(
        "consent_concealment",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7."),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column(
            "content", sa.LargeBinary(), nullable=False, comment="JSON: from whom, which categories, since, until."
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="What a proxy must not see: no row, no count, no notice.",
    )
    op.create_index(op.f("ix_consent_concealment_person"), "consent_concealment", ["person"], unique=False)
    op.create_table(
        "consent_request",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7."),
        sa.Column(
            "asked_as",
            sa.String(length=64),
            nullable=False,
            comment="Keyed digest of the identifier that was used.",
        ),
        sa.Column(
            "person",
            sa.String(length=64),
            nullable=False,
            comment="Opaque id; may be a stranger's, whom nobody is.",
        ),
        sa.Column("organisation", sa.String(length=128), nullable=False, comment="Who asks, and would receive."),
        sa.Column(
            "system", sa.String(length=100), nullable=False, comment="The client system that asks and is told."
        ),
        sa.Column(
            "service",
            sa.String(length=80),
            nullable=False,
            comment="The asker's own name of the service it asks for.",
        ),
        sa.Column(
            "key",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256 of the X-Request-ID: a retry finds itself.",
        ),
        sa.Column(
            "digest", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of the body that came with it."
        ),
        sa.Column(
            "state",
            sa.String(length=10),
            nullable=False,
            comment="requested, deferred, answered, cancelled or expired; as stored.",
        ),
        sa.Column(
            "muted", sa.Boolean(), nullable=False, comment="Never shown to the person; the asker cannot tell."
        ),
        sa.Column(
            "content", sa.LargeBinary(), nullable=False, comment="JSON: what is asked, why, and what was answered."
        ),
        sa.Column("made_at", sa.BigInteger(), nullable=False, comment="Seconds since 1970, UTC."),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, comment="Open while now < expires_at."),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("system", "key"),
        comment="What agencies have asked citizens to agree to.",
    )
    op.create_index("consent_request_inbox", "consent_request", ["person", "organisation"], unique=False)
    op.create_index(
        "consent_request_open",
        "consent_request",
        ["asked_as", "organisation", "service"],
        unique=True,
        sqlite_where=sa.text("state IN ('requested', 'deferred')"),
        postgresql_where=sa.text("state IN ('requested', 'deferred')"),
    )
    op.create_index("consent_request_rate", "consent_request", ["organisation", "made_at"], unique=False)


def downgrade() -> None:
    op.drop_table("consent_request")
    op.drop_table("consent_concealment")
    op.drop_table("consent_authority")
    op.drop_table("consent_assessment")
    op.drop_table("webhook_secret")
    op.drop_table("webhook")
    op.drop_table("notice")
