# SPDX-License-Identifier: Apache-2.0
"""Circumstances of people, legitimate relationships and overrides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ANNOUNCED = ("system_scope", "person_status", "person_restriction", "person_relationship")


def upgrade() -> None:
    op.create_table(
        "system_scope",
        sa.Column("system", sa.String(length=100), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "scope"),
        sa.ForeignKeyConstraint(["system"], ["system.id"]),
    )
    op.create_table(
        "person_status",
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("born", sa.LargeBinary(), nullable=True),
        sa.Column("deceased", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person"),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "person_restriction",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("organisation", sa.String(length=100), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.LargeBinary(), nullable=False),
        sa.Column("entered_by", sa.String(length=120), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_by", sa.String(length=120), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_person_restriction_person", "person_restriction", ["person"])
    op.create_table(
        "person_relationship",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("organisation", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("entered_by", sa.String(length=120), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.String(length=120), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_person_relationship_person", "person_relationship", ["person"])
    op.create_table(
        "override",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=32), nullable=False),
        sa.Column("organisation", sa.String(length=100), nullable=False),
        sa.Column("system", sa.String(length=100), nullable=False),
        sa.Column("user_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reason_code", sa.String(length=40), nullable=False),
        sa.Column("categories", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("review_by", sa.BigInteger(), nullable=False),
        sa.Column("reviewed_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("notice_at", sa.BigInteger(), nullable=False),
        sa.Column("deferred_by", sa.String(length=250), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_override_person", "override", ["person"])
    op.create_index("ix_override_user_digest", "override", ["user_digest"])
    if op.get_bind().dialect.name == "postgresql":
        for table in ANNOUNCED:
            op.execute(
                f"CREATE TRIGGER {table}_announced AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION commons_announce()"
            )


def downgrade() -> None:
    for table in ("override", "person_relationship", "person_restriction", "person_status", "system_scope"):
        op.drop_table(table)
