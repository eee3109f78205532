# SPDX-License-Identifier: Apache-2.0
"""Retention periods, legal holds and erasures of the access log, and the index auditors search."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INDEX = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("head", schema="log") as head:
        head.add_column(
            sa.Column(
                "erasures",
                sa.BigInteger(),
                server_default="0",
                nullable=False,
                comment="Moves when data keys were deleted or wrapped anew: what is held in memory is then read again.",
            )
        )
    op.create_table(
        "entry_index",
        sa.Column("idx", _INDEX, autoincrement=False, nullable=False, comment="Place of the entry."),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("organisation", sa.String(length=128), nullable=False),
        sa.Column("service", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("idx"),
        schema="log",
        comment="The clear members of each entry, for auditors to search; filled when they do, and from entries alone.",
    )
    op.create_index("entry_index_organisation", "entry_index", ["organisation", "at_ms"], schema="log")
    op.create_index("entry_index_type", "entry_index", ["type", "at_ms"], schema="log")
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7 of the entry that set it."),
        sa.Column("subject", sa.String(length=64), nullable=False, comment="Keyed digest of the person."),
        sa.Column(
            "organisation",
            sa.String(length=128),
            nullable=False,
            comment="Whose accesses; empty for everybody's.",
        ),
        sa.Column(
            "lifted", sa.BigInteger(), server_default="0", nullable=False, comment="Seconds; 0 while it holds."
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="log",
        comment="What must not be erased, because a court or an inquiry may ask for it.",
    )
    op.create_index("legal_hold_subject", "legal_hold", ["subject"], schema="log")
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7 of the entry that tells of it."),
        sa.Column(
            "subject", sa.String(length=64), nullable=False, comment="Keyed digest of the person; emptied when done."
        ),
        sa.Column(
            "organisation",
            sa.String(length=128),
            nullable=False,
            comment="Whose accesses; empty for everybody's.",
        ),
        sa.Column(
            "told",
            sa.Text(),
            nullable=False,
            comment="The group of the entry, as JSON: reason, authority, officers.",
        ),
        sa.Column(
            "done", sa.BigInteger(), server_default="0", nullable=False, comment="Seconds; 0 while it is to be done."
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="log",
        comment="Erasures decided: written before the entry, so that a crash leaves none half done.",
    )
    if op.get_bind().dialect.name == "postgresql":
        for column, comment in (
            ("retention", "Retention period: class and year, as access:2026."),
            ("wrapped", "Id of the wrapping key (4 bytes), RFC 3394 key wrap."),
        ):
            op.alter_column("data_key", column, comment=comment, schema="log")
        op.create_table_comment(
            "data_key",
            "One key per subject, organisation and retention period: deleting it erases what it sealed.",
            schema="log",
        )


def downgrade() -> None:
    pass
