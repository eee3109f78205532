# SPDX-License-Identifier: Apache-2.0
"""Entries that a citizen is not shown until a date: a criminal inquiry, the safety of somebody else.

An embargo hides nothing from the log. The entry is in its tree from the first moment, and when the embargo ends the
citizen can prove that it had been there all along. An embargo counts only once the entry that tells of it is in the
log, so that nobody can hide anything in silence; it ends by itself, since it always has a date.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from gateway.audit.tables import embargo, entry


def prepare(connection: Connection, id: str, entries: Sequence[str], until_s: int) -> None:
    """Write an embargo down: it holds once the log has the entry of this id. `until_s`: seconds since 1970."""
    connection.execute(insert(embargo), [{"id": id, "entry": one, "until_s": until_s} for one in entries])


def lift(connection: Connection, id: str, now_s: int) -> bool:
    """End an embargo before its date; False when there is none of that id that still holds."""
    holds = (embargo.c.id == id, embargo.c.lifted_s == 0, embargo.c.until_s > now_s)
    return connection.execute(update(embargo).where(*holds).values(lifted_s=now_s)).rowcount > 0


def holds(connection: Connection, id: str, now_s: int) -> bool:
    """Whether an embargo of that id holds now."""
    wanted = (embargo.c.id == id, embargo.c.lifted_s == 0, embargo.c.until_s > now_s)
    return connection.execute(select(embargo.c.entry).where(*wanted)).first() is not None


def hidden(connection: Connection, entries: Sequence[str], now_s: int) -> frozenset[str]:
    """Those of these entries that their citizens are not shown now."""
    query = (
        select(embargo.c.entry)
        .join(entry, entry.c.id == embargo.c.id)
        .where(embargo.c.entry.in_(entries), embargo.c.lifted_s == 0, embargo.c.until_s > now_s)
    )
    return frozenset(connection.execute(query).scalars()) if entries else frozenset()
