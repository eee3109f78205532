# SPDX-License-Identifier: Apache-2.0
"""Check an access log without trusting whoever runs it. One file: needs Python 3.11 and `cryptography`, and
nothing of the gateway, so that an auditor can read it, copy it and run it alone.

    python verify.py --vkey KEY --log https://gateway.example/log          the whole log
    python verify.py --vkey KEY --log FOLDER --since checkpoint.old        … and that it only grew since then
    python verify.py --vkey KEY --proof receipt.tlog-proof                 one receipt

KEY is the log's verifier key, which must come from somewhere else than the log. Formats: C2SP tlog-tiles,
tlog-checkpoint, signed-note, tlog-proof; hashes: RFC 6962 §2.1. Exit status 0: it verifies; 1: it does not.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import sys
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TIMEOUT_S, MOST_FINDINGS = 30, 20
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
Get = Callable[[str], bytes | None]
"""Path after the log's address → content; None when it is not there, or not for us."""


class Finding(ValueError):  # noqa: N818  it is what was found, and the text says where
    """Something that does not hold."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked. `size` and `root` are the checkpoint's; `entries` is how many were read and hashed (0 when
    they are not served to us: tiles and root then still verify); `findings` is empty exactly if all holds."""

    findings: tuple[str, ...]
    origin: str = ""
    size: int = 0
    root: str = ""
    entries: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything that was checked holds."""
        return not self.findings


class Head(NamedTuple):
    """A checkpoint whose signature was verified."""

    origin: str
    size: int
    root: bytes


class Key:
    """A log's verifier key, `name+id+base64(0x01 || Ed25519 public key)`."""

    def __init__(self, vkey: str) -> None:
        name, _, rest = vkey.strip().partition("+")
        id_, _, encoded = rest.partition("+")
        raw = _base64(encoded, "the verifier key")
        self.name, self.id = name, sha256(name.encode() + b"\n" + raw).digest()[:4]
        if not name or len(raw) != 33 or raw[:1] != b"\x01" or id_ != self.id.hex():
            raise Finding("the verifier key is not the name, id and base64 of an Ed25519 key")
        self._public = Ed25519PublicKey.from_public_bytes(raw[1:])

    def open(self, note: str) -> Head:
        """The checkpoint in a note signed by this key. Raises Finding."""
        body, gap, tail = note.rpartition("\n\n")
        if not gap or not tail.endswith("\n") or any(ord(c) < 32 and c != "\n" for c in note):
            raise Finding("checkpoint: not a signed note")
        body, signed = body + "\n", False
        for line in tail[:-1].split("\n"):
            dash, name, encoded = (*line.split(" "), "", "")[:3]
            raw = _base64(encoded, "checkpoint: a signature line")
            if dash != "\u2014" or not name or len(raw) < 5:
                raise Finding("checkpoint: a signature line is malformed")
            if (name, raw[:4]) == (self.name, self.id):
                try:
                    self._public.verify(raw[4:], body.encode())
                except InvalidSignature:
                    raise Finding("checkpoint: the signature of the log key does not verify") from None
                signed = True
        if not signed:
            raise Finding("checkpoint: not signed by the log key")
        lines = body.split("\n")
        root = _base64(lines[2], "checkpoint: the root") if len(lines) == 4 else b""
        if len(root) != 32 or lines[0] != self.name or not _is_decimal(lines[1]):
            raise Finding("checkpoint: it must be the log's name, a size and a root of 32 bytes")
        return Head(self.name, int(lines[1]), root)


def _is_decimal(text: str) -> bool:
    return len(text) < 20 and text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _base64(text: str, what: str) -> bytes:
    with contextlib.suppress(ValueError):
        raw = base64.b64decode(text, validate=True)
        if base64.b64encode(raw).decode() == text:  # else it has bits that nobody reads
            return raw
    raise Finding(f"{what} is not base64")


