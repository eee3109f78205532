# SPDX-License-Identifier: Apache-2.0
"""Telling before something ends: who is concerned finds it among their notices, the recipient gets a signed one.

All records are looked through again and again, some each round, from where the last round stopped; so nothing has
to happen at the exact moment, and a gateway that was down goes on. Before it is told, each end is looked at anew
under the lock of the person's chain: a withdrawal that was acknowledged is followed by no notice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from msgspec import Struct
from sqlalchemy import Connection, Engine, select

from consent import authorities, encoding, ending, endings, ledger
from consent.concealment import may_see
from consent.ending import AuthorityEnding, ConsentEnding, Ending, Why
from consent.endings import Notice, Place
from consent.errors import LedgerCorrupt
from consent.ledger import Key
from consent.receipts import instant
from consent.words import By
from gateway import db
from gateway.consents.authority import Authorities
from gateway.identity.sealing import PersonKeys
from gateway.identity.tables import system
from gateway.notices import outbox

log = logging.getLogger("commons.consents")

KIND = "consent.ending"
"""Kind of the webhook to the recipient."""

AT_ONCE = 2000
"""Records looked through in one sweep. With one every 30 s (`chasing.EVERY_S`) five million take some 21 hours."""

REST_S = 3600
"""Seconds from the beginning of one round through everything to the next, at the least."""


class Told(Struct, frozen=True, kw_only=True):
    """One end, as whoever is concerned reads it; times in seconds since 1970. `days`: how long before the end it
    was told. `authority`: its id, where it is one; `event`: the decision, where it is a consent."""

    kind: str
    sentence: str
    ends_at: int
    days: int
    told_at: int
    by: By
    event: str = ""
    agreement: str = ""
    organisation: str = ""
    purpose: str = ""
    categories: tuple[str, ...] = ()
    authority: str = ""
    held_by_you: bool = False
    why: Why = Why.END


_SENTENCES = {
    Why.END: "ends by itself on that day.",
    Why.REVIEW: "rests from that day until somebody has looked at it again.",
    Why.OF_AGE: "ends on that day: the person turns 18.",
}


class Expiring:
    """Reads and writes the database: call it from a thread. `clock`: epoch seconds."""

    def __init__(
        self,
        engine: Engine,
        keys: PersonKeys,
        authorities: Authorities,
        clock: Callable[[], float] = time.time,
        at_once: int = AT_ONCE,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._authorities = authorities
        self._clock = clock
        self._at_once = at_once

    def sweep(self) -> int:
        """Look through the next records and authorities; gives how many notices were written."""
        return self._sweep_consents() + self._sweep_authorities()

    def notices(self, person: str, viewer: str = "") -> list[Told]:
        """What `person` was told of and what still is so, as `viewer` (opaque id; empty for the person) may see it.
        Somebody who acts for the person sees the ends of consents, without what is kept from such people; of
        authorities only the person and who holds one are told."""
        now = self._now()
        with db.read(self._engine) as connection:
            about = _newest(endings.about(connection, person))
            standing = _standing(connection, person, now)
            if viewer not in ("", person):
                subject = self._authorities.subject(connection, person)
                hidden = self._authorities.hidden(connection, person)
                return [
                    _consent(one, found)
                    for one in about
                    if isinstance(found := standing.get(_key(one.ending)), ConsentEnding)
                    and may_see(subject, hidden, viewer, found.matter, now, own=found.by is By.SELF)
                ]
            held = _newest(endings.to_holder(connection, person))
            standing |= {
                key: found
                for one in held
                for key, found in _lapsing(connection, one.ending.person, now).items()
                if key == _key(one.ending)
            }
        return [_told(one, found, person) for one in (*about, *held) if (found := standing.get(_key(one.ending)))]

    # -- inside -------------------------------------------------------------------------------------------

    def _sweep_consents(self) -> int:
        now = self._now()
        with db.read(self._engine) as connection:
            before = endings.place(connection, "consents")
            if _rests(before, now):
                return 0
            batch = endings.standings(connection, before.after, self._at_once)
            wanted = [key for key, stored in batch if self._any(connection, key, stored, now)]
        told = 0
        for key in wanted:
            with db.write(self._engine) as connection:
                ledger.hold(connection, key[0])
                standing = ledger.standing(connection, *key).by_category
                for one in ending.consents(*key, standing, now):
                    told += self._tell(connection, one, _due(connection, one, now), now)
        self._move("consents", before, [key for key, _ in batch], now)
        return told

    def _sweep_authorities(self) -> int:
        now = self._now()
        with db.read(self._engine) as connection:
            before = endings.place(connection, "authorities")
            if _rests(before, now):
                return 0
            batch = endings.people(connection, before.after, self._at_once)
            wanted = [
                person
                for person in batch
                if any(_due(connection, one, now) for one in _lapsing(connection, person, now).values())
            ]
        told = 0
        for person in wanted:
            with db.write(self._engine) as connection:
                ledger.hold(connection, person)
                for one in _lapsing(connection, person, now).values():
                    told += self._tell(connection, one, _due(connection, one, now), now)
        self._move("authorities", before, [(person,) for person in batch], now)
        return told

    def _any(self, connection: Connection, key: Key, stored: bytes, now: int) -> bool:
        try:
            found = ending.consents(*key, encoding.decode(stored), now)
        except LedgerCorrupt:  # the others still have to be told; queries about this one are refused
            log.error("a record cannot be read, so nobody is told of its end: `commons consent rebuild`")
            return False
        return any(_due(connection, one, now) for one in found)

    def _tell(self, connection: Connection, one: Ending, days: int, now: int) -> int:
        if not days:
            return 0
        notice = endings.tell(connection, one, days, now)
        if isinstance(one, ConsentEnding):
            self._send(connection, notice, one, now)
        return 1

    def _send(self, connection: Connection, notice: Notice, one: ConsentEnding, now: int) -> None:
        payload = {
            "id": notice.id,
            "subject": self._keys.handle(one.organisation, one.person),
            "agreement": one.agreement,
            "purpose": one.purpose,
            "categories": list(one.categories),
            "ends_at": instant(one.ends_at),
            "days": notice.days,
        }
        of_recipient = select(system.c.id).where(system.c.organisation == one.organisation, system.c.active)
        for row in connection.execute(of_recipient).all():
            outbox.enqueue(connection, row.id, KIND, payload, now=now)

    def _move(self, name: str, before: Place, keys: Sequence[tuple[str, ...]], now: int) -> None:
        began = before.began if before.after else now
        after = keys[-1] if len(keys) == self._at_once else ()
        with db.write(self._engine) as connection:
            endings.move(connection, name, before, Place(after, began))

    def _now(self) -> int:
        return int(self._clock())


def _rests(place: Place, now: int) -> bool:
    """Whether a round is over and the next has to wait; not for ever after a clock was set back."""
    return not place.after and place.began <= now < place.began + REST_S


def _due(connection: Connection, one: Ending, now: int) -> int:
    """How many days before its end something is to be told of now and was not yet; 0 for not now."""
    days = ending.due(0, one.ends_at, now)
    if not days or endings.was_told(connection, one, days):
        return 0
    return ending.due(_begun(connection, one), one.ends_at, now)


def _begun(connection: Connection, one: Ending) -> int:
    """When the span began that ends then: a consent when it was given, a time until review with the last one."""
    if isinstance(one, ConsentEnding):
        event = ledger.find(connection, one.about)
        return event.at if event else 0
    if one.why is Why.REVIEW:
        return endings.changed_at(connection, one.about)
    held = authorities.find(connection, one.about)
    return held.since if held else 0


def _lapsing(connection: Connection, person: str, now: int) -> dict[tuple[str, int], AuthorityEnding]:
    held = authorities.subject(connection, person).authorities
    return {_key(one): one for one in ending.authorities(held, now)}


def _standing(connection: Connection, person: str, now: int) -> dict[tuple[str, int], Ending]:
    """Everything about a person that will end, as it stands."""
    found: dict[tuple[str, int], Ending] = dict(_lapsing(connection, person, now))
    for (organisation, purpose), standing in ledger.projection(connection, person).items():
        found |= {_key(one): one for one in ending.consents(person, organisation, purpose, standing, now)}
    return found


def _key(one: Ending) -> tuple[str, int]:
    return one.about, one.ends_at


def _newest(notices: list[Notice]) -> list[Notice]:
    """Of several notices of the same end the last."""
    return list({_key(one.ending): one for one in notices}.values())


def _told(notice: Notice, found: Ending, reader: str) -> Told:
    if isinstance(found, ConsentEnding):
        return _consent(notice, found)
    yours = found.holder == reader
    whose = "What you may decide for somebody else" if yours else "What somebody may decide for you"
    return Told(
        kind="authority",
        sentence=f"{whose} {_SENTENCES[found.why]}",
        ends_at=found.ends_at,
        days=notice.days,
        told_at=notice.at,
        by=found.by,
        authority=found.about,
        held_by_you=yours,
        why=found.why,
    )


def _consent(notice: Notice, found: ConsentEnding) -> Told:
    return Told(
        kind="consent",
        sentence="This consent ends by itself on that day. To go on, agree again; to stop, do nothing.",
        ends_at=found.ends_at,
        days=notice.days,
        told_at=notice.at,
        by=found.by,
        event=found.about,
        agreement=found.agreement,
        organisation=found.organisation,
        purpose=found.purpose,
        categories=found.categories,
    )
