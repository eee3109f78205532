# SPDX-License-Identifier: Apache-2.0
"""The guide for privacy officers is true."""

from __future__ import annotations

import re
from pathlib import Path

from consent import errors, rules
from consent.model import State
from consent.reasons import REASONS
from consent.transitions import TRANSITIONS

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "consent.md").read_text()


def test_every_state_every_kind_and_every_refusal_is_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "consent-transitions.md").read_text()
    for row in TRANSITIONS.values():
        for outcome in row.values():
            assert f"**{outcome}**" in page if isinstance(outcome, State) else f"| {outcome.sentence} |" in page
    for kind, codes in REASONS.items():
        assert all(f"| `{kind}` | `{code}` | {sentence} |" in page for code, sentence in codes.items())
    assert all(f"({f'`{state}`'})" in page for state in State)


def test_the_example_works_as_printed() -> None:
    examples = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    assert len(examples) == 1
    exec(compile(examples[0], "docs/guides/consent.md", "exec"), {})  # noqa: S102 - our own page


def test_the_guide_has_every_rule_of_the_code() -> None:
    numbers = re.compile(r"^(\d)\. ", re.MULTILINE)
    assert numbers.findall(GUIDE) == numbers.findall(rules.__doc__ or "")


def test_every_reason_has_its_own_code_and_a_sentence() -> None:
    family = [
        one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.ConsentError)
    ]
    assert len({one.code for one in family}) == len(family)
    assert all(one.sentence.endswith(".") and one.__name__ in (errors.__doc__ or "") for one in family)
