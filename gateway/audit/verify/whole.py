# SPDX-License-Identifier: Apache-2.0
"""A whole log, some of its entries, or all its years: every entry, every tile, every root."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

from .notes import Finding, Head, Trust
from .places import Get, Place, Subtrees, entries, hashes
from .policy import Policy
from .report import Report, report
from .trees import Tree, from_inclusion, inclusion, leaf_hash

MOST_FINDINGS = 20


class _Whole:
    """One pass over a whole log."""

    def __init__(self, get: Get, head: Head, earlier: Sequence[Head], wants_entries: bool) -> None:
        self._get, self._head, self._earlier, self._wants_entries = get, head, earlier, wants_entries
        self._tree = Tree()
        self._above: dict[int, list[bytes]] = {}  # level → hashes of its tile that is still growing
        self._seen: dict[int, int] = {}  # level → how many of its tiles were compared
        self._ids: set[str] = set()
        self._counts: dict[str, int] = {}  # organisation → number of its newest entry
        self.findings: list[str] = []
        self.entries = 0
        self.first = self.last = b""

    def run(self) -> None:
        """Check every entry against its leaf hash, every tile against those below it, and the root."""
        for head in self._earlier:
            if head.size > self._head.size:
                self.findings.append(f"history: the log has {self._head.size} entries, but had {head.size} before")
        self._compare(0)
        for n in range((self._head.size + 255) // 256):
            if len(self.findings) >= MOST_FINDINGS:
                return
            self._block(n, min(256, self._head.size - n * 256))
        for level in sorted(self._above):
            if rest := self._above[level]:
                self._level(level, rest)
        if self._tree.root() != self._head.root:
            self.findings.append("root: the tiles do not add up to the checkpoint's root")
        if self.entries < self._head.size and (self.entries or self._wants_entries):
            self.findings.append(f"entry bundles: only {self.entries} of {self._head.size} entries are served")

    def _block(self, n: int, width: int) -> None:
        try:
            leaves = hashes(self._get, 0, n, width)
            self._check_entries(n, leaves)
        except Finding as finding:
            self.findings.append(str(finding))
            return
        for size in sorted({head.size for head in self._earlier if n * 256 < head.size <= n * 256 + width}):
            self._compare(size, leaves[: size - n * 256])
        if width < 256:
            self._tree.add(leaves)
        else:
            root = Tree().add(leaves).root()
            self._tree.add([root], 8)
            self._full(1, root)

    def _check_entries(self, n: int, leaves: Sequence[bytes]) -> None:
        for at, entry in enumerate(entries(self._get, n, len(leaves)) or ()):
            index = n * 256 + at
            if leaf_hash(entry) != leaves[at]:
                self.findings.append(f"entry {index}: is not the one in tile level 0 number {n}")
            elif (fault := self._form(entry)) is not None:
                self.findings.append(f"entry {index}: {fault}")
            self.entries += 1
            if index == 0:
                self.first = entry
            self.last = entry

    def _form(self, entry: bytes) -> str | None:
        """What is wrong with an entry in itself."""
        try:
            members = json.loads(entry)
            if json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != entry:
                return "is not canonical JSON (RFC 8785)"
        except (ValueError, RecursionError):
            return "is not JSON"
        id_ = members.get("id") if isinstance(members, dict) else None
        if isinstance(id_, str) and id_ in self._ids:
            return "its id stands in the log twice"
        self._ids.add(str(id_))
        return self._counted(members) if isinstance(members, dict) else None

    def _counted(self, members: dict[str, Any]) -> str | None:
        """Each organisation's entries are counted: the next one has the next number."""
        organisation, count = str(members.get("org")), members.get("count")
        if count is None:
            return None
        before, self._counts[organisation] = self._counts.get(organisation), count
        if before is not None and count != before + 1:
            return f"is number {count} of its organisation, after number {before}"
        return None

    def _full(self, level: int, root: bytes) -> None:
        """A tile of the level below is full: its root is one hash of this level."""
        growing = self._above.setdefault(level, [])
        growing.append(root)
        if len(growing) == 256:
            self._above[level] = []
            self._level(level, growing)
            self._full(level + 1, Tree().add(growing).root())

    def _level(self, level: int, given: Sequence[bytes]) -> None:
        """Compare the newest tile of a level with the tiles below it."""
        n = self._seen.get(level, 0)
        self._seen[level] = n + 1
        try:
            if hashes(self._get, level, n, len(given)) != list(given):
                self.findings.append(f"tile level {level} number {n}: does not follow from the tiles below it")
        except Finding as finding:
            self.findings.append(str(finding))

    def _compare(self, size: int, leaves: Sequence[bytes] = ()) -> None:
        """Compare the tree of `size` leaves with the earlier checkpoints of that size."""
        for head in self._earlier:
            if head.size == size and self._tree.root(leaves) != head.root:
                self.findings.append(f"history: the log was rewritten since its checkpoint for size {size}")


