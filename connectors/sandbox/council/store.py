# SPDX-License-Identifier: Apache-2.0
"""Fills the council's database, and tells it how to misbehave."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg import sql

from connectors.sandbox.council.cluster import DATABASE, READER, Cluster
from connectors.sandbox.council.projection import Projection
from connectors.sandbox.person import Citizen
from connectors.sandbox.stories import Fault

_HERE = Path(__file__).parent
EVERYBODY = "*"


class CouncilStore:
    """A database being filled; `close` adds the keys, the reading role and the built-in faults."""

    def __init__(self, folder: Path, faults: Mapping[str, Fault]) -> None:
        self._cluster = Cluster(folder)
        self._faults = faults
        self._projection = Projection()
        self._cluster.make()
        self._cluster.start()
        with self._cluster.connect("postgres") as admin:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(DATABASE)))
            admin.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(READER), sql.Literal(self._cluster.password(READER))
                )
            )
        self._connection = self._cluster.connect()
        self._connection.execute((_HERE / "schema.sql").read_bytes())

    def add(self, citizens: Sequence[Citizen], digest: hashlib._Hash) -> None:
        """Writes the rows of those citizens and adds them to the digest."""
        for table, lines in self._projection.rows(citizens).items():
            if not lines:
                continue
            block = "".join(lines).encode()
            digest.update(block)
            copy = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier("CORE", table))
            with self._connection.cursor() as cursor, cursor.copy(copy) as stream:
                stream.write(block)

    def close(self) -> None:
        """Finishes the database and stops its server."""
        self._connection.execute((_HERE / "keys.sql").read_bytes())
        for identifier, fault in self._faults.items():
            set_fault(self._cluster, fault.mode, identifier, fault.delay_ms)
        self.abandon()

    def abandon(self) -> None:
        """Stops the server, finished or not."""
        self._connection.close()
        self._cluster.stop()


def set_fault(cluster: Cluster, mode: str, identifier: str = EVERYBODY, delay_ms: int = 0) -> None:
    """Makes the running database misbehave about one person reference, or about everybody.

    Modes: none, slow, drip (as slow), hang, fail, lie, garbage, stale (extracted
    `delay_ms` ago; for one reference only).
    """
    with cluster.connect() as connection:
        if mode == "none":
            connection.execute('DELETE FROM "SBX"."FAULT" WHERE "IDENTIFIER" = %s', [identifier])
            return
        connection.execute(
            'INSERT INTO "SBX"."FAULT" VALUES (%s, %s, %s) ON CONFLICT ("IDENTIFIER") '
            'DO UPDATE SET "MODE" = excluded."MODE", "DELAY_MS" = excluded."DELAY_MS"',
            [identifier, mode, delay_ms],
        )
