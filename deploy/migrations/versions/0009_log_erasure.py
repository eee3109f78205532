# SPDX-License-Identifier: Apache-2.0
"""Retention periods, legal holds and erasures of the access log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


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
