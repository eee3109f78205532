# SPDX-License-Identifier: Apache-2.0
"""Loading manifests: every fault is a sentence with file and place, and nothing half-proved is used."""

from __future__ import annotations

import ast
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.base import Outcome, Reason
from connectors.engines import fhir_rest
from connectors.manifest import ManifestError, read_yaml
from connectors.registry import load
from tests.connectors.world import (
    FHIR_MAPPING,
    PERSON,
    PLAN,
    REST_MAPPING,
    SECRET_KEY,
    SQL_MAPPING,
    VOCABULARY,
    ask,
    manifest,
    registry,
    web,
)

SECRETS = {"crm_base_url": "http://127.0.0.1:9", "crm_key": SECRET_KEY, "core_url": "sqlite:///none.db"}
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def _set(*path: Any, to: Any, of: str = "mapping") -> Change:
    def change(made: dict[str, Any], mapping: dict[str, Any]) -> None:
        target: Any = mapping if of == "mapping" else made
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to

    return change


def _drop(*path: Any, of: str = "mapping") -> Change:
    def change(made: dict[str, Any], mapping: dict[str, Any]) -> None:
        target: Any = mapping if of == "mapping" else made
        for step in path[:-1]:
            target = target[step]
        del target[path[-1]]

    return change


IN_PLAN = ("categories", PLAN)
FAULTS: dict[str, tuple[str, Change, str]] = {
    "a field of another category": (
        "rest-json",
        _set(*IN_PLAN, "fields", 1, "to", to="postcode"),
        f"postcode is not a field of this category (it belongs to {PERSON})",
    ),
    "a field nobody has": (
        "rest-json",
        _set(*IN_PLAN, "fields", 1, "to", to="shoe_size"),
        "the vocabulary has no such field",
    ),
    "two rules for one field": ("rest-json", _set(*IN_PLAN, "fields", 1, "to", to="title"), "title has two rules"),
    "a category that is not declared": (
        "rest-json",
        _set("categories", to=[{"id": PLAN, "sensitivity": "special"}], of="manifest"),
        "does not declare it",
    ),
    "a category that is not mapped": ("rest-json", _drop("categories", PERSON), f"nothing for {PERSON}"),
    "a category of no vocabulary": (
        "rest-json",
        _set("categories", 0, "id", to="support.magic", of="manifest"),
        "is not in the vocabulary",
    ),
    "no echo": ("rest-json", _drop(*IN_PLAN, "echo"), "'echo' is a required property"),
    "a code map that is not there": (
        "rest-json",
        _set("code_maps", to={}),
        "the code map status of status is not there",
    ),
    "a transform that is not there": (
        "rest-json",
        _set(*IN_PLAN, "fields", 0, "via", to=["eval"]),
        "'eval' is not one of the words",
    ),
    "a path that is none": ("rest-json", _set(*IN_PLAN, "fields", 0, "from", to="a[?"), PLAN),
    "a template hole that is not there": (
        "rest-json",
        _set("categories", PERSON, "select", "request", "path", to="/people/{surname}"),
        "{surname} is not known",
    ),
    "a body on a GET": ("rest-json", _drop(*IN_PLAN, "select", "request", "method"), "a GET has no body"),
    "another engine's select": (
        "fhir-rest",
        _set(*IN_PLAN, "select", to={"request": {"path": "/x"}}),
        "not of this engine's form",
    ),
    "an engine that is not there": (
        "rest-json",
        _set("engine", "name", to="telepathy", of="manifest"),
        "no engine telepathy",
    ),
    "an engine too old": ("rest-json", _set("engine", "min", to="9.1", of="manifest"), "Update the gateway"),
    "a mapping of another engine": (
        "rest-json",
        _set("engine", to="fhir-rest"),
        "but uk/charity/9999901/crm uses rest-json",
    ),
    "an unknown member": ("rest-json", _set("colour", to="red", of="manifest"), "'colour' was unexpected"),
    "a secret that is not listed": (
        "rest-json",
        _set("secrets", to=["crm_base_url"], of="manifest"),
        "crm_key is used but not listed",
    ),
    "a secret that is not used": (
        "rest-json",
        _set("secrets", to=["crm_base_url", "crm_key", "spare"], of="manifest"),
        "spare is listed but not used",
    ),
    "a column that is not allowed": (
        "sql-view",
        _set(*IN_PLAN, "fields", 1, "from", to="NI_NO"),
        "the column NI_NO is not under connect/views/RPT_PLAN",
    ),
    "a view that is not allowed": (
        "sql-view",
        _set(*IN_PLAN, "select", "view", to="RPT_PAY"),
        "the view RPT_PAY is not under connect/views",
    ),
    "SQL in a column's name": (
        "sql-view",
        _set("connect", "views", to={"V": ["a; DROP TABLE x"]}, of="manifest"),
        "does not match",
    ),
}
MAPPINGS = {"rest-json": REST_MAPPING, "fhir-rest": FHIR_MAPPING, "sql-view": SQL_MAPPING}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_fault_is_a_sentence_with_file_and_place(fault: str, tmp_path: Path) -> None:
    engine, change, wanted = FAULTS[fault]
    made, mapping = manifest(engine), deepcopy(MAPPINGS[engine])
    change(made, mapping)
    with pytest.raises(ManifestError) as caught:
        registry(tmp_path, made, mapping, SECRETS)
    assert wanted in str(caught.value)
    assert "crm.yaml" in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    mapping = deepcopy(REST_MAPPING)
    mapping["categories"][PLAN]["fields"][1]["to"] = "postcode"
    mapping["categories"][PERSON]["fields"][0]["to"] = "title"
    with pytest.raises(ManifestError) as caught:
        registry(tmp_path, manifest("rest-json"), mapping, SECRETS)
    assert len(caught.value.faults) == 2


