# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of RFC 6962 §2.1, and the proofs of RFC 9162 §2.1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

Read = Callable[[int, int], bytes]
"""(level, n) → root of the n-th full subtree of 2**level leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree: roots of its full subtrees with their heights, largest first."""

    def __init__(self, roots: Sequence[tuple[int, bytes]] = ()) -> None:
        self._roots = list(roots)

    def add(self, hashes: Sequence[bytes], height: int = 0) -> Tree:
        """Append full subtrees of 2**height leaves; gives itself."""
        for hash_ in hashes:
            at, node = height, hash_
            while self._roots and self._roots[-1][0] == at:
                node, at = node_hash(self._roots.pop()[1], node), at + 1
            self._roots.append((at, node))
        return self

    def root(self, more: Sequence[bytes] = ()) -> bytes:
        """RFC 6962 §2.1; `more` are leaves taken as appended."""
        if more:
            return Tree(self._roots).add(more).root()
        *lefts, last = [root for _, root in self._roots] or [sha256(b"").digest()]
        for left in reversed(lefts):
            last = node_hash(left, last)
        return last


def inclusion(index: int, size: int, read: Read) -> list[bytes]:
    """The inclusion proof of a leaf, leaf level upwards, made from what `read` gives."""
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            path.append(_range(middle, end, read))
            end = middle
        else:
            path.append(_range(start, middle, read))
            start = middle
    return path[::-1]


def _range(start: int, end: int, read: Read) -> bytes:
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return read(level, start >> level)
    split = start + (1 << (width - 1).bit_length() - 1)
    return node_hash(_range(start, split, read), _range(split, end, read))


def from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root an inclusion proof leads to (RFC 9162 §2.1.3.2); None when its length does not fit."""
    if not 0 <= index < size:
        return None
    node, at, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        at, last = at >> 1, last >> 1
    return node if last == 0 else None


def is_consistent(first: int, second: int, old: bytes, new: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of `second` leaves is proven to begin with that of `first` (RFC 9162 §2.1.4.2)."""
    if first == second:
        return old == new and not path
    if first == 0:
        return old == sha256(b"").digest() and not path
    if first > second or not path:
        return False
    nodes = [old, *path] if first & (first - 1) == 0 else list(path)
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    left = right = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            left, right = node_hash(node, left), node_hash(node, right)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            right = node_hash(right, node)
        at, last = at >> 1, last >> 1
    return left == old and right == new and last == 0