def log(
    source: str | Sequence[str],
    vkey: str = "",
    *,
    policy: str = "",
    token: str = "",
    since: Sequence[str] = (),
    only: tuple[int, int] | None = None,
) -> Report:
    """Check a whole log at `source` (folder or base URL; several: its years, oldest first, which must be chained):
    signature, every entry, every tile, the root, and that it only grew since the signed checkpoints in `since`.

    `vkey` is the log's verifier key; `policy`, the text of a policy file, may stand for it, and asks for witnesses.
    `token` is the monitor's, for entry bundles. `only` checks the entries of a range (start, end) with no more
    tiles than that takes. The report is of the last log, and counts the entries of all."""
    found: list[str] = []
    head, before, count = None, None, 0
    try:
        trust = Trust([vkey] if vkey else [], Policy.parse(policy) if policy else None)
        earlier = [trust.open(note, witnessed=False) for note in since]
        sources = [source] if isinstance(source, str) else list(source)
        for n, address in enumerate(sources, 1):
            with contextlib.closing(Place(address, token)) as place:
                head = _head(place.get, trust, newest=n == len(sources))
                same = [old for old in earlier if old.origin == head.origin]
                if only is not None:
                    count += _some(place.get, head, *only)
                    continue
                whole = _Whole(place.get, head, same, bool(token))
                whole.run()
                if before is not None:
                    whole.findings += _chain(trust, before, head.origin, whole.first)
                before = head, whole.last
                found += [f"{head.origin}: {one}" if len(sources) > 1 else one for one in whole.findings]
                count += whole.entries
                earlier = [old for old in earlier if old.origin != head.origin]
        if earlier and only is None:
            found.append(f"history: the checkpoint of {earlier[0].origin} is of none of these logs")
    except Finding as finding:
        found.append(str(finding))
    return report(head, found, count)


def _head(get: Get, trust: Trust, *, newest: bool) -> Head:
    """The checkpoint of a log. That of a year that is over is vouched for by the year after it."""
    if (note := get("checkpoint")) is None:
        raise Finding("checkpoint: there is none")
    return trust.open(note.decode(errors="replace"), witnessed=newest)


def _some(get: Get, head: Head, start: int, end: int) -> int:
    """Prove each entry from `start` to `end` (not included) to be in the log; gives how many. Raises Finding."""
    if not 0 <= start < end <= head.size:
        raise Finding(f"range: the log has the entries 0 to {head.size - 1}")
    read = Subtrees(get, head.size)
    for n in range(start // 256, (end + 255) // 256):
        bundle = entries(get, n, min(256, head.size - n * 256))
        if bundle is None:
            raise Finding(f"entry bundle {n}: missing, or not for us")
        for index in range(max(start, n * 256), min(end, n * 256 + 256)):
            leaf = leaf_hash(bundle[index - n * 256])
            if from_inclusion(leaf, index, head.size, inclusion(index, head.size, read)) != head.root:
                raise Finding(f"entry {index}: is not in the log of this checkpoint")
    return end - start


def _chain(trust: Trust, before: tuple[Head, bytes], origin: str, first: bytes) -> list[str]:
    """What does not hold between the last entry of a year and the first of the next."""
    old, last = before
    closing, opening = _members(last), _members(first)
    found = []
    if closing.get("type") != "log.closed" or closing.get("svc") != origin:
        found.append(f"chain: the last entry of {old.origin} does not name this log as the next")
    try:
        final = trust.open(str(opening.get("previous")), witnessed=False)
    except Finding:
        final = None
    if opening.get("type") != "log.continued" or final is None or final[:3] != old[:3]:
        found.append(f"chain: the first entry does not hold the final checkpoint of {old.origin}")
    return found


def _members(entry: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        members = json.loads(entry)
        if isinstance(members, dict):
            return members
    return {}
