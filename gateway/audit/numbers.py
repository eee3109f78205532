# SPDX-License-Identifier: Apache-2.0
"""The numbers that make an omission show: inclusion proofs tell what is in a log, not that nothing was left out.

Every entry about a citizen has a number among those of one organisation, 1, 2, 3 …, hidden in the sealed subject
group; every entry of an organisation has one in the clear. Both go on from year to year. A citizen who is shown all
that is said of them, and an organisation that keeps its receipts, sees a gap.

They are given under the log's lock. What was given last is held in memory, and good for as long as nobody else
wrote to the log: `forget` is called when the head is not where we left it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from msgspec import Struct

from gateway.audit.leaf import Draft
from gateway.audit.sealing import SealKey
from gateway.audit.store import CountRow, Store, SubjectRow

MOST = 50_000
"""Citizens whose last number is held."""

Name = tuple[str, str]
"""A person and the organisation whose entries about them are counted."""


class Assigned(Struct):
    """Numbers for each draft of a batch: among its citizen's entries, and among its organisation's; 0: it has none.
    `people` and `organisations` are how far they then have come."""

    numbers: list[tuple[int, int]]
    people: dict[Name, int]
    organisations: dict[str, int]


class Numbers:
    """Gives the numbers of one log."""

    def __init__(self, seal_key: SealKey) -> None:
        self._seal_key = seal_key
        self._people: OrderedDict[Name, int] = OrderedDict()
        self._organisations: dict[str, int] = {}
        self._short: OrderedDict[str, bytes] = OrderedDict()

    def forget(self) -> None:
        """Read all anew: somebody else wrote, or what we wrote may not have come to be."""
        self._people.clear()
        self._organisations.clear()

    async def assign(self, store: Store, drafts: Sequence[Draft]) -> Assigned:
        """The numbers of a batch; the store's transaction is open. Raises StoreError."""
        await self._look_up(store, drafts)
        people: dict[Name, int] = {}
        organisations: dict[str, int] = {}
        numbers: list[tuple[int, int]] = []
        for draft in drafts:
            number = count = 0
            organisation = draft.organisation
            if draft.numbered:
                name = (draft.subject_key, organisation)
                number = people[name] = (people.get(name) or self._people[name]) + 1
            if organisation:
                last = organisations.get(organisation) or self._organisations[organisation]
                count = organisations[organisation] = last + 1
            numbers.append((number, count))
        return Assigned(numbers, people, organisations)

    def keep(self, assigned: Assigned) -> None:
        """What was assigned is durable."""
        self._organisations.update(assigned.organisations)
        for name, number in assigned.people.items():
            self._people[name] = number
            self._people.move_to_end(name)
        while len(self._people) > MOST:
            self._people.popitem(last=False)

    def rows(self, drafts: Sequence[Draft], assigned: Assigned, start: int) -> list[SubjectRow]:
        """The rows by which a citizen's entries are found; `start` is the place of the first draft."""
        return [
            SubjectRow(
                self._blinded(draft.subject_key),
                draft.organisation,
                number,
                start + n,
                draft.type,
                draft.purpose,
                draft.at_ms,
            )
            for n, (draft, (number, _)) in enumerate(zip(drafts, assigned.numbers, strict=True))
            if number
        ]

    @staticmethod
    def counts(assigned: Assigned) -> list[CountRow]:
        """The organisations' new counts, in one order for all writers."""
        return [CountRow(organisation, count) for organisation, count in sorted(assigned.organisations.items())]

    async def _look_up(self, store: Store, drafts: Sequence[Draft]) -> None:
        people = {
            (self._blinded(draft.subject_key), draft.organisation): (draft.subject_key, draft.organisation)
            for draft in drafts
            if draft.numbered and (draft.subject_key, draft.organisation) not in self._people
        }
        organisations = {d.organisation for d in drafts if d.organisation} - self._organisations.keys()
        if not people and not organisations:
            return
        found = await store.counted(list(people), sorted(organisations))
        for blinded, name in people.items():
            self._people[name] = found.subjects.get(blinded, 0)
        for organisation in organisations:
            self._organisations[organisation] = found.organisations.get(organisation, 0)

    def _blinded(self, person: str) -> bytes:
        blinded = self._short.get(person)
        if blinded is None:
            blinded = self._short[person] = self._seal_key.short(person)
            if len(self._short) > MOST:
                self._short.popitem(last=False)
        return blinded
