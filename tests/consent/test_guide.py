# SPDX-License-Identifier: Apache-2.0
"""The guide for privacy officers is true."""

from __future__ import annotations

import re
from pathlib import Path

from consent import errors, rules, wording

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "consent.md").read_text()


def test_the_table_of_transitions_is_the_one_of_the_code() -> None:
    shown = re.search(r"<!-- transitions: .*? -->\n(.*?)<!-- /transitions -->", GUIDE, re.DOTALL)
    assert shown is not None
    assert shown[1] == wording.transition_table(), "print wording.transition_table() into the guide"


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
