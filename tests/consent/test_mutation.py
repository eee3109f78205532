# SPDX-License-Identifier: Apache-2.0
"""Every rule of consent is held by a test: a small fault planted anywhere in them makes one fail.

The quick run plants every eighteenth fault, always the same ones; with COMMONS_SOAK=1 all of them are planted.
"""

from __future__ import annotations

import pytest

from consent import carving, reading, rules, transitions, wide
from tests.consent import mutating, test_rules, test_rules_of_every_kind, test_wide

MODULES = (rules, reading, carving, transitions, wide)
TESTS = mutating.cases(test_rules, test_rules_of_every_kind, test_wide)
EVERY = 18

EQUIVALENT = {
    "consent.rules.step: event.request and event.kind in (Kind.GIVEN, Kind.REFUSED) → "
    "event.kind in (Kind.GIVEN, Kind.REFUSED)": ("a short cut: no question has an empty id"),
    "consent.reading.word: _LOUDNESS[state] < _LOUDNESS[said] → _LOUDNESS[state] <= _LOUDNESS[said]": (
        "two states are as loud only if they are the same one"
    ),
    "consent.reading.word: _LOUDNESS[state] < _LOUDNESS[no] → _LOUDNESS[state] <= _LOUDNESS[no]": (
        "two states are as loud only if they are the same one"
    ),
    "consent.reading._terms: return (speaking[0], speaking[0].conditions or ANY, given) → pass": (
        "a short cut: the loop below comes to the same for one permit"
    ),
}
"""Faults that change nothing → why."""


@pytest.fixture(scope="module")
def faults() -> list[mutating.Mutant]:
    return [mutant for module in MODULES for mutant in mutating.mutants(module)]


def test_the_tests_pass_on_the_rules_as_they_are() -> None:
    assert len(TESTS) > 250
    for test in TESTS:
        test()


@pytest.mark.slow
def test_a_fault_planted_in_the_rules_is_seen(faults: list[mutating.Mutant], soak: bool) -> None:
    planted = [fault for fault in faults if fault.key not in EQUIVALENT]
    unseen = [fault.key for fault in planted[:: 1 if soak else EVERY] if not mutating.seen(fault, TESTS)]
    assert unseen == []


def test_the_rules_are_as_they_were_after_a_fault_was_planted(faults: list[mutating.Mutant]) -> None:
    before = {module.__name__: _state(module) for module in MODULES}
    for fault in faults[::EVERY]:
        mutating.seen(fault, TESTS[:1])
    assert {module.__name__: _state(module) for module in MODULES} == before
    assert len(faults) == len({fault.key for fault in faults}) > 700


def _state(module: object) -> dict[str, object]:
    return {
        name: getattr(value, "__code__", value) for name, value in vars(module).items() if name != "__builtins__"
    }


def test_what_is_called_equivalent_is_a_fault_that_could_be_planted(faults: list[mutating.Mutant]) -> None:
    assert set(EQUIVALENT) <= {fault.key for fault in faults}


def test_a_fault_that_no_test_looks_at_is_reported(faults: list[mutating.Mutant]) -> None:
    assert not mutating.seen(faults[0], [])
    assert mutating.seen(faults[0], TESTS)
