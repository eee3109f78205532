# SPDX-License-Identifier: Apache-2.0
"""Sealing what an entry commits to: AES-256-GCM under a key per subject, organisation and retention class.

Each data key is wrapped (RFC 3394) by a wrapping key, which is in no database. Whoever deletes a data key has
erased everything under it, while the log and all proofs stay as they are; and when the wrapping key is changed and
the old one destroyed, no backup brings it back. The table finds a subject's keys by a keyed digest, so that the
database alone does not tell who asked about whom.
"""

from __future__ import annotations

import hmac
import os
import time
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
KEY_ID = 4
SHORT = 16

LOOK_S = 5.0
"""Seconds after which a wrapping key that was added is used by every running gateway."""

ACTOR = "actor"

KeyName = tuple[str, str, str]
"""Whose data key: (subject, organisation, retention period). Staff have one per organisation, as the subject ACTOR;
citizens one per organisation that asks; both a new one for each period (`retention.py`)."""


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


class WrapKeyGone(Exception):  # noqa: N818  # a condition of a stored key, told as it is met
    """A data key is wrapped by a key that was destroyed: it comes from before an erasure."""


class SealKey:
    """The keys that are in no database: they wrap data keys and blind the names these are found by.

    `blind` is stable; `wraps` reads id (4 bytes) → wrapping key, the newest last, and is asked again when an id is
    unknown or LOOK_S have passed. A wrapped key is stored as the id and the RFC 3394 wrap.
    """

    def __init__(
        self, blind: bytes, wraps: Callable[[], dict[bytes, bytes]], random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._index = HKDF(SHA256(), 32, None, b"commons log data_key v1").derive(blind)
        self._wraps = wraps
        self._random = random
        self.look()

    def look(self) -> None:
        """Read the wrapping keys again."""
        self._keys = self._wraps()
        self._read_at = time.monotonic()

    def blind(self, subject: str) -> str:
        """The keyed digest (hexadecimal) that stands for a subject in the log's tables."""
        return hmac.digest(self._index, subject.encode(), "sha256").hex()

    def short(self, subject: str) -> bytes:
        """The first 16 bytes of the same digest, as `log.subject_entry` has it: there is a row for every entry."""
        return hmac.digest(self._index, subject.encode(), "sha256")[:SHORT]

    def row_name(self, name: KeyName) -> tuple[str, str, str]:
        """Subject (blinded), organisation and retention period, as they stand in the table."""
        subject, organisation, period = name
        return self.blind(subject), organisation, period

    def make(self, name: KeyName) -> tuple[DataKey, DataKeyRow]:
        """A new data key, and its row."""
        raw, id_ = self._random(32), str(uuid_utils.uuid7())
        return DataKey(id_, AESGCM(raw)), DataKeyRow(id_, *self.row_name(name), self.wrap(raw))

    def wrap(self, raw: bytes) -> bytes:
        """A data key (32 bytes) under the newest wrapping key."""
        if time.monotonic() - self._read_at > LOOK_S:
            self.look()
        newest = next(reversed(self._keys))
        return newest + aes_key_wrap(self._keys[newest], raw)

    def unwrap(self, id_: str, wrapped: bytes) -> DataKey:
        """A stored data key. Raises WrapKeyGone, cryptography.hazmat.primitives.keywrap.InvalidUnwrap."""
        return DataKey(id_, AESGCM(self.raw(wrapped)))

    def raw(self, wrapped: bytes) -> bytes:
        """The bytes (32) of a stored data key. Raises as `unwrap`."""
        key = wrapped[:KEY_ID]
        if key not in self._keys:
            self.look()
        if key not in self._keys:
            raise WrapKeyGone
        return aes_key_unwrap(self._keys[key], wrapped[KEY_ID:])

    def is_newest(self, wrapped: bytes) -> bool:
        """Whether a stored data key is under the newest wrapping key."""
        return wrapped[:KEY_ID] == next(reversed(self._keys))


def bound(origin: str, event: str, part: str) -> bytes:
    """The additional data of a seal: log, event and part (`actor` or `subject`)."""
    return f"{origin}\x00{event}\x00{part}".encode()


MOST = 50_000
"""Data keys held in memory, some 2.4 KB each; one that is not held costs a look and an unwrapping."""


class Held:
    """Data keys in memory, known to be stored; bounded, and the one used longest ago goes first."""

    def __init__(self, most: int = MOST) -> None:
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
