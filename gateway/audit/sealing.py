# SPDX-License-Identifier: Apache-2.0
"""Sealing what an entry commits to: AES-256-GCM under a key per subject, organisation and retention class.

Each data key is wrapped (RFC 3394) by the seal key, which is in no database. Whoever deletes a data key has
erased everything under it, while the log and all proofs stay as they are.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import NamedTuple

import uuid_utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

NONCE = 12
RETENTION = "access-8y"
"""The only retention class so far: eight years, as most adult health records."""

ACTOR = "actor"


class KeyName(NamedTuple):
    """What a data key is for."""

    subject: str
    organisation: str
    retention: str = RETENTION


class DataKey(NamedTuple):
    """A data key ready for use, and its id in the table."""

    id: str
    cipher: AESGCM


def name_of(part: str, organisation: str, subject: str) -> KeyName:
    """Whose key seals a part: staff have one per organisation, citizens one per organisation that asks."""
    return KeyName(ACTOR if part == "actor" else subject, organisation)


def new(seal_key: bytes) -> tuple[DataKey, bytes]:
    """A new data key, and how it is stored."""
    raw = os.urandom(32)
    return DataKey(str(uuid_utils.uuid7()), AESGCM(raw)), aes_key_wrap(seal_key, raw)


def unwrap(seal_key: bytes, id: str, wrapped: bytes) -> DataKey:
    """A stored data key. Raises cryptography.hazmat.primitives.keywrap.InvalidUnwrap."""
    return DataKey(id, AESGCM(aes_key_unwrap(seal_key, wrapped)))


def seal(key: DataKey, origin: str, event: str, part: str, content: bytes) -> bytes:
    """Nonce and ciphertext; bound to the log, the event and the part, so that it opens nowhere else."""
    nonce = os.urandom(NONCE)
    return nonce + key.cipher.encrypt(nonce, content, _bound(origin, event, part))


def open_(key: DataKey, origin: str, event: str, part: str, sealed: bytes) -> bytes:
    """What was sealed. Raises cryptography.exceptions.InvalidTag."""
    return key.cipher.decrypt(sealed[:NONCE], sealed[NONCE:], _bound(origin, event, part))


def _bound(origin: str, event: str, part: str) -> bytes:
    return f"{origin}\x00{event}\x00{part}".encode()


class Held:
    """Data keys in memory, bounded; the one used longest ago goes first."""

    def __init__(self, most: int = 20_000) -> None:
        self._keys: OrderedDict[KeyName, DataKey] = OrderedDict()
        self._most = most

    def get(self, name: KeyName) -> DataKey | None:
        """The key, if it is held."""
        key = self._keys.get(name)
        if key is not None:
            self._keys.move_to_end(name)
        return key

    def keep(self, name: KeyName, key: DataKey) -> None:
        """Hold a key that is known to be stored."""
        self._keys[name] = key
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)
