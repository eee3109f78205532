# SPDX-License-Identifier: Apache-2.0
"""The shipped manifests and mappings: recorded answers become exactly these records, and nothing else leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from connectors.registry import load
from connectors.sandbox.fixtures import CITIZENS, ROOT, Case, System, cases, leaves, parted, system, written

FIXTURES = ROOT / "fixtures"
SOURCES = sorted(CITIZENS)
CANARY = "Zqxvkj"

each_case = pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.source}-{case.name}")
each_source = pytest.mark.parametrize("source", SOURCES)


def _vocabulary() -> dict[str, frozenset[str]]:
    file = Path(__file__).parents[2] / "policies" / "data" / "categories.yaml"
    return {one["code"]: frozenset(one["fields"]) for one in yaml.safe_load(file.read_text())["categories"]}


def _upstream(case: Case) -> Any:
    return orjson.loads((FIXTURES / case.source / f"{case.name}.upstream.json").read_bytes())


def _leaves(source: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = orjson.loads((FIXTURES / source / "leaves.json").read_bytes())
    return found


def _first(source: str, category: str, citizen: str = "all-returned") -> tuple[System, Case, Any]:
    case = next(c for c in cases() if (c.source, c.category, c.citizen) == (source, category, citizen))
    return system(source), case, _upstream(case)


@each_case
def test_a_recorded_answer_becomes_exactly_these_records(case: Case) -> None:
    golden = (FIXTURES / case.source / f"{case.name}.records.json").read_bytes()
    assert written(system(case.source).records(case, _upstream(case))) == golden


@each_case
def test_every_member_of_an_answer_is_known_to_be_read_or_to_stay_behind(case: Case) -> None:
    upstream = _upstream(case)
    read, stays = parted(case, upstream)
    told = _leaves(case.source)[case.category]
    assert read <= set(told["read"])
    assert stays <= set(told["stays"]) | set(told["read"])
    assert {path for path, _ in leaves(upstream)} <= set(told["read"]) | set(told["stays"])


@each_case
def test_what_stays_behind_is_in_no_record(case: Case) -> None:
    stays = set(_leaves(case.source)[case.category]["stays"])
    upstream = _upstream(case)
    for path, steps in leaves(upstream):
        if path in stays and path.rsplit(".", 1)[-1] not in ("resourceType", "next"):  # how the answer is read
            holder = upstream
            for step in steps[:-1]:
                holder = holder[step]
            holder[steps[-1]] = CANARY
    left = orjson.dumps(system(case.source).records(case, upstream))
    assert CANARY.lower().encode() not in left.lower()


@each_case
def test_a_member_that_the_source_adds_tomorrow_does_not_leave(case: Case) -> None:
    def grown(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: grown(member) for key, member in value.items()} | {"added": CANARY, "note2": {"x": CANARY}}
        return [grown(member) for member in value] if isinstance(value, list) else value

    records = system(case.source).records
    assert records(case, grown(_upstream(case))) == records(case, _upstream(case))


@each_source
def test_every_category_of_a_source_has_a_fixture_with_every_field(source: str) -> None:
    vocabulary = _vocabulary()
    seen: dict[str, set[str]] = {}
    for case in cases():
        if case.source == source:
            told = orjson.loads((FIXTURES / source / f"{case.name}.records.json").read_bytes())
            for record in told.get("records", []):
                seen.setdefault(case.category, set()).update(record["fields"])
    written_by = {
        category: {rule["to"] for rule in spec["fields"]}
        for category, spec in system(source).mapping["categories"].items()
    }
    assert seen.keys() == written_by.keys()
    for category, fields in written_by.items():
        assert fields <= vocabulary[category]
        assert fields - seen[category] <= {"ended"}  # a current tenancy or service has no end


def test_the_shipped_manifests_load_against_the_shipped_vocabulary() -> None:
    registry = load(ROOT / "manifests", ROOT / "mappings", _vocabulary(), {})
    assert sorted(registry.sources()) == [
        "uk/charity/9999901/crm",
        "uk/council/E06999901/core",
        "uk/nhs/XZG01/gp-record",
    ]


@each_source
def test_a_manifest_names_its_fixtures_and_holds_no_address(source: str) -> None:
    manifest = system(source).manifest
    assert (ROOT.parent / manifest.fixtures).is_dir()
    assert "://" not in str(manifest.connect)


@pytest.mark.parametrize(
    ("category", "column", "code", "field"),
    [
        ("housing.tenancy", "TEN_TYP", "??", "tenancy_type"),
        ("housing.tenancy", "LLD_CD", "HA99", "landlord"),
        ("social-care.adult-support", "PSR_CD", "N/K", "primary_support_reason"),
        ("benefits.council-tax", "DSC_CD", "XX", "discount"),
        ("identity.demographics", "SEX_CD", "Q", "gender"),
        ("identity.demographics", "DOB_DT", "31/02/1970", "birth_date"),
        ("housing.tenancy", "ARR_P", "TWELVE", "arrears_pence"),
    ],
)
def test_a_code_without_meaning_stays_behind_and_its_field_is_named(
    category: str, column: str, code: str, field: str
) -> None:
    source, case, rows = _first("council-core", category)
    [record] = source.records(case, [rows[0] | {column: code}])["records"]
    assert field not in record["fields"]
    assert list(record["unmapped"]) == [field]
    assert code not in str(record)


@pytest.mark.parametrize(("spelling", "meaning"), [("sec ", "secure"), (" S", "secure"), ("B&B", "temporary")])
def test_the_several_spellings_of_one_code_mean_the_same(spelling: str, meaning: str) -> None:
    source, case, rows = _first("council-core", "housing.tenancy")
    [record] = source.records(case, [rows[0] | {"TEN_TYP": spelling}])["records"]
    assert record["fields"]["tenancy_type"] == meaning


def test_a_restricted_patient_keeps_address_and_practice_even_if_the_source_sends_them() -> None:
    source, case, patient = _first("nhs-gp-record", "identity.demographics")
    patient["meta"]["security"].append({"code": "R"})
    [record] = source.records(case, patient)["records"]
    assert sorted(record["withheld"]) == ["address", "gp_practice", "postcode", "telephone"]
    assert not set(record["withheld"]) & record["fields"].keys()


@pytest.mark.parametrize("status", ["entered-in-error", "draft"])
def test_a_prescription_that_never_was_is_none(status: str) -> None:
    source, case, bundle = _first("nhs-gp-record", "health.medications")
    before = source.records(case, bundle)["records"]
    bundle["entry"][0]["resource"]["status"] = status
    assert source.records(case, bundle)["records"] == before[1:]


@each_case
def test_an_answer_about_somebody_else_is_refused_whole(case: Case) -> None:
    told = system(case.source).records(
        Case(case.source, case.category, case.citizen, "9999999999"), _upstream(case)
    )
    assert told == {"outcome": "unavailable", "reason": "identity-mismatch", "replaced_by": ""}
