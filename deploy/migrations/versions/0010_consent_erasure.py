# SPDX-License-Identifier: Apache-2.0
"""Erasure of the consent ledger: what an event says may be taken out, its place and its hash stay."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ERASES = (
    "NEW.person = OLD.person AND NEW.seq = OLD.seq AND NEW.hash = OLD.hash AND "
    "NEW.kind = '' AND NEW.organisation = '' AND NEW.purpose = '' AND NEW.at = 0 AND length(NEW.link) = 0 AND "
    "EXISTS (SELECT 1 FROM consent_event AS later WHERE later.person = OLD.person AND later.seq > OLD.seq "
    "AND later.kind = 'erased')"
)

ERASE_FUNCTION = f"""
CREATE OR REPLACE FUNCTION consent_erase_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF {ERASES} THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'consent: % is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "consent_erasure",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7 of the entry that tells of it."),
        sa.Column(
            "person", sa.String(length=64), nullable=False, comment="Opaque id of whose decisions; emptied when done."
        ),
        sa.Column(
            "told", sa.Text(), nullable=False, comment="What the entry says, as JSON: reason, authority, officers."
        ),
        sa.Column(
            "done", sa.BigInteger(), nullable=False, comment="Seconds since 1970, UTC; 0 while it is to be done."
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="Erasures of decisions: written before their entry, so that a crash leaves none half done.",
    )
    op.create_table(
        "consent_proof",
        sa.Column("id", sa.String(length=36), nullable=False, comment="UUIDv7 of the erasure."),
        sa.Column(
            "key", sa.String(length=36), nullable=False, comment="Id of the data key (log.data_key) that seals it."
        ),
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            nullable=False,
            comment="Nonce and ciphertext of the links that were erased.",
        ),
        sa.PrimaryKeyConstraint("id"),
        comment="What was decided before an erasure, sealed: proof (UK GDPR Article 7(1)) until its key goes.",
    )
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column(
            "consent_event",
            "link",
            comment="Canonical JSON (RFC 8785) of event, seq and previous hash: what is hashed; empty once erased.",
        )
        op.execute("DROP TRIGGER consent_event_append_only ON consent_event")
        op.execute(ERASE_FUNCTION)
        op.execute(
            "CREATE TRIGGER consent_event_append_only BEFORE UPDATE OR DELETE ON consent_event "
            "FOR EACH ROW EXECUTE FUNCTION consent_erase_only()"
        )
        op.execute(
            "CREATE TRIGGER consent_event_not_emptied BEFORE TRUNCATE ON consent_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION consent_append_only()"
        )
        return
    refuse = "BEGIN SELECT RAISE(ABORT, 'consent: consent_event is append-only'); END"
    op.execute("DROP TRIGGER consent_event_no_update")
    op.execute(
        f"CREATE TRIGGER consent_event_no_update BEFORE UPDATE ON consent_event WHEN NOT ({ERASES}) {refuse}"
    )


def downgrade() -> None:
    pass
