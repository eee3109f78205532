# SPDX-License-Identifier: Apache-2.0
"""What was published of the log, and what witnesses signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "publication",
        sa.Column("origin", sa.String(length=200), nullable=False, comment="The shard."),
        sa.Column(
            "size", sa.BigInteger(), nullable=False, comment="Entries that the published checkpoint covers."
        ),
        sa.Column(
            "checkpoint", sa.Text(), nullable=False, comment="Signed note, with the cosignatures of witnesses."
        ),
        sa.Column(
            "at_s", sa.BigInteger(), nullable=False, comment="When it was published, or cosigned afresh."
        ),
        sa.PrimaryKeyConstraint("origin"),
        schema="log",
        comment="The newest checkpoint of each shard that was published: if there is a policy, with a quorum.",
    )
    op.create_table(
        "embargo",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7 of the entry that set it."),
        sa.Column(
            "entry", sa.String(length=36), nullable=False, comment="Event whose groups are withheld from the citizen."
        ),
        sa.Column("until_s", sa.BigInteger(), nullable=False, comment="When it ends by itself."),
        sa.Column(
            "lifted_s",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="When it was lifted before; 0: not.",
        ),
        sa.PrimaryKeyConstraint("id", "entry"),
        schema="log",
        comment="Entries that a citizen is not shown until a date, though they stand in the log all along.",
    )
    op.create_index("embargo_entry", "embargo", ["entry"], schema="log")


def downgrade() -> None:
    op.drop_table("embargo", schema="log")
    op.drop_table("publication", schema="log")
