# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON is RFC 8785 for all we take, and we take nothing for which it would not be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.canonical import canonical
from gateway.evidence import Basis, Judged
from gateway.model import Obligation

PLAIN = st.text(st.characters(exclude_categories=["Cs"])) | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
NAMES = st.text(st.characters(max_codepoint=127))


def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return PLAIN | st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)


OBJECTS = st.dictionaries(NAMES, deeper(deeper(deeper(PLAIN))), max_size=4)


@given(OBJECTS)
def test_what_is_taken_is_written_as_rfc_8785_has_it(value: dict[str, Any]) -> None:
    assert canonical(value) == rfc8785.dumps(value)


def test_control_characters_are_escaped_as_rfc_8785_has_it() -> None:
    value = {"".join(map(chr, range(128))): "".join(map(chr, [*range(0x300), 0x2028, 0xFFFD, 0x1F600]))}
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [1.0, 1.5, 1e300, float("nan"), float("inf"), None, 2**53, -(2**53), 2**64, b"x", "\ud800", {1: "x"}, {"é": 1},
     {"\U0001f600": 1}, object(), {"x": {"y": [None]}}, {"set"}],
)  # fmt: skip
@pytest.mark.parametrize(
    "wrap", [lambda v: {"a": v}, lambda v: {"é": "é", "a": [v]}, lambda v: {"a": {"b": {"c": v}}}]
)
def test_what_has_no_place_in_an_entry_is_refused_without_being_told(value: Any, wrap: Any) -> None:
    with pytest.raises(TypeError) as caught:
        canonical(wrap(value))
    assert "x" not in str(caught.value).replace("text", "")


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.text(st.characters(exclude_categories=["Cs"])))
)
def test_a_struct_is_written_as_the_object_it_stands_for(text: str, names: list[str]) -> None:
    verdict = Judged(source=text, category="health.medications", allow=True, fields=tuple(names), reason=text)
    basis = Basis(
        agreement=text, consent_seq=3, policy="", verdicts=(verdict,), obligations=(Obligation("delete"),)
    )
    assert canonical(basis) == rfc8785.dumps(msgspec.to_builtins(basis))


@pytest.mark.parametrize(
    "kind", [float, Any, dict[str, str], str | None, tuple[float, ...], object, bytes, int | str]
)
def test_a_struct_that_could_hold_something_else_is_refused(kind: Any) -> None:
    loose = msgspec.defstruct("Loose", [("member", kind)])
    with pytest.raises(TypeError, match="has no place in an entry"):
        canonical(loose("text"))


def test_a_struct_with_a_name_that_is_not_ascii_is_refused() -> None:
    named = msgspec.defstruct("Named", [("name", str)], rename={"name": "prénom"})
    with pytest.raises(TypeError):
        canonical(named("x"))
