# SPDX-License-Identifier: Apache-2.0
"""The generated reference says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.dev import reference
from gateway import errors
from gateway.audit.events import NAMES
from gateway.settings import Settings

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_a_generated_page_is_current(name: str) -> None:
    assert (REFERENCE / name).read_text() == reference.PAGES[name](), "run `make docs`"


def test_every_setting_has_a_row() -> None:
    page = (REFERENCE / "settings.md").read_text()
    missing = [name for name in Settings.model_fields if f"| `COMMONS_{name.upper()}` |" not in page]
    assert not missing


def test_every_setting_says_what_it_means() -> None:
    assert not [name for name, field in Settings.model_fields.items() if not field.description]


def test_every_error_code_has_a_row() -> None:
    page = (REFERENCE / "errors.md").read_text()
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    codes = {value.code for value in classes if issubclass(value, errors.CommonsError)}
    assert not [code for code in codes if f"| `{code}` |" not in page]


def test_every_type_of_entry_has_a_row() -> None:
    page = (REFERENCE / "events.md").read_text()
    assert not [name for name in NAMES if f"| `{name}` |" not in page]


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in reference.family()]
    assert sorted(codes) == sorted(set(codes))