def test_two_manifests_of_one_id_are_refused(tmp_path: Path) -> None:
    registry(tmp_path, manifest("rest-json"), REST_MAPPING, SECRETS)
    (tmp_path / "manifests" / "again.yaml").write_text((tmp_path / "manifests" / "crm.yaml").read_text())
    with pytest.raises(ManifestError, match="is the id of another manifest too"):
        load(tmp_path / "manifests", tmp_path / "mappings", VOCABULARY, SECRETS)


def test_an_empty_folder_is_no_registry(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no manifest"):
        load(tmp_path, tmp_path, VOCABULARY, SECRETS)


def test_what_is_connected_can_be_asked(tmp_path: Path) -> None:
    connected = registry(tmp_path, manifest("rest-json"), REST_MAPPING, SECRETS)
    assert list(connected.sources()) == ["uk/charity/9999901/crm"]
    assert connected.serving(PLAN) == ("uk/charity/9999901/crm",)
    assert connected.serving("health.allergies") == ()
    assert connected.accepts("uk/charity/9999901/crm") == ("urn:uk:charity:9999901:crm:client",)
    assert connected.accepts("uk/charity/9999901/other") == ()
    assert connected.engine("uk/charity/9999901/crm").describe().name == "rest-json"
    assert connected.findings == ()


async def test_a_missing_secret_leaves_one_source_out_and_says_which(tmp_path: Path) -> None:
    connected = registry(tmp_path, manifest("rest-json"), REST_MAPPING, {"crm_key": SECRET_KEY})
    assert "crm_base_url" in connected.findings[0].sentence
    (envelope,) = await ask(connected)
    assert (envelope.outcome, envelope.reason) == (Outcome.UNAVAILABLE, Reason.NOT_CONFIGURED)
    (health,) = await connected.probe()
    assert health.reason is Reason.NOT_CONFIGURED


async def test_a_paused_source_is_never_called(tmp_path: Path) -> None:
    connected = web(tmp_path, "rest-json", "http://127.0.0.1:9", status="paused")
    assert (await ask(connected))[0].reason is Reason.PAUSED


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/api",  # plain http to another machine
        "ftp://127.0.0.1/",
        "https://user:pw@crm.example/",
        "https://crm.example/?key=1",
        "https://crm.example:port/",
        "file:///etc/passwd",
        "not a url",
    ],
)
async def test_an_address_that_is_not_safe_is_not_used_and_not_shown(tmp_path: Path, url: str) -> None:
    connected = web(tmp_path, "rest-json", url)
    assert (await ask(connected))[0].reason is Reason.NOT_CONFIGURED
    assert "crm_base_url" in connected.findings[0].sentence
    assert url not in connected.findings[0].sentence


