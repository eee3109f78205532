# SPDX-License-Identifier: Apache-2.0
"""Writes the next step of the schema's history: the difference between its head and today's tables.

    make migration NAME="a sentence that says what changes"

The draft is Alembic's; read it, and add what it cannot see (triggers, functions, data).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from gateway import db, migrate


def main(sentence: str) -> None:
    """Draft a step against an SQLite database at the head."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'commons.db'}"
        migrate.upgrade(url)
        engine = db.connect(url)
        number = f"{int(migrate.head() or 0) + 1:04}"
        with db.write(engine) as connection:
            command.revision(migrate.config(connection), sentence, autogenerate=True, rev_id=number)
        engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1])
