# SPDX-License-Identifier: Apache-2.0
"""The bytes of one leaf: canonical JSON with salted commitments, so that the log can be public and still forget.

A leaf is made in two steps: `build` does all that needs no place in the log, `finish` adds, under the log's lock,
the numbers that make an omission show: the citizen's own, and the organisation's.

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
NUMBER = "number"
"""The member of the subject group that counts a citizen's entries for one organisation: 1, 2, 3 …"""

_ADDED = 100
"""Room for what `finish` adds: a commitment and a count."""

_PREFIX = {group: b"dsc-audit/v1/" + group.encode() + b"\x00" for group in GROUPS}
_NAME = {group: group.encode().ljust(8) for group in GROUPS}


class _Members(Struct, frozen=True, omit_defaults=True):
    """What stands in a leaf: text and integers in ASCII-named members, so that sorted JSON is RFC 8785."""

    v: int
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
    previous: str = ""


_encoder = msgspec.json.Encoder(order="sorted")


class Draft(Struct, frozen=True, array_like=True):
    """An event ready to be appended, but for the two numbers that only its place in the log gives it.

    `written` is the entry without them and without the commitment to the subject; its first `}` ends `c`. `actor`
    and `others` are groups as they will be sealed; `subject` is the canonical JSON of the group about the citizen,
    still without its number, and `salt` its salt; each is empty where there is none. `staff_period` and `period`
    are how long each part is kept.
    """

    id: str
    type: str
    at_ms: int
    organisation: str
    purpose: str
    written: bytes
    actor: bytes
    others: bytes
    subject: bytes
    salt: bytes
    subject_key: str
    staff_period: str
    period: str

    @property
    def numbered(self) -> bool:
        """Whether the entry is about a citizen, so that it has a number among theirs."""
        return bool(self.subject and self.subject_key)


class Leaf(Struct, frozen=True):
    """An entry as it will stand in the log. `actor` and `subject` are what will be sealed, each apart: the group
    about staff, and all others; empty where there are none."""

    entry: bytes
    hash: bytes
    actor: bytes
    subject: bytes


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


def build(entry: Entry, salts: bytes = b"") -> Draft:
    """An event before it has its place. `salts` (32 bytes a group, in the order of the groups) is for tests; empty
    draws new ones. Raises ValueError for an unknown type or group or an entry that is too large, TypeError for a
    group that has no canonical form; neither tells a value."""
    if entry.type not in NAMES:
        raise ValueError("the type of event is not in gateway/audit/events.py")
    salts = salts or os.urandom(SALT * len(entry.groups))
    commitments: dict[str, str] = {}
    actor = others = subject = subject_salt = b""
    at = 0
    for group, value in entry.groups.items():
        if group not in _NAME:
            raise ValueError("a group is not in gateway/audit/events.py")
        content, salt = canonical(value), salts[at : at + SALT]
        at += SALT
        if group == "subject":
            subject, subject_salt = content, salt
            continue
        salted = salt + content
        digest = sha256(_PREFIX[group] + salted).digest()
        commitments[group] = b2a_base64(digest, newline=False).decode()
        packed = _NAME[group] + len(content).to_bytes(4, "big") + salted
        if group == "actor":
            actor = packed
        else:
            others += packed
    written = _encoder.encode(
        _Members(
            1,
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
            entry.previous,
        )
    )
    if len(written) > LARGEST - _ADDED:
        raise ValueError("an entry is larger than the log takes")
    return Draft(
        entry.id,
        entry.type,
        entry.at_ms,
        entry.org,
        entry.purpose,
        written,
        actor,
        others,
        subject,
        subject_salt,
        entry.subject_key,
        retention.period(retention.STAFF, entry.at_ms),
        retention.period(retention.class_of(entry.type), entry.at_ms),
    )


def finish(draft: Draft, number: int, count: int) -> Leaf:
    """The leaf of a draft that is the `number`-th entry about its citizen for its organisation (in the subject
    group, hidden), and the `count`-th of its organisation (in the clear); 0: it has no such number."""
    end = draft.written.index(b"}")  # of `c`: base64 has no brace
    commitments, rest = draft.written[:end], draft.written[end + 1 :]
    subject = draft.others
    if draft.subject:
        content = draft.subject
        if number:
            content = canonical(orjson.loads(content) | {NUMBER: number})
        comma = b"," if commitments[-1:] != b"{" else b""
        committed = b2a_base64(commitment("subject", draft.salt, content), newline=False)
        commitments += comma + b'"subject":"' + committed + b'"'  # the last of all groups by name, as sorted
        subject += _NAME["subject"] + len(content).to_bytes(4, "big") + draft.salt + content
    counted = b',"count":%d' % count if count else b""  # what follows `c` by name
    written = commitments + b"}" + counted + rest
    return Leaf(written, leaf_hash(written), draft.actor, subject)


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
