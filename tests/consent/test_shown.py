# SPDX-License-Identifier: Apache-2.0
"""The words that citizens were shown are found by the hash that stands in their consent."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.exc import DBAPIError

from consent import shown
from consent.errors import LedgerCorrupt
from consent.shown import Format, Shown
from consent.tables import consent_words
from gateway import db
from tests.consent.decisions import NOON

WELSH = Shown(
    "dsa-2026-014", "Rhyddhau cydgysylltiedig o'r ysbyty: tŷ a gofal.", NOON, "cy", Format.EASY_READ, "ab" * 32
)


def test_words_are_kept_once_and_found_by_their_hash(engine: Engine) -> None:
    with db.write(engine) as connection:
        hashes = {shown.keep(connection, WELSH), shown.keep(connection, WELSH)}
    assert hashes == {hashlib.sha256(WELSH.words.encode()).hexdigest()}
    with db.read(engine) as connection:
        assert shown.find(connection, hashes.pop()) == WELSH
        assert shown.find(connection, "00" * 32) is None


def test_words_are_not_changed_and_if_they_were_it_shows(engine: Engine) -> None:
    with db.write(engine) as connection:
        shown.keep(connection, WELSH)
    other = update(consent_words).values(words=b"other words")
    with pytest.raises(DBAPIError, match="consent_words is append-only"), db.write(engine) as connection:
        connection.execute(other)
    with db.write(engine) as connection:
        on = "_append_only ON consent_words" if engine.dialect.name == "postgresql" else "_no_update"
        connection.execute(text(f"DROP TRIGGER consent_words{on}"))
        connection.execute(other)
        with pytest.raises(LedgerCorrupt):
            shown.find(connection, WELSH.hash)
