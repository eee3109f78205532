# SPDX-License-Identifier: Apache-2.0
"""The bytes of one leaf: canonical JSON with salted commitments, so that the log can be public and still forget.

A commitment is C_g = SHA-256("dsc-audit/v1/" || g || 0x00 || salt32 || JCS(group)). Without the salt, which is
sealed with the group, it says nothing, not even to somebody who tries every NHS number.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from hashlib import sha256
from typing import Any

import msgspec
import orjson
from msgspec import Struct

from gateway.audit import retention
from gateway.audit.canonical import canonical
from gateway.audit.events import GROUPS, NAMES, Entry
from gateway.audit.merkle import leaf_hash

SALT = 32
LARGEST = 4096
_PREFIX = {group: b"dsc-audit/v1/" + group.encode() + b"\x00" for group in GROUPS}
_NAME = {group: group.encode().ljust(8) for group in GROUPS}


class _Members(Struct, frozen=True):
    """What stands in a leaf: text and integers in ASCII-named members, so that sorted JSON is RFC 8785."""

    id: str
    t: int
    type: str
    org: str
    svc: str
    purpose: str
    decision: str
    policy: str
    n: int
    c: dict[str, str]
    v: int = 1


_encoder = msgspec.json.Encoder(order="sorted")


class Leaf(Struct, frozen=True):
    """An event ready to be appended. `actor` and `subject` are what will be sealed, each apart: the group about
    staff, and all others; empty where there are none. `staff_period` and `period` are how long each is kept."""

    id: str
    entry: bytes
    hash: bytes
    organisation: str
    subject_key: str
    actor: bytes
    subject: bytes
    staff_period: str
    period: str


class Opened(Struct, frozen=True):
    """A group taken out of its seal: its salt and its canonical JSON."""

    salt: bytes
    content: bytes

    @property
    def value(self) -> dict[str, Any]:
        """The group itself."""
        value: dict[str, Any] = orjson.loads(self.content)
        return value


def commitment(group: str, salt: bytes, content: bytes) -> bytes:
    """The 32 bytes that stand in the entry for a group."""
    return sha256(_PREFIX[group] + salt + content).digest()


def build(entry: Entry, salts: bytes = b"") -> Leaf:
    """The leaf of an event. `salts` (32 bytes a group, in the order of the groups) is for tests; empty draws new
    ones. Raises ValueError for an unknown type or group or an entry that is too large, TypeError for a group that
    has no canonical form; neither tells a value."""
    if entry.type not in NAMES:
        raise ValueError("the type of event is not in gateway/audit/events.py")
    if not _NAME.keys() >= entry.groups.keys():
        raise ValueError("a group is not in gateway/audit/events.py")
    salts = salts or os.urandom(SALT * len(entry.groups))
    commitments: dict[str, str] = {}
    actor = subject = b""
    at = 0
    for group, value in entry.groups.items():
        content = canonical(value)
        salted = salts[at : at + SALT] + content
        at += SALT
        digest = sha256(_PREFIX[group] + salted).digest()
        commitments[group] = b2a_base64(digest, newline=False).decode()
        packed = _NAME[group] + len(content).to_bytes(4, "big") + salted
        if group == "actor":
            actor = packed
        else:
            subject += packed
    written = _encoder.encode(
        _Members(
            entry.id,
            entry.at_ms,
            entry.type,
            entry.org,
            entry.svc,
            entry.purpose,
            entry.decision,
            entry.policy,
            entry.subjects,
            commitments,
        )
    )
    if len(written) > LARGEST:
        raise ValueError("an entry is larger than the log takes")
    return Leaf(
        entry.id,
        written,
        leaf_hash(written),
        entry.org,
        entry.subject_key,
        actor,
        subject,
        retention.period(retention.STAFF, entry.at_ms),
        retention.period(retention.class_of(entry.type), entry.at_ms),
    )


def unpack(part: bytes) -> dict[str, Opened]:
    """The groups of an opened part, as `build` packed them: name (8 bytes), length of the content (4), salt (32),
    content."""
    groups: dict[str, Opened] = {}
    at = 0
    while at < len(part):
        name = part[at : at + 8].decode("ascii").rstrip()
        start = at + 12 + SALT
        end = start + int.from_bytes(part[at + 8 : at + 12], "big")
        groups[name] = Opened(part[at + 12 : start], part[start:end])
        at = end
    return groups
