# SPDX-License-Identifier: Apache-2.0
"""The words that citizens were shown, kept by their hash: consent is to what was read, in the language and the form
in which it was read. ISO/IEC TS 27560 `privacy_notice` and `language`; ISO/IEC 29184 §5.2."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from consent.errors import LedgerCorrupt
from consent.tables import consent_words
from consent.words import EASY_READ, ENGLISH, WELSH


class Format(StrEnum):
    """How the words are written. Easy Read: short sentences beside pictures, for people with a learning
    disability."""

    STANDARD = "standard"
    EASY_READ = "easy-read"


FORMS: dict[str, Format] = {
    ENGLISH: Format.STANDARD,
    WELSH: Format.STANDARD,
    EASY_READ: Format.EASY_READ,
}
"""Form in which a notice is offered → how it is written."""


def format_of(language: str) -> Format:
    """How the words of a tag are written."""
    return FORMS.get(language, Format.STANDARD)


class Shown(Struct, frozen=True):
    """Words as they were shown. `revision`: SHA-256 of the revision of the agreement that they are about, empty
    where it is not known; `at`: when they were first shown, seconds since 1970."""

    agreement: str
    words: str
    at: int
    language: str = "en"
    format: Format = Format.STANDARD
    revision: str = ""

    @property
    def hash(self) -> str:
        """SHA-256 of the words in UTF-8, lower-case hexadecimal: the `notice_hash` of an event."""
        return hashlib.sha256(self.words.encode()).hexdigest()


_found = select(consent_words).where(consent_words.c.hash == bindparam("hash_"))


def keep(connection: Connection, shown: Shown) -> str:
    """Store words unless they are there; gives their hash. Never changes what is there; two citizens may be the
    first to read the same words at the same moment."""
    if connection.execute(_found, {"hash_": shown.hash}).first() is None:
        inserted = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = {
            "hash": shown.hash,
            "agreement": shown.agreement,
            "revision": shown.revision,
            "language": shown.language,
            "format": shown.format.value,
            "words": shown.words.encode(),
            "at": shown.at,
        }
        connection.execute(inserted(consent_words).values(row).on_conflict_do_nothing())
    return shown.hash


def find(connection: Connection, hash_: str) -> Shown | None:
    """The words of a hash, None if they were never kept. Raises LedgerCorrupt if they no longer have it."""
    row = connection.execute(_found, {"hash_": hash_}).first()
    if row is None:
        return None
    found = Shown(row.agreement, bytes(row.words).decode(), row.at, row.language, Format(row.format), row.revision)
    if found.hash != hash_:
        raise LedgerCorrupt
    return found
