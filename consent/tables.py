# SPDX-License-Identifier: Apache-2.0
"""The tables of the ledger, of requests, and of who may decide for whom.

Of the ledger `consent_event` is the truth; head, standings and `consent_wide` follow from it: an event is inserted
once, the head moves with it, and the rest can be rebuilt from the events at any time. Both stores refuse to update
or delete an event, whoever asks: triggers, since SQLite has no grants. The one change they let through takes out
what an event says, its place and its hash left as they are, when the person's chain goes on with an erasure.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

metadata = MetaData()

consent_event = Table(
    "consent_event",
    metadata,
    Column("person", String(64), primary_key=True, comment="Opaque id of the data subject."),
    Column(
        "seq",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="1, 2, 3 … of this person, without a gap.",
    ),
    Column("id", String(36), nullable=False, unique=True, comment="UUIDv7 of the event (RFC 9562 §5.7)."),
    Column("kind", String(16), nullable=False),
    Column("organisation", String(128), nullable=False, comment="The recipient."),
    Column("purpose", String(128), nullable=False),
    Column("at", BigInteger, nullable=False, comment="Seconds since 1970, UTC."),
    Column(
        "link",
        LargeBinary,
        nullable=False,
        comment="Canonical JSON (RFC 8785) of event, seq and previous hash: what is hashed; empty once erased.",
    ),
    Column("hash", LargeBinary(32), nullable=False, comment="SHA-256 of `link`."),
    comment="What citizens decided; append-only, hash-linked per person.",
)

consent_head = Table(
    "consent_head",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False, comment="Seq of the newest event; the row is the person's lock."),
    Column("hash", LargeBinary(32), nullable=False, comment="Hash of the newest event."),
    comment="Where each person's chain ends.",
)

consent_standing = Table(
    "consent_standing",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("organisation", String(128), primary_key=True),
    Column("purpose", String(128), primary_key=True),
    Column("seq", BigInteger, nullable=False, comment="Seq of the newest event that this row takes in."),
    Column("statements", LargeBinary, nullable=False, comment="JSON array of statements, as folded."),
    comment="Projection: what the events say, folded; rebuilt by `ledger.rebuild`.",
)

consent_wide = Table(
    "consent_wide",
    metadata,
    Column("person", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False, comment="Seq of the newest event that this row takes in."),
    Column("standing", LargeBinary, nullable=False, comment="JSON object (`consent/wide.py`), as folded."),
    comment="Projection: objections, opt-outs and authorities of a person.",
)

consent_words = Table(
    "consent_words",
    metadata,
    Column("hash", String(64), primary_key=True, comment="SHA-256 of the words, lower-case hexadecimal."),
    Column("agreement", String(128), nullable=False),
    Column("revision", String(64), nullable=False, comment="SHA-256 of the revision of the agreement."),
    Column("language", String(35), nullable=False, comment="BCP 47."),
    Column("format", String(16), nullable=False, comment="standard or easy-read."),
    Column("words", LargeBinary, nullable=False, comment="UTF-8: the bytes that are hashed."),
    Column("at", BigInteger, nullable=False, comment="Seconds since 1970, UTC, when it was first shown."),
    comment="The words that citizens were shown; append-only.",
)

consent_terms = Table(
    "consent_terms",
    metadata,
    Column("agreement", String(128), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="1, 2, 3 … without a gap."),
    Column("revision", String(64), nullable=False, comment="SHA-256 of `terms`."),
    Column("previous", String(64), nullable=False, comment="Revision before; empty for the first."),
    Column(
        "terms", LargeBinary, nullable=False, comment="Canonical JSON (RFC 8785) of what the agreement lets flow."
    ),
    Column("at", BigInteger, nullable=False, comment="Seconds since 1970, UTC, when it was put in force."),
    Column(
        "stage",
        String(16),
        nullable=False,
        server_default="settled",
        comment="announced, or settled: everybody who agreed was asked again or carried over.",
    ),
    comment="The revisions of each agreement; append-only, hash-linked.",
)

Index("consent_words_agreement", consent_words.c.agreement, consent_words.c.language)
Index("consent_event_recipient", consent_event.c.organisation, consent_event.c.purpose, consent_event.c.person)

consent_notice = Table(
    "consent_notice",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7, by which the recipient answers."),
    Column("person", String(64), nullable=False, index=True, comment="Opaque id of the data subject."),
    Column("event", String(36), nullable=False, comment="Id of the event that stops the sharing."),
    Column("seq", BigInteger, nullable=False, comment="The person's sequence number from which it holds."),
    Column("organisation", String(128), nullable=False, index=True, comment="The recipient that is told."),
    Column("agreement", String(128), nullable=False),
    Column("at", BigInteger, nullable=False, comment="When the notice was made; seconds since 1970, UTC."),
    Column("answer_by", BigInteger, nullable=False, comment="From when on an acknowledgement is late."),
    Column("erase_by", BigInteger, nullable=False, comment="By when what it got must be erased."),
    Column("acknowledged_at", BigInteger),
    Column("erased_at", BigInteger),
    Column("chased_at", BigInteger, comment="When it was last told again."),
    Column("chased", Integer, nullable=False, comment="How often it was told again."),
    UniqueConstraint("event", "organisation"),
    comment="Who was told that a sharing must stop, and what they answered.",
)

consent_request = Table(
    "consent_request",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7."),
    Column("asked_as", String(64), nullable=False, comment="Keyed digest of the identifier that was used."),
    Column("person", String(64), nullable=False, comment="Opaque id; may be a stranger's, whom nobody is."),
    Column("organisation", String(128), nullable=False, comment="Who asks, and would receive."),
    Column("system", String(100), nullable=False, comment="The client system that asks and is told."),
    Column("service", String(80), nullable=False, comment="The asker's own name of the service it asks for."),
    Column("key", LargeBinary(32), nullable=False, comment="SHA-256 of the X-Request-ID: a retry finds itself."),
    Column("digest", LargeBinary(32), nullable=False, comment="SHA-256 of the body that came with it."),
    Column(
        "state",
        String(10),
        nullable=False,
        comment="requested, deferred, answered, cancelled or expired; as stored.",
    ),
    Column("muted", Boolean, nullable=False, comment="Never shown to the person; the asker cannot tell."),
    Column("content", LargeBinary, nullable=False, comment="JSON: what is asked, why, and what was answered."),
    Column("made_at", BigInteger, nullable=False, comment="Seconds since 1970, UTC."),
    Column("expires_at", BigInteger, nullable=False, comment="Open while now < expires_at."),
    Column("changed_at", BigInteger, nullable=False),
    UniqueConstraint("system", "key"),
    comment="What agencies have asked citizens to agree to.",
)

Index("consent_request_inbox", consent_request.c.person, consent_request.c.organisation)
Index("consent_request_rate", consent_request.c.organisation, consent_request.c.made_at)
Index(
    "consent_request_open",
    consent_request.c.asked_as,
    consent_request.c.organisation,
    consent_request.c.service,
    unique=True,
    sqlite_where=text("state IN ('requested', 'deferred')"),
    postgresql_where=text("state IN ('requested', 'deferred')"),
)

consent_authority = Table(
    "consent_authority",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7."),
    Column("person", String(64), nullable=False, index=True, comment="Opaque id of whom it is about."),
    Column("holder", String(64), nullable=False, index=True, comment="Opaque id of who may decide."),
    Column("content", LargeBinary, nullable=False, comment="JSON: basis, scope, evidence, times, state."),
    Column("changed_at", BigInteger, nullable=False, comment="Seconds since 1970, UTC."),
    comment="Who may decide for whom, on what ground and within which bounds.",
)

consent_assessment = Table(
    "consent_assessment",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7."),
    Column("person", String(64), nullable=False, index=True),
    Column("content", LargeBinary, nullable=False, comment="JSON: kind, outcome, scope, by whom, from and until."),
    comment="Whether somebody was found able to decide: capacity (MCA 2005), Gillick competence.",
)

consent_concealment = Table(
    "consent_concealment",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7."),
    Column("person", String(64), nullable=False, index=True),
    Column("content", LargeBinary, nullable=False, comment="JSON: from whom, which categories, since, until."),
    comment="What a proxy must not see: no row, no count, no notice.",
)

consent_ending = Table(
    "consent_ending",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7."),
    Column("person", String(64), nullable=False, index=True, comment="Opaque id of whom it is about."),
    Column("holder", String(64), nullable=False, index=True, comment="Who may decide; empty for a consent."),
    Column("about", String(36), nullable=False, comment="Id of the event that gave the consent, or the authority."),
    Column("ends_at", BigInteger, nullable=False, comment="Seconds since 1970, UTC."),
    Column("days", Integer, nullable=False, comment="How many days before the end it was told, at the latest."),
    Column("content", LargeBinary, nullable=False, comment="JSON: what ends."),
    Column("at", BigInteger, nullable=False, comment="When it was told; seconds since 1970, UTC."),
    UniqueConstraint("about", "ends_at", "days"),
    comment="Who was told that a consent or an authority will end.",
)

consent_sweep = Table(
    "consent_sweep",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("place", LargeBinary, nullable=False, comment="JSON: after which key, and when the round began."),
    comment="How far the looking through for what will end has come.",
)

consent_erasure = Table(
    "consent_erasure",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7 of the entry that tells of it."),
    Column("person", String(64), nullable=False, comment="Opaque id of whose decisions; emptied when done."),
    Column("told", Text, nullable=False, comment="What the entry says, as JSON: reason, authority, officers."),
    Column("done", BigInteger, nullable=False, comment="Seconds since 1970, UTC; 0 while it is to be done."),
    comment="Erasures of decisions: written before their entry, so that a crash leaves none half done.",
)

consent_proof = Table(
    "consent_proof",
    metadata,
    Column("id", String(36), primary_key=True, comment="UUIDv7 of the erasure."),
    Column("key", String(36), nullable=False, comment="Id of the data key (log.data_key) that seals it."),
    Column("sealed", LargeBinary, nullable=False, comment="Nonce and ciphertext of the links that were erased."),
    comment="What was decided before an erasure, sealed: proof (UK GDPR Article 7(1)) until its key goes.",
)

APPEND_ONLY = ("consent_event", "consent_words", "consent_terms")

ERASED_ID = "x"
"""An event that was erased has this and the beginning of its hash in the place of its id, which tells the time."""

_SAME = "NEW.person = OLD.person AND NEW.seq = OLD.seq AND NEW.hash = OLD.hash"
_GONE = "NEW.kind = '' AND NEW.organisation = '' AND NEW.purpose = '' AND NEW.at = 0 AND length(NEW.link) = 0"
_TOLD = (
    "EXISTS (SELECT 1 FROM consent_event AS later WHERE later.person = OLD.person AND later.seq > OLD.seq "
    "AND later.kind = 'erased')"
)
ERASES = f"{_SAME} AND {_GONE} AND {_TOLD}"
"""What a change of an event must be to be let through: it takes out what the event said, and an erasure says so."""

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

REFUSE_FUNCTION = """
CREATE OR REPLACE FUNCTION consent_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'consent: % is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""


