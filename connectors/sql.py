# SPDX-License-Identifier: Apache-2.0
"""The only way out to a database: a role that can only read, over the manifest's views, with bound parameters.

Statements are SQLAlchemy Core selects, compiled once. On PostgreSQL all statements of one read go out in one
round trip on libpq's own pipeline (`connectors/postgres.py`): measured at 3 statements a read, 28 µs of CPU against
240 with psycopg's cursors and 450 with an SQLAlchemy engine in threads. Every other database is reached through an
SQLAlchemy engine in threads of its own. Neither holds the event loop, and a read that reaches its deadline leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql

from connectors.base import Read
from connectors.manifest import Manifest
from connectors.mapping import CategoryPlan

Row = dict[str, Any]


class Statement(Struct, frozen=True, eq=False):
    """One select over one view. `text` has `$1` for the key and `$2` for since, when it takes one."""

    select: sa.Select[Any]
    columns: tuple[str, ...]
    takes_since: bool
    integer_key: bool
    name: str
    text: bytes


class Bound(Struct, frozen=True):
    """A statement and what it is asked with."""

    statement: Statement
    key: str
    since: str

    def __repr__(self) -> str:
        return "Bound(…)"


class Progress(Struct):
    """Whether the database had begun to answer, and the bytes it sent."""

    begun: bool = False
    bytes: int = 0


class SqlWay(Protocol):
    """One source's database, for one event loop."""

    async def run(self, bound: Sequence[Bound], deadline: float, progress: Progress) -> list[list[Row]]:
        """The rows of each statement, all in one read-only transaction's worth of work. Raises `ReadError`, and
        `TimeoutError` never: the caller's own timeout cancels it. `deadline` also bounds the server's work."""
        ...

    async def probe(self) -> None:
        """SELECT 1 on a connection that proved it cannot write. Raises `ReadError`."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


class CategorySql:
    """One category over its view: the selects it needs, by grant."""

    def __init__(self, category: str, spec: Mapping[str, Any], manifest: Manifest, plan: CategoryPlan) -> None:
        """`spec` and `manifest` were checked: every column named is in the allow-list."""
        select = spec["select"]
        self.plan = plan
        self._category = category
        self._spec = spec
        self._select = select
        self._view = sa.table(
            select["view"],
            *(sa.column(name) for name in manifest.connect["views"][select["view"]]),
            schema=manifest.connect.get("schema"),
        )
        self._most = manifest.limits.max_records
        self._fixed = fixed_columns(spec)
        self._statements: dict[tuple[tuple[str, ...], bool], Statement] = {}

    def bound(self, read: Read) -> Bound:
        """The select of the granted fields' columns and of those the checks need, for one citizen."""
        since = read.since.get(self._category, "") if "since" in self._select else ""
        key = (read.wants[self._category], bool(since))
        statement = self._statements.get(key)
        if statement is None:
            statement = self._compiled(*key)
            if len(self._statements) < 256:
                self._statements[key] = statement
        return Bound(statement, read.identifier, since)

    def _compiled(self, granted: tuple[str, ...], since: bool) -> Statement:
        wanted = self._fixed | {
            column for rule in self._spec["fields"] if rule["to"] in granted for column in sources(rule)
        }
        names = tuple(column.name for column in self._view.columns if column.name in wanted)
        column = self._view.columns
        select = (
            sa.select(*(column[name] for name in names))
            .where(column[self._select["key"]] == sa.bindparam("key", type_=sa.types.NullType()))
            .limit(sa.literal_column(str(self._most + 1)))
        )
        if since:
            select = select.where(column[self._select["since"]] >= sa.bindparam("since", type_=sa.types.NullType()))
        for name in self._select.get("order_by", ()):
            select = select.order_by(column[name])
        text = str(select.compile(dialect=_DOLLARS))
        return Statement(
            select=select,
            columns=names,
            takes_since=since,
            integer_key=self._select.get("key_type") == "integer",
            name=f"{self._category}/{len(self._statements)}",
            text=text.encode(),
        )


# A bind without a type is written `$1` without a cast, so that the server takes the column's own type: a cast
# would keep it from using the index of a char(n) column.
_DOLLARS = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def sources(rule: Mapping[str, Any]) -> Sequence[str]:
    """The columns a rule reads."""
    found = rule.get("from", ())
    return (found,) if isinstance(found, str) else tuple(found)


def fixed_columns(spec: Mapping[str, Any]) -> frozenset[str]:
    """The columns a category needs whatever is granted: for the echo, the signs and the provenance."""
    select = spec["select"]
    places = [spec[name] for name in ("echo", "source_record", "version", "last_updated", "as_of") if name in spec]
    found = [place if isinstance(place, str) else place["from"] for place in places]
    superseded, restricted = spec.get("superseded", {}), spec.get("restricted", {})
    tests = [*spec.get("where", ()), *superseded.get("when", ()), *restricted.get("when", ())]
    found += [test["from"] for test in tests]
    found += [superseded[name] for name in ("asked_in", "replaced_by") if name in superseded]
    found += [select["key"], *select.get("order_by", ())]
    if "since" in select:
        found.append(select["since"])
    return frozenset(found)
