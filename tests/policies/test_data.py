# SPDX-License-Identifier: Apache-2.0
"""The data files fit their JSON Schemas, as an editor or another program would check them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.policy.documents import parse
from gateway.policy.vocabulary import FILES

POLICIES = Path(__file__).parents[2] / "policies"
AGREEMENTS = sorted((POLICIES / "data" / "agreements").glob("*.yaml"))


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((POLICIES / "schema" / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_vocabulary_fits_its_schema(name: str) -> None:
    document = parse((POLICIES / "data" / f"{name}.yaml").read_text())
    assert [error.message for error in validator(name).iter_errors(document)] == []


@pytest.mark.parametrize("path", AGREEMENTS, ids=lambda path: path.stem)
def test_each_agreement_fits_its_schema(path: Path) -> None:
    assert [error.message for error in validator("agreement").iter_errors(parse(path.read_text()))] == []


@pytest.mark.parametrize(
    "change",
    [
        {"parties": []},
        {"valid": {"from": "soon", "until": "later"}},
        {"retention_days": 0},
        {"retention_days": True},
        {"salary": 1},
    ],
    ids=["no parties", "days that are none", "no retention", "a retention that is a boolean", "an unknown member"],
)
def test_the_schema_refuses_an_agreement_that_is_wrong(change: dict[str, Any]) -> None:
    document = parse(AGREEMENTS[0].read_text()) | change
    assert not validator("agreement").is_valid(document)


def test_every_name_an_agency_or_citizen_sees_has_its_welsh_one() -> None:
    for name in ("purposes", "categories", "roles", "lawful-bases", "confidentiality-bases"):
        document = parse((POLICIES / "data" / f"{name}.yaml").read_text())
        rows = document[name.replace("-", "_")]
        assert [row["code"] for row in rows if not row.get("title_cy")] == []
