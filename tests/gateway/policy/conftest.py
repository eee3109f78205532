# SPDX-License-Identifier: Apache-2.0
"""A judge over the rules of the repository, and the small values that tests change one thing of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.policy import canaries, generate
from gateway.policy import vocabulary as law
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.facts import Facts
from gateway.policy.vocabulary import Vocabulary

POLICIES = Path(__file__).parents[3] / "policies"

Lawful = Callable[[str, str], Facts]


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """The vocabulary of the repository's policies."""
    return law.load(POLICIES)


@pytest.fixture(scope="session")
def judge() -> EmbeddedJudge:
    """The judge over the repository's policies."""
    return EmbeddedJudge.unsafe_unsigned(POLICIES)


@pytest.fixture
def lawful(vocabulary: Vocabulary) -> Lawful:
    """(agreement, category) → facts under which every pair of that category's term is allowed."""

    def facts(agreement: str, category: str) -> Facts:
        chosen = vocabulary.agreements[agreement]
        term = next(term for term in chosen.terms if category in term.categories)
        return canaries.lawful(chosen, term, vocabulary)

    return facts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the policies that a test may break."""
    copy = tmp_path / "policies"
    shutil.copytree(POLICIES, copy)
    return copy


@pytest.fixture
def regenerate(folder: Path) -> Callable[[], None]:
    """Writes the generated files of the copy again, as somebody does who adds or removes a rule."""

    def write() -> None:
        for path, text in generate.files(folder).items():
            path.write_bytes(text)

    return write
