# SPDX-License-Identifier: Apache-2.0
"""Seals the groups of a batch: finds the data keys, makes those that are not there yet."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gateway.audit import sealing
from gateway.audit.leaf import Draft, Leaf
from gateway.audit.sealing import DataKey, Held, KeyName, SealKey
from gateway.audit.store import DataKeyRow, PayloadRow, Store

Keys = dict[KeyName, DataKey]


class Sealer:
    """Seals for one log; holds the data keys that it knows to be stored."""

    def __init__(self, seal_key: SealKey) -> None:
        self._seal_key = seal_key
        self._held = Held()

    def forget(self) -> None:
        """Read all data keys anew: one that is held may have been erased, or may not be there."""
        self._held = Held()

    def keep(self, keys: Keys, made: Sequence[KeyName]) -> None:
        """The keys that were made are durable."""
        for name in made:
            self._held.keep(name, keys[name])

    async def keys(self, store: Store, drafts: Sequence[Draft]) -> tuple[Keys, dict[KeyName, DataKeyRow]]:
        """Every data key that the drafts need, and the rows of those that had to be made. Raises StoreError."""
        names: set[KeyName] = set()
        for draft in drafts:
            if draft.actor:
                names.add(_staff(draft))
            if draft.others or draft.subject:
                names.add(_citizen(draft))
        keys = {name: key for name in names if (key := self._held.get(name))}
        made: dict[KeyName, DataKeyRow] = {}
        if missing := {self._seal_key.row_name(name): name for name in names if name not in keys}:
            for row_name, row in (await store.data_keys(list(missing))).items():
                keys[missing[row_name]] = self._seal_key.unwrap(row.id, row.wrapped)
                self._held.keep(missing[row_name], keys[missing[row_name]])
            for name in missing.values():
                if name not in keys:
                    keys[name], made[name] = self._seal_key.make(name)
        return keys, made


def payloads(
    origin: str, start: int, drafts: Sequence[Draft], leaves: Sequence[Leaf], keys: Keys
) -> list[PayloadRow]:
    """What is sealed of each entry; `start` is the place of the first."""
    width = sealing.NONCE
    nonces = os.urandom(2 * width * len(drafts))  # one call: each costs as much as a seal
    rows: list[PayloadRow] = []
    for n, (draft, leaf) in enumerate(zip(drafts, leaves, strict=True)):
        at = 2 * width * n
        actor_key = actor = subject_key = subject = None
        if leaf.actor:
            key, belongs = keys[_staff(draft)], sealing.bound(origin, draft.id, "actor")
            actor_key, actor = key.id, key.seal(nonces[at : at + width], belongs, leaf.actor)
        if leaf.subject:
            key, belongs = keys[_citizen(draft)], sealing.bound(origin, draft.id, "subject")
            subject_key, subject = key.id, key.seal(nonces[at + width : at + 2 * width], belongs, leaf.subject)
        rows.append(PayloadRow(start + n, actor_key, actor, subject_key, subject))
    return rows


def _staff(draft: Draft) -> KeyName:
    return sealing.ACTOR, draft.organisation, draft.staff_period


def _citizen(draft: Draft) -> KeyName:
    return draft.subject_key, draft.organisation, draft.period