async def test_a_key_with_a_line_break_cannot_make_headers(tmp_path: Path) -> None:
    secrets = SECRETS | {"crm_key": "a\r\nHost: evil.example"}
    connected = registry(tmp_path, manifest("rest-json"), REST_MAPPING, secrets)
    assert (await ask(connected))[0].reason is Reason.NOT_CONFIGURED
    assert "evil" not in connected.findings[0].sentence


async def test_a_database_url_that_is_none_is_not_shown(tmp_path: Path) -> None:
    connected = registry(tmp_path, manifest("sql-view"), SQL_MAPPING, {"core_url": f"oracul://{SECRET_KEY}@x/y"})
    assert (await ask(connected))[0].reason is Reason.NOT_CONFIGURED
    assert SECRET_KEY not in connected.findings[0].sentence


def test_secrets_are_files_of_their_names_and_show_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, value in SECRETS.items():
        (folder / name).write_text(f"{value}\n")
    registry(tmp_path, manifest("rest-json"), REST_MAPPING, {})
    connected = load(tmp_path / "manifests", tmp_path / "mappings", VOCABULARY, folder)
    source = connected.source("uk/charity/9999901/crm")
    assert source is not None
    assert source.context is not None
    assert SECRET_KEY not in repr([connected, source, source.context, source.context.way])


def test_an_engine_from_elsewhere_is_not_even_imported_unless_it_is_listed(tmp_path: Path) -> None:
    info = tmp_path / "outside-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[commons.connectors]\noutside = outside_engine:Engine\n")
    (tmp_path / "outside_engine.py").write_text("raise RuntimeError('imported')\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        registry(tmp_path, manifest("rest-json"), REST_MAPPING, SECRETS)
        with pytest.raises(RuntimeError, match="imported"):
            load(tmp_path / "manifests", tmp_path / "mappings", VOCABULARY, SECRETS, third_party=["outside"])


@pytest.mark.parametrize("file", sorted(Path(fhir_rest.__file__).parent.glob("*.py")), ids=lambda file: file.stem)
def test_an_engine_has_no_way_out_of_its_own(file: Path) -> None:
    """What an engine sends goes through the way it is given, which holds host, credential and caps."""
    imported = {
        name
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    ways = {
        "socket",
        "ssl",
        "aiohttp",
        "httpx",
        "requests",
        "urllib",
        "urllib.request",
        "http",
        "psycopg",
        "subprocess",
    }
    assert not imported & (
        ways | {"sqlalchemy", "connectors.wire.Origin", "connectors.postgres", "connectors.vault"}
    )


def test_yaml_has_no_surprises(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("{NO: NO, 01: 2026-10-01, on: true, 1.0: yes}")
    assert read_yaml(file) == {"NO": "NO", "01": "2026-10-01", "on": True, "1.0": "yes"}


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\nb: 2\na: 3\n")
    with pytest.raises(ManifestError, match=r"a\.yaml, line 3"):
        read_yaml(file)


def test_yaml_cannot_make_objects(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(yaml.dump({"a": Path("x")}))
    with pytest.raises(ManifestError):
        read_yaml(file)
