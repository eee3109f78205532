# SPDX-License-Identifier: Apache-2.0
"""One entry: that it is in the log, what it shows, and that of many nothing was left out.

A `.tlog-proof` file (C2SP tlog-proof) carries the entry as `extra`. What follows the entry there, a line each,
opens groups that it commits to: the group's name, its salt in base64, and its canonical JSON. Groups that are not
there stay closed, and nobody can tell what is in them.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from .notes import Finding, Head, Trust, is_decimal, unbase64
from .policy import Policy
from .report import Report, report
from .trees import from_inclusion, leaf_hash

HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry that is proven: its place, its clear members, and the groups that are open."""

    head: Head
    index: int
    members: dict[str, Any]
    groups: dict[str, Any]


def proof(text: str, vkey: str = "", policy: str = "") -> Report:
    """Check a `.tlog-proof` file: that the entry it carries is in the log, and that what it shows is what the entry
    commits to."""
    try:
        shown = read_proof(text, Trust([vkey] if vkey else [], Policy.parse(policy) if policy else None))
    except Finding as finding:
        return report(None, [str(finding)])
    return report(shown.head, [], 1, _told(shown))


def complete(texts: Iterable[str], vkey: str = "", policy: str = "") -> Report:
    """Check many proofs, and that nothing was left out: the numbers of each citizen's entries for an organisation
    (in the open `subject` group), and those of each organisation's entries, have no gap between them, and a
    citizen's begin with 1."""
    shown: list[Shown] = []
    try:
        trust = Trust([vkey] if vkey else [], Policy.parse(policy) if policy else None)
        shown = [read_proof(text, trust) for text in texts]
        newest = max((one.head for one in shown), key=lambda head: (head.origin, head.size), default=None)
    except Finding as finding:
        return report(None, [str(finding)])
    found = _gaps(shown)
    return report(newest, found, len({(one.head.origin, one.index) for one in shown}))


def read_proof(text: str, trust: Trust) -> Shown:
    """What a proof proves. Raises Finding."""
    before, _, note = text.partition("\n\n")
    header, extra, index, *path = [*before.split("\n"), "", ""]
    if header != HEADER or not extra.startswith("extra ") or not index.startswith("index "):
        raise Finding(f"proof: it must begin with {HEADER}, the entry as extra, and its index")
    if not is_decimal(index[6:]):
        raise Finding("proof: the index must be a decimal number")
    siblings = [unbase64(line, "proof: a hash") for line in path[:-2]]
    if len(siblings) > 63 or any(len(sibling) != 32 for sibling in siblings):
        raise Finding("proof: it must be at most 63 hashes of 32 bytes")
    entry, *lines = unbase64(extra[6:], "proof: the entry").split(b"\n")
    head = trust.open(note)
    if from_inclusion(leaf_hash(entry), int(index[6:]), head.size, siblings) != head.root:
        raise Finding("proof: this entry is not in the log of this checkpoint")
    members = _object(entry, "proof: the entry")
    return Shown(head, int(index[6:]), members, _opened(members.get("c"), lines))


def _opened(commitments: object, lines: Sequence[bytes]) -> dict[str, Any]:
    """The groups that lines open, each compared with its commitment. Raises Finding."""
    groups: dict[str, Any] = {}
    for line in lines:
        name, _, rest = line.decode(errors="replace").partition(" ")
        encoded, _, content = rest.partition(" ")
        salt = unbase64(encoded, "proof: a salt")
        digest = sha256(b"dsc-audit/v1/" + name.encode() + b"\0" + salt + content.encode()).digest()
        committed = commitments.get(name) if isinstance(commitments, dict) else None
        if len(salt) != 32 or committed != b64encode(digest).decode() or name in groups:
            raise Finding("proof: a group it shows is not the one the entry commits to")
        groups[name] = _object(content.encode(), "proof: a group")
    return groups


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Finding(f"{what} is no JSON object")
    return value


def _told(shown: Shown) -> str:
    """The clear members and the open groups as indented JSON, and which groups stay closed."""
    closed = sorted(set(shown.members.get("c", {})) - set(shown.groups))
    clear = {name: value for name, value in shown.members.items() if name != "c"}
    return json.dumps({"index": shown.index, "entry": clear, "shown": shown.groups, "closed": closed}, indent=2)


def _gaps(shown: Sequence[Shown]) -> list[str]:
    numbers: dict[tuple[str, str], set[int]] = {}
    counts: dict[str, set[int]] = {}
    for one in shown:
        subject, organisation = one.groups.get("subject", {}), str(one.members.get("org"))
        if isinstance(number := subject.get("number"), int):
            numbers.setdefault((organisation, str(subject.get("handle"))), {0}).add(number)
        if isinstance(count := one.members.get("count"), int):
            counts.setdefault(organisation, set()).add(count)
    found = [
        f"completeness: entry {missing} about this citizen for {organisation} is missing"
        for (organisation, _), seen in sorted(numbers.items())
        if (missing := _first_gap(seen)) is not None
    ]
    if numbers:  # a citizen has not all entries of an organisation, so its count has gaps for them
        return found
    return [
        f"completeness: entry {missing} of {organisation} is missing"
        for organisation, seen in sorted(counts.items())
        if (missing := _first_gap(seen)) is not None
    ]


def _first_gap(seen: set[int]) -> int | None:
    lowest = min(seen)
    return next((n for n in range(lowest, max(seen)) if n not in seen), None)
