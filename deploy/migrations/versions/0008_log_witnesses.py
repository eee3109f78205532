# SPDX-License-Identifier: Apache-2.0
"""What was published of the log, and what witnesses signed."""

from __future__ import annotations

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
