# SPDX-License-Identifier: Apache-2.0
"""The bytes of one leaf: canonical JSON with salted commitments, so that the log can be public and still forget.

A commitment is C_g = SHA-256("dsc-audit/v1/" || g || 0x00 || salt32 || JCS(group)). Without the salt, which is
sealed with the group, it says nothing, not even to somebody who tries every NHS number.

JCS is RFC 8785; for what groups may hold (ASCII names; text, integers below 2**53, lists, objects) orjson with
sorted keys writes the same bytes, which a test proves against the rfc8785 package.
"""

from __future__ import annotations

import os
from base64 import b64encode
from hashlib import sha256
from typing import Any

import orjson
from msgspec import Struct

from gateway.audit.events import GROUPS, NAMES, Entry
from gateway.audit.merkle import leaf_hash

SALT = 32
LARGEST = 4096
_PREFIX = {group: b"dsc-audit/v1/" + group.encode() + b"\x00" for group in GROUPS}


class Leaf(Struct, frozen=True):
    """An event ready to be appended. `parts` maps `actor` and `subject` to what will be sealed apart."""

    id: str
    entry: bytes
    hash: bytes
    organisation: str
    subject_key: str
    parts: dict[str, bytes]


class Opened(Struct, frozen=True):
    """A group taken out of its seal: its salt and its canonical JSON."""

    salt: bytes
    content: bytes

    @property
    def value(self) -> dict[str, Any]:
        """The group itself."""
        value: dict[str, Any] = orjson.loads(self.content)
        return value


def canonical(value: object) -> bytes:
    """RFC 8785 JSON of a value that groups may hold. Raises TypeError for any other."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def commitment(group: str, salt: bytes, content: bytes) -> bytes:
    """The 32 bytes that stand in the entry for a group."""
    return sha256(_PREFIX[group] + salt + content).digest()


def build(entry: Entry, salts: bytes = b"") -> Leaf:
    """The leaf of an event. `salts` (32 bytes a group, in the order of the groups) is for tests; empty draws new
    ones. Raises ValueError for an unknown type or group or an entry that is too large."""
    if entry.type not in NAMES:
        raise ValueError("the type of event is not in gateway/audit/events.py")
    salts = salts or os.urandom(SALT * len(entry.groups))
    commitments: dict[str, str] = {}
    parts: dict[str, list[bytes]] = {"actor": [], "subject": []}
    for n, (group, value) in enumerate(entry.groups.items()):
        salt, content = salts[n * SALT : (n + 1) * SALT], canonical(value)
        commitments[group] = b64encode(commitment(group, salt, content)).decode()
        packed = parts["actor" if group == "actor" else "subject"]
        packed += (group.encode().ljust(8), salt, len(content).to_bytes(4, "big"), content)
    members = {
        "v": 1,
        "id": entry.id,
        "t": entry.at_ms,
        "type": entry.type,
        "org": entry.org,
        "svc": entry.svc,
        "purpose": entry.purpose,
        "decision": entry.decision,
        "policy": entry.policy,
        "n": entry.subjects,
        "c": commitments,
    }
    written = canonical(members)
    if len(written) > LARGEST:
        raise ValueError("an entry is larger than the log takes")
    sealed = {name: b"".join(packed) for name, packed in parts.items() if packed}
    return Leaf(entry.id, written, leaf_hash(written), entry.org, entry.subject_key, sealed)


def unpack(part: bytes) -> dict[str, Opened]:
    """The groups of an opened part. Raises ValueError when it was not made by `build`."""
    groups: dict[str, Opened] = {}
    at = 0
    while at < len(part):
        name = part[at : at + 8].decode("ascii").rstrip()
        salt = part[at + 8 : at + 40]
        length = int.from_bytes(part[at + 40 : at + 44], "big")
        groups[name] = Opened(salt, part[at + 44 : at + 44 + length])
        at += 44 + length
    return groups