def _leaf(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class _Tree:
    """A growing tree: roots of its full subtrees with their heights, largest first."""

    def __init__(self, roots: Sequence[tuple[int, bytes]] = ()) -> None:
        self._roots = list(roots)

    def add(self, hashes: Sequence[bytes], height: int = 0) -> _Tree:
        """Append full subtrees of 2**height leaves; gives itself."""
        for hash_ in hashes:
            at, node = height, hash_
            while self._roots and self._roots[-1][0] == at:
                node, at = _node(self._roots.pop()[1], node), at + 1
            self._roots.append((at, node))
        return self

    def root(self, more: Sequence[bytes] = ()) -> bytes:
        """RFC 6962 §2.1; `more` are leaves taken as appended."""
        if more:
            return _Tree(self._roots).add(more).root()
        *lefts, last = [root for _, root in self._roots] or [sha256(b"").digest()]
        for left in reversed(lefts):
            last = _node(left, last)
        return last


def _from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root an inclusion proof leads to (RFC 9162 §2.1.3.2); None when its length does not fit."""
    if not 0 <= index < size:
        return None
    node, at, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            node = _node(sibling, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = _node(node, sibling)
        at, last = at >> 1, last >> 1
    return node if last == 0 else None


class _Place:
    """Where a log is read: a folder, or a server over one connection."""

    def __init__(self, source: str, token: str) -> None:
        parsed = urllib.parse.urlsplit(source)
        kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}.get(parsed.scheme)
        self._server = kind(parsed.netloc, timeout=TIMEOUT_S) if kind else None
        self._prefix = parsed.path.rstrip("/") if kind else source
        self._token = token

    def get(self, name: str) -> bytes | None:
        """The content, None when it is not there or not for us."""
        if self._server is None:
            file = Path(self._prefix, name)
            return file.read_bytes() if file.is_file() else None
        headers = {"Authorization": f"Bearer {self._token}"} if self._token and "/entries/" in name else {}
        try:
            self._server.request("GET", f"{self._prefix}/{name}", headers=headers)
            reply = self._server.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException) as error:
            raise Finding(f"{name}: could not be read ({type(error).__name__})") from None
        if reply.status not in {200, 401, 403, 404}:
            raise Finding(f"{name}: answered with status {reply.status}")
        return body if reply.status == 200 else None

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


def _tile(get: Get, level: str, n: int, width: int) -> tuple[bytes, int] | None:
    """A tile or bundle and its width, None when there is none. Once it is full its partial forms may be gone: then
    the full one serves."""
    groups = [f"{n % 1000:03d}"]
    while n := n // 1000:
        groups.append(f"x{n % 1000:03d}")
    full = f"tile/{level}/{'/'.join(reversed(groups))}"
    if width < 256 and (found := get(f"{full}.p/{width}")) is not None:
        return found, width
    found = get(full)
    return None if found is None else (found, 256)


def _hashes(get: Get, level: int, n: int, width: int) -> list[bytes]:
    found = _tile(get, str(level), n, width)
    if found is None or len(found[0]) != 32 * found[1]:
        raise Finding(f"tile level {level} number {n}: missing, or not {width} hashes")
    return [found[0][at : at + 32] for at in range(0, width * 32, 32)]


def _entries(bundle: bytes, n: int, width: int) -> list[bytes]:
    entries, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        entries.append(bundle[at + 2 : end])
        at = end
    if at != len(bundle) or len(entries) != width:
        raise Finding(f"entry bundle {n}: not {width} entries")
    return entries


class _Whole:
    """One pass over a whole log."""

    def __init__(self, get: Get, head: Head, earlier: Sequence[Head], wants_entries: bool) -> None:
        self._get, self._head, self._earlier, self._wants_entries = get, head, earlier, wants_entries
        self._tree = _Tree()
        self._above: dict[int, list[bytes]] = {}  # level → hashes of its tile that is still growing
        self._seen: dict[int, int] = {}  # level → how many of its tiles were compared
        self._ids: set[str] = set()
        self.findings: list[str] = []
        self.entries = 0

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
            leaves = _hashes(self._get, 0, n, width)
            self._check_entries(n, leaves)
        except Finding as finding:
            self.findings.append(str(finding))
            return
        for size in sorted({head.size for head in self._earlier if n * 256 < head.size <= n * 256 + width}):
            self._compare(size, leaves[: size - n * 256])
        if width < 256:
            self._tree.add(leaves)
        else:
            root = _Tree().add(leaves).root()
            self._tree.add([root], 8)
            self._full(1, root)

    def _check_entries(self, n: int, leaves: Sequence[bytes]) -> None:
        bundle = _tile(self._get, "entries", n, len(leaves))
        if bundle is None:
            return
        for at, entry in enumerate(_entries(bundle[0], n, bundle[1])[: len(leaves)]):
            index = n * 256 + at
            if _leaf(entry) != leaves[at]:
                self.findings.append(f"entry {index}: is not the one in tile level 0 number {n}")
            elif (fault := self._form(entry)) is not None:
                self.findings.append(f"entry {index}: {fault}")
            self.entries += 1

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
        return None

    def _full(self, level: int, root: bytes) -> None:
        """A tile of the level below is full: its root is one hash of this level."""
        hashes = self._above.setdefault(level, [])
        hashes.append(root)
        if len(hashes) == 256:
            self._above[level] = []
            self._level(level, hashes)
            self._full(level + 1, _Tree().add(hashes).root())

    def _level(self, level: int, hashes: Sequence[bytes]) -> None:
        """Compare the newest tile of a level with the tiles below it."""
        n = self._seen.get(level, 0)
        self._seen[level] = n + 1
        try:
            if _hashes(self._get, level, n, len(hashes)) != list(hashes):
                self.findings.append(f"tile level {level} number {n}: does not follow from the tiles below it")
        except Finding as finding:
            self.findings.append(str(finding))

    def _compare(self, size: int, leaves: Sequence[bytes] = ()) -> None:
        """Compare the tree of `size` leaves with the earlier checkpoints of that size."""
        for head in self._earlier:
            if head.size == size and self._tree.root(leaves) != head.root:
                self.findings.append(f"history: the log was rewritten since its checkpoint for size {size}")


def log(source: str, vkey: str, *, token: str = "", since: Sequence[str] = ()) -> Report:
    """Check a whole log at `source` (folder or base URL): signature, every entry, every tile, the root, and that it
    only grew since the signed checkpoints in `since`. `token` is the monitor's, for entry bundles."""
    head = None
    with contextlib.closing(_Place(source, token)) as place:
        try:
            key = Key(vkey)
            earlier = [key.open(note) for note in since]
            if (note := place.get("checkpoint")) is None:
                raise Finding("checkpoint: there is none")
            head = key.open(note.decode(errors="replace"))
            whole = _Whole(place.get, head, earlier, bool(token))
            whole.run()
            return _report(head, whole.findings, whole.entries)
        except Finding as finding:
            return _report(head, [str(finding)])


def proof(text: str, vkey: str) -> Report:
    """Check a `.tlog-proof` file: that the entry it carries as `extra` is in the log."""
    head = None
    try:
        before, _, note = text.partition("\n\n")
        header, extra, index, *path = [*before.split("\n"), "", ""]
        if header != PROOF_HEADER or not extra.startswith("extra ") or not index.startswith("index "):
            raise Finding(f"proof: it must begin with {PROOF_HEADER}, the entry as extra, and its index")
        if not _is_decimal(index[6:]):
            raise Finding("proof: the index must be a decimal number")
        siblings = [_base64(line, "proof: a hash") for line in path[:-2]]
        if len(siblings) > 63 or any(len(sibling) != 32 for sibling in siblings):
            raise Finding("proof: it must be at most 63 hashes of 32 bytes")
        leaf = _leaf(_base64(extra[6:], "proof: the entry"))
        head = Key(vkey).open(note)
        if _from_inclusion(leaf, int(index[6:]), head.size, siblings) != head.root:
            raise Finding("proof: this entry is not in the log of this checkpoint")
        return _report(head, [], 1)
    except Finding as finding:
        return _report(head, [str(finding)])


def _report(head: Head | None, findings: Sequence[str], entries: int = 0) -> Report:
    found = tuple(findings)
    return Report(found, head.origin, head.size, head.root.hex(), entries) if head else Report(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(description="Check an access log (C2SP tlog) without trusting who runs it.")
    parser.add_argument("--vkey", required=True, help="the log's verifier key")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--log", help="folder or base URL of a log")
    what.add_argument("--proof", type=Path, help="a .tlog-proof file")
    parser.add_argument("--since", type=Path, action="append", default=[], help="a checkpoint kept from earlier")
    parser.add_argument("--token", default="", help="bearer token for entry bundles; @FILE reads it from a file")
    given = parser.parse_args(arguments)
    try:
        if given.proof:
            report = proof(given.proof.read_text(errors="replace"), given.vkey)
        else:
            token = Path(given.token[1:]).read_text().strip() if given.token.startswith("@") else given.token
            since = [path.read_text(errors="replace") for path in given.since]
            report = log(given.log, given.vkey, token=token, since=since)
    except OSError as error:
        report = Report((f"{error.filename}: {error.strerror}",))
    for finding in report.findings:
        sys.stdout.write(f"WRONG  {finding}\n")
    if report.ok:
        read = f"{report.entries} entries read" if report.entries else "entries not read"
        sys.stdout.write(f"OK     {report.origin}, size {report.size}, root {report.root}, {read}\n")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
