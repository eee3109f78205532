# SPDX-License-Identifier: Apache-2.0
"""Compiled paths mean exactly what JMESPath says they mean."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.paths import PathError, compiled

PATHS = [
    "a",
    '"a"',
    "a.b",
    "a.b.c",
    "a[0]",
    "a[0].b",
    "a[1][0].c",
    "a.b[0]",
    "a[*]",
    "a[*].b",
    "a[].b",
    "a[]",
    "a.b[].c",
    "a[*].b.c | [0]",
    "a[?b=='x']",
    "a[?b=='x'].c",
    "a[?b == 'x'].c.a",
    "a[?b=='x'] | [0]",
    "a[?b=='x'] | [0].c",
    "a[?b=='x'].c | [0].a",
    "a[?b.c=='x'] | [0].a[0]",
    "a || b",
    "length(a)",
    "join(', ', a)",
    "a[-1]",
    "@",
]

leaves = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "x", "y"])
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


def _oracle(path: str, document: Any) -> Any:
    try:
        return jmespath.search(path, document)
    except jmespath.exceptions.JMESPathError:
        return None


@pytest.mark.parametrize("path", PATHS)
def test_a_compiled_path_is_what_jmespath_finds(path: str) -> None:
    get = compiled(path)

    @given(documents)
    def holds(document: Any) -> None:
        assert get(document) == _oracle(path, document)

    holds()


@pytest.mark.parametrize("path", ["a[?b=='x'", "a..b", "a[", "no_such_function(a)"])
def test_what_is_not_jmespath_is_refused_at_the_start(path: str) -> None:
    with pytest.raises(PathError):
        compiled(path)
