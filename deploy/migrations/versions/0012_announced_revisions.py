# SPDX-License-Identifier: Apache-2.0
"""A revision of an agreement is announced before it is settled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "consent_terms",
        sa.Column(
            "stage",
            sa.String(length=16),
            nullable=False,
            server_default="settled",
            comment="announced, or settled: everybody who agreed was asked again or carried over.",
        ),
    )


def downgrade() -> None:
    op.drop_column("consent_terms", "stage")