def erase_only(dialect: str) -> list[str]:
    """The statements that make a store refuse every change of an event but its erasure."""
    if dialect == "postgresql":
        return [
            REFUSE_FUNCTION,
            ERASE_FUNCTION,
            "CREATE TRIGGER consent_event_append_only BEFORE UPDATE OR DELETE ON consent_event "
            "FOR EACH ROW EXECUTE FUNCTION consent_erase_only()",
            "CREATE TRIGGER consent_event_not_emptied BEFORE TRUNCATE ON consent_event "
            "FOR EACH STATEMENT EXECUTE FUNCTION consent_append_only()",
        ]
    refuse = "BEGIN SELECT RAISE(ABORT, 'consent: consent_event is append-only'); END"
    return [
        f"CREATE TRIGGER consent_event_no_update BEFORE UPDATE ON consent_event WHEN NOT ({ERASES}) {refuse}",
        f"CREATE TRIGGER consent_event_no_delete BEFORE DELETE ON consent_event {refuse}",
    ]


def append_only(table: str, dialect: str) -> list[str]:
    """The statements that make a store refuse to change or remove a row of `table`."""
    if table == consent_event.name:
        return erase_only(dialect)
    if dialect == "postgresql":
        return [
            REFUSE_FUNCTION,
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION consent_append_only()",
        ]
    return [
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'consent: {table} is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def _guard(table: Table, connection: Connection, **_: object) -> None:
    for statement in append_only(table.name, connection.dialect.name):
        connection.execute(text(statement))


for _table in (consent_event, consent_words, consent_terms):
    event.listen(_table, "after_create", _guard)
