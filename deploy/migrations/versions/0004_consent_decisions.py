# SPDX-License-Identifier: Apache-2.0
"""The consent ledger: every kind of decision, agreement and notice versions."""

from __future__ import annotations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
