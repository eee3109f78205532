# SPDX-License-Identifier: Apache-2.0
"""Requests for consent, authority over others, objections and opt-outs."""

from __future__ import annotations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
