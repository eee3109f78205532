# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of RFC 6962 §2.1: hashes, the frontier of a growing tree, and proofs. Imports nothing of ours.

A frontier is the list of roots of the full subtrees that a tree of some size is made of, largest first: as many
as the size has one-bits. It is all that appending needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()

Reader = Callable[[int, int], bytes]
"""(level, n) → root of the n-th full subtree of 2**level leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one leaf."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def grow(frontier: Iterable[bytes], size: int, leaves: Iterable[bytes]) -> tuple[list[bytes], int]:
    """Append leaf hashes to a tree of `size` leaves; gives its new frontier and size."""
    roots = list(frontier)
    if len(roots) != size.bit_count():
        raise ValueError("a frontier has as many roots as its size has one-bits")
    for leaf in leaves:
        node, rest = leaf, size
        while rest & 1:
            node = node_hash(roots.pop(), node)
            rest >>= 1
        roots.append(node)
        size += 1
    return roots, size


def root(frontier: Sequence[bytes]) -> bytes:
    """Root of the tree with this frontier."""
    if not frontier:
        return EMPTY_ROOT
    node = frontier[-1]
    for left in reversed(frontier[:-1]):
        node = node_hash(left, node)
    return node


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes, as the RFC defines it (for few leaves: it keeps them all)."""
    return root(grow([], 0, leaves)[0])


def range_hash(start: int, end: int, read: Reader) -> bytes:
    """MTH(D[start:end]) for a range that is a node of the tree: start is a multiple of the range's width."""
    width = end - start
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return read(level, start >> level)
    split = _split(width)
    return node_hash(range_hash(start, start + split, read), range_hash(start + split, end, read))


def inclusion(index: int, size: int, read: Reader) -> list[bytes]:
    """The inclusion proof of leaf `index` in the tree of `size` leaves, leaf level upwards (RFC 6962 §2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("the index must lie in the tree")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(middle, end, read))
            end = middle
        else:
            path.append(range_hash(start, middle, read))
            start = middle
    path.reverse()
    return path


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to, None when it has the wrong length (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return None
    node, at, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            node = node_hash(sibling, node)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            node = node_hash(node, sibling)
        at >>= 1
        last >>= 1
    return node if last == 0 else None


def consistency(first: int, second: int, read: Reader) -> list[bytes]:
    """The consistency proof from the tree of `first` leaves to that of `second` (RFC 6962 §2.1.2)."""
    if not 0 < first <= second:
        raise ValueError("0 < first <= second")
    path: list[bytes] = []
    start, end, whole = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(range_hash(middle, end, read))
            end = middle
        else:
            path.append(range_hash(start, middle, read))
            start, whole = middle, False
    if not whole:
        path.append(range_hash(start, end, read))
    path.reverse()
    return path


def is_consistent(first: int, second: int, old: bytes, new: bytes, path: Sequence[bytes]) -> bool:
    """Whether a consistency proof holds (RFC 9162 §2.1.4.2)."""
    if first == second:
        return old == new and not path
    if not 0 < first < second or not path:
        return False
    nodes = list(path)
    if first & (first - 1) == 0:
        nodes.insert(0, old)
    at, last = first - 1, second - 1
    while at & 1:
        at >>= 1
        last >>= 1
    left = right = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            left, right = node_hash(node, left), node_hash(node, right)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            right = node_hash(right, node)
        at >>= 1
        last >>= 1
    return left == old and right == new and last == 0


def _split(width: int) -> int:
    """The largest power of two smaller than `width`."""
    return 1 << (width - 1).bit_length() - 1
