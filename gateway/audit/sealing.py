# SPDX-License-Identifier: Apache-2.0
"""Sealing what an entry commits to: AES-256-GCM under a key per subject, organisation and retention class.

Each data key is wrapped (RFC 3394) by the seal key, which is in no database. Whoever deletes a data key has
erased everything under it, while the log and all proofs stay as they are. The table finds a subject's keys by a
keyed digest, so that the database alone does not tell who asked about whom.
"""

from __future__ import annotations

import hmac
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import uuid_utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from gateway.audit.store import DataKeyRow

NONCE = 12
RETENTION = "access-8y"
"""The only retention class so far: eight years, as most adult health records."""

ACTOR = "actor"

KeyName = tuple[str, str]
"""Whose data key: (subject, organisation). Staff have one per organisation, as the subject ACTOR; citizens one per
organisation that asks."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key ready for use, and its id in the table."""

    id: str
    cipher: AESGCM = field(repr=False)

    def seal(self, nonce: bytes, bound: bytes, content: bytes) -> bytes:
        """Nonce (NONCE random bytes, never used before) and ciphertext; `bound` says where it belongs, and it opens
        nowhere else."""
        return nonce + self.cipher.encrypt(nonce, content, bound)

    def open(self, bound: bytes, sealed: bytes) -> bytes:
        """What was sealed. Raises cryptography.exceptions.InvalidTag."""
        return self.cipher.decrypt(sealed[:NONCE], sealed[NONCE:], bound)


class SealKey:
    """The key that is in no database: wraps data keys and blinds the names they are found by."""

    def __init__(self, key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        self._key = key
        self._index = HKDF(SHA256(), 32, None, b"commons log data_key v1").derive(key)
        self._random = random

    def row_name(self, name: KeyName) -> tuple[str, str, str]:
        """Subject (blinded), organisation and retention class, as they stand in the table."""
        subject, organisation = name
        return hmac.digest(self._index, subject.encode(), "sha256").hex(), organisation, RETENTION

    def make(self, name: KeyName) -> tuple[DataKey, DataKeyRow]:
        """A new data key, and its row."""
        raw, id_ = self._random(32), str(uuid_utils.uuid7())
        return DataKey(id_, AESGCM(raw)), DataKeyRow(id_, *self.row_name(name), aes_key_wrap(self._key, raw))

    def unwrap(self, id_: str, wrapped: bytes) -> DataKey:
        """A stored data key. Raises cryptography.hazmat.primitives.keywrap.InvalidUnwrap."""
        return DataKey(id_, AESGCM(aes_key_unwrap(self._key, wrapped)))


def bound(origin: str, event: str, part: str) -> bytes:
    """The additional data of a seal: log, event and part (`actor` or `subject`)."""
    return f"{origin}\x00{event}\x00{part}".encode()


class Held:
    """Data keys in memory, known to be stored; bounded, and the one used longest ago goes first."""

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
