# SPDX-License-Identifier: Apache-2.0
"""The registry's tables: who may ask, which identifiers belong to which person, and who has signed in.

No row holds a usable credential: systems have public keys only, an assertion's `jti` and a citizen's session token
are kept as digests.
No row holds a readable identifier of a citizen: values are sealed (AES-256-GCM), found by a keyed digest.
On PostgreSQL every change is announced on the channel that `gateway.db.PostgresChanges` listens to.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    event,
    text,
)

from gateway.db import CHANNEL

metadata = MetaData()

organisation = Table(
    "organisation",
    metadata,
    Column("id", String(100), primary_key=True),  # as in the catalogue: uk/council/E06999901
    Column("name", String(200), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),  # epoch seconds, as are all times here
    Column("changed_at", BigInteger, nullable=False),
)

system = Table(
    "system",
    metadata,
    Column("id", String(100), primary_key=True),  # the OAuth client_id
    Column("organisation", ForeignKey("organisation.id"), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("profile", String(10), nullable=False),  # fapi or nhs: which rules its assertions follow
    # Where its keys come from: '' = rows of system_key.
    Column("jwks_uri", String(500), nullable=False, server_default=""),
    # Who issues its access tokens: '' = this gateway, else the one trusted issuer that may.
    Column("issuer", String(500), nullable=False, server_default=""),
    Column("active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    CheckConstraint("profile IN ('fapi', 'nhs')", name="system_profile"),
    CheckConstraint("jwks_uri = '' OR issuer = ''", name="system_one_key_source"),
)

system_key = Table(
    "system_key",
    metadata,
    Column("system", ForeignKey("system.id"), primary_key=True),
    Column("kid", String(200), primary_key=True),
    Column("jwk", Text, nullable=False),  # public JWK (RFC 7517) as JSON
    Column("active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

system_scope = Table(
    "system_scope",
    metadata,
    Column("system", ForeignKey("system.id"), primary_key=True),
    Column("scope", String(40), primary_key=True),  # auditor: its users may look at every decision, on the record
    Column("granted_at", BigInteger, nullable=False),
)

assertion_jti = Table(
    "assertion_jti",
    metadata,
    Column("system", String(100), primary_key=True),
    Column("jti_digest", LargeBinary(32), primary_key=True),  # SHA-256 of the jti
    Column("expires_at", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)

person = Table(
    "person",
    metadata,
    Column("id", String(32), primary_key=True),  # 128 random bits, hexadecimal
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

person_identifier = Table(
    "person_identifier",
    metadata,
    Column("person", ForeignKey("person.id"), primary_key=True),
    Column("system", String(200), primary_key=True),  # URI of the identifier system
    Column("blind_index", LargeBinary(32), primary_key=True),  # HMAC-SHA-256(index, system || 0 || value)
    Column("sealed", LargeBinary, nullable=False),  # nonce || AES-256-GCM(value), AAD table|column|row|version
    Column("version", Integer, nullable=False),  # of the sealing
    Column("current", Boolean, nullable=False),  # the one value of this system that a connector is given
    Column("identifying", Boolean, nullable=False),  # false for an address (UPRN): never leads to a person
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

Index(
    "person_identifier_found_by",
    person_identifier.c.blind_index,
    unique=True,
    sqlite_where=text("identifying"),
    postgresql_where=text("identifying"),
)

person_verifier = Table(
    "person_verifier",
    metadata,
    Column("person", ForeignKey("person.id"), primary_key=True),
    Column("name", String(20), primary_key=True),  # birth_date or family_name
    Column("digest", LargeBinary(32), primary_key=True),  # HMAC-SHA-256, keyed by person: equal names differ
    sqlite_with_rowid=False,
)

person_status = Table(
    "person_status",
    metadata,
    Column("person", ForeignKey("person.id"), primary_key=True),
    Column("born", LargeBinary, nullable=True),  # sealed month of birth, YYYY-MM; null while it is not known
    Column("deceased", Boolean, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

person_restriction = Table(
    "person_restriction",
    metadata,
    Column("id", String(36), primary_key=True),  # UUIDv7
    Column("person", ForeignKey("person.id"), nullable=False, index=True),
    Column("kind", String(30), nullable=False),  # one of restrictions.KINDS
    Column("organisation", String(100), nullable=False),  # the viewer it binds; '' = every one
    Column("categories", Text, nullable=False),  # codes, a space between; '' = all
    Column("from_at", BigInteger, nullable=False),
    Column("until_at", BigInteger, nullable=False),  # the first second it no longer binds; 0 = until it is lifted
    Column("reference", LargeBinary, nullable=False),  # sealed: the order or the case it stands in
    Column("entered_by", String(120), nullable=False),  # opaque id of the officer
    Column("entered_at", BigInteger, nullable=False),
    Column("lifted_by", String(120), nullable=False),  # '' while it stands
    Column("lifted_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

person_relationship = Table(
    "person_relationship",
    metadata,
    Column("id", String(36), primary_key=True),  # UUIDv7
    Column("person", ForeignKey("person.id"), nullable=False, index=True),
    Column("organisation", String(100), nullable=False),
    Column("kind", String(40), nullable=False),  # as registered-patient, referral, open-case
    Column("from_at", BigInteger, nullable=False),
    Column("until_at", BigInteger, nullable=False),  # the first second it is over; 0 = until it is ended
    Column("entered_by", String(120), nullable=False),
    Column("entered_at", BigInteger, nullable=False),
    Column("ended_by", String(120), nullable=False),  # '' while it lasts
    Column("ended_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

override = Table(
    "override",
    metadata,
    Column("id", String(36), primary_key=True),  # UUIDv7, also of its log entry
    # The opaque person, or the stranger that an unknown identifier leads to: so no foreign key.
    Column("person", String(32), nullable=False, index=True),
    Column("organisation", String(100), nullable=False),
    Column("system", String(100), nullable=False),
    Column("user_digest", LargeBinary(32), nullable=False, index=True),  # HMAC: counts per user, names nobody
    Column("reason_code", String(40), nullable=False),
    Column("categories", Text, nullable=False),  # codes, a space between; at least one
    Column("opened_at", BigInteger, nullable=False),
    Column("until_at", BigInteger, nullable=False),  # the first second it is over
    Column("review_by", BigInteger, nullable=False),
    Column("reviewed_at", BigInteger, nullable=False),  # 0 = not yet
    Column("outcome", String(20), nullable=False),
    Column("notice_at", BigInteger, nullable=False),  # from when on the citizen is told
    Column("deferred_by", String(250), nullable=False),  # the two officers, a space between; '' = told at once
    sqlite_with_rowid=False,
)

citizen_session = Table(
    "citizen_session",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the session token
    Column("id", String(36), nullable=False, unique=True),  # UUIDv7, what the log calls it
    Column("person", ForeignKey("person.id"), nullable=False, index=True),
    Column("issuer", String(500), nullable=False),  # of the ID token
    Column("level", String(2), nullable=False),  # of identity proof: P0 … P9
    Column("nonce", LargeBinary(32), nullable=False, unique=True),  # digest: an ID token serves once
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
    Column("ended", Boolean, nullable=False),  # by the citizen
    sqlite_with_rowid=False,
)

ANNOUNCED = (
    "organisation",
    "system",
    "system_key",
    "system_scope",
    "person",
    "person_identifier",
    "person_verifier",
    "person_status",
    "person_restriction",
    "person_relationship",
)
"""Tables whose changes other nodes must hear of (PostgreSQL)."""

ANNOUNCE_FUNCTION = f"""
CREATE OR REPLACE FUNCTION commons_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('{CHANNEL}', TG_TABLE_NAME);
  RETURN NULL;
END $$
"""


def announce_trigger(table: str) -> str:
    """PostgreSQL DDL that announces every statement that changes `table`; needs ANNOUNCE_FUNCTION first."""
    return (
        f"CREATE TRIGGER {table}_announced AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION commons_announce()"
    )


def _ddl(statement: str) -> DDL:
    return DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy


event.listen(metadata, "before_create", _ddl(ANNOUNCE_FUNCTION).execute_if(dialect="postgresql"))
for _name in ANNOUNCED:
    event.listen(
        metadata.tables[_name],
        "after_create",
        _ddl(announce_trigger(_name)).execute_if(dialect="postgresql"),
    )
