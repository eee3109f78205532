# SPDX-License-Identifier: Apache-2.0
"""The tree against RFC 6962's own recursive definition, its known roots, and every lie about a proof."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import merkle

SIZES = [*range(40), 63, 64, 65, 127, 128, 129, 255, 256, 257, 300, 511, 512, 513, 767, 1023, 1024, 1030]
LEAVES = [merkle.leaf_hash(str(n).encode()) for n in range(1030)]


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def read(level: int, n: int) -> bytes:
    """A reader (merkle.Reader) over LEAVES."""
    return mth(LEAVES[n << level : (n + 1) << level])


@pytest.mark.parametrize(
    ("size", "start"),
    [
        (1, "db3426e8"),
        (2, "cb00989d94a569c0"),
        (3, "725d5230db68f557"),
        (7, "a3e23b32ccb6bf96"),
        (8, "3b85a9626c1ccb64"),
    ],
)
def test_small_trees_have_the_known_roots(size: int, start: str) -> None:
    assert merkle.tree_hash(LEAVES[:size]).hex().startswith(start)


def test_the_root_of_no_leaves_is_the_hash_of_nothing() -> None:
    assert merkle.tree_hash([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_large_tree_has_the_root_that_go_computes() -> None:
    root = merkle.tree_hash([merkle.leaf_hash(b'{"n":%d}' % n) for n in range(70_000)])
    assert b64encode(root) == b"Bgv+86JoCgNF32/SwcmYtPJl1lKSbMhDoRdDYwUbFUc="


def test_the_root_is_as_the_rfc_defines_it() -> None:
    for size in range(len(LEAVES) + 1):
        assert merkle.tree_hash(LEAVES[:size]) == mth(LEAVES[:size])


@given(st.lists(st.integers(0, 300), max_size=6))
def test_growing_in_batches_of_any_size_gives_the_same_tree(batches: list[int]) -> None:
    leaves = [merkle.leaf_hash(bytes([n % 251])) for n in range(sum(batches))]
    frontier: list[bytes] = []
    size = 0
    for count in batches:
        frontier, size = merkle.grow(frontier, size, leaves[size : size + count])
    assert size == len(leaves)
    assert len(frontier) == size.bit_count()
    assert merkle.root(frontier) == mth(leaves)


def test_a_frontier_that_does_not_fit_its_size_is_refused() -> None:
    with pytest.raises(ValueError, match="one-bits"):
        merkle.grow([LEAVES[0]], 3, [])


@pytest.mark.parametrize("size", SIZES[1:])
def test_every_leaf_is_proven_to_be_in_the_tree_and_no_other_is(size: int) -> None:
    root = merkle.tree_hash(LEAVES[:size])
    step = max(1, size // 9)
    for index in {*range(0, size, step), size - 1}:
        path = merkle.inclusion(index, size, read)
        assert merkle.root_from_inclusion(LEAVES[index], index, size, path) == root
        assert merkle.root_from_inclusion(b"\x00" * 32, index, size, path) != root
        assert merkle.root_from_inclusion(LEAVES[index], index + 1, size, path) != root or size == 1
        assert merkle.root_from_inclusion(LEAVES[index], index, size, [*path, root]) != root
        if path:
            assert merkle.root_from_inclusion(LEAVES[index], index, size, path[:-1]) != root
            assert (
                merkle.root_from_inclusion(LEAVES[index], index, size, [*path[1:], path[0]]) != root
                or len(path) == 1
            )


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 5), (5, 5), (6, 5)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    assert merkle.root_from_inclusion(LEAVES[0], index, size, []) is None
    with pytest.raises(ValueError, match="in the tree"):
        merkle.inclusion(index, size, read)


@given(st.integers(1, 1030), st.integers(0, 1029))
def test_a_later_tree_is_proven_to_contain_an_earlier_one(second: int, less: int) -> None:
    first = max(1, second - less)
    old, new = mth(LEAVES[:first]), mth(LEAVES[:second])
    path = merkle.consistency(first, second, read)
    assert merkle.is_consistent(first, second, old, new, path)
    assert not merkle.is_consistent(first, second, b"\x00" * 32, new, path)
    assert not merkle.is_consistent(first, second, old, b"\x00" * 32, path)
    assert not merkle.is_consistent(first, second, old, new, [*path, old])
    for n in range(len(path)):
        bent = [*path[:n], bytes(32), *path[n + 1 :]]
        assert not merkle.is_consistent(first, second, old, new, bent)


def test_a_rewritten_history_has_no_consistency_proof() -> None:
    rewritten = [LEAVES[0], merkle.leaf_hash(b"other"), *LEAVES[2:9]]
    path = merkle.consistency(5, 9, lambda level, n: mth(rewritten[n << level : (n + 1) << level]))
    assert not merkle.is_consistent(5, 9, mth(LEAVES[:5]), mth(rewritten), path)


@pytest.mark.parametrize(("first", "second"), [(0, 5), (6, 5)])
def test_only_a_smaller_tree_that_is_not_empty_has_a_consistency_proof(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="first"):
        merkle.consistency(first, second, read)
    assert not merkle.is_consistent(first, second, mth(LEAVES[:first]), mth(LEAVES[:second]), [])
