# SPDX-License-Identifier: Apache-2.0
"""The policy bundles that were activated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_bundle",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("keyid", sa.String(length=100), nullable=False),
        sa.Column("event", sa.String(length=36), nullable=False),
        sa.Column("activated_at", sa.BigInteger(), nullable=False),
        sa.Column("activated_by", sa.String(length=100), nullable=False),
        sa.Column("bundle", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("sequence > 0", name="policy_bundle_sequence"),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("event"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER policy_bundle_announced AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON policy_bundle "
            "FOR EACH STATEMENT EXECUTE FUNCTION commons_announce()"
        )


def downgrade() -> None:
    op.drop_table("policy_bundle")
