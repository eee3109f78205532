# SPDX-License-Identifier: Apache-2.0
"""Circumstances of people, legitimate relationships and overrides."""

from __future__ import annotations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
