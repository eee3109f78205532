# SPDX-License-Identifier: Apache-2.0
"""The guide is true: its manifest, mapping and answer give the records it shows. The reference names every word."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import yaml

from connectors.base import Outcome, Read, Reason
from connectors.gather import gather
from connectors.registry import ENGINES, load
from connectors.transforms import TRANSFORMS
from tests.connectors.upstream import Respond, Upstream, answers, plain

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/connect-a-system.md").read_text()
REFERENCE = (ROOT / "docs/reference/connectors.md").read_text()
SCHEMAS = ROOT / "connectors/schema"


def block(kind: str) -> str:
    """The one block of the guide that is marked so."""
    (found,) = re.findall(rf"^```\w+ {kind}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


def vocabulary() -> dict[str, frozenset[str]]:
    written = yaml.safe_load((ROOT / "policies/data/categories.yaml").read_text())
    return {category["code"]: frozenset(category["fields"]) for category in written["categories"]}


async def test_the_guide_s_system_can_be_connected(
    tmp_path: Path, serve: Callable[[Respond], Awaitable[Upstream]]
) -> None:
    for folder, kind in (("manifests", "manifest"), ("mappings", "mapping")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "harbour-visits.yaml").write_text(block(kind))
    here = await serve(answers(plain("200 OK", block("answer").encode())))
    secrets = {"harbour_base_url": here.url, "harbour_key": "a-key"}
    registry = load(tmp_path / "manifests", tmp_path / "mappings", vocabulary(), secrets)
    (source,) = registry.sources()
    deadline = asyncio.get_running_loop().time() + 5
    wants = {"support.befriending": ("visit_date", "volunteer", "outcome", "notes")}
    read = Read(source, registry.accepts(source)[0], "C0042", wants, deadline=deadline)
    (envelope,) = await gather(registry, [read], deadline)
    await registry.close()
    assert [record.fields for record in envelope.records] == json.loads(block("records"))
    assert envelope.records[1].unmapped == ("outcome",)


@pytest.mark.parametrize("word", sorted({*Outcome, *Reason} - {Reason.NONE}))
def test_every_outcome_and_reason_has_its_row(word: str) -> None:
    assert re.search(rf"^\| `{word}` \|", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
def test_every_transform_has_its_row_and_stands_in_the_schema(name: str) -> None:
    assert re.search(rf"^\| .*`{name}`.* \|", REFERENCE, re.MULTILINE)
    schema = json.loads((SCHEMAS / "mapping.schema.json").read_text())
    assert name in schema["$defs"]["via"]["items"]["enum"]
    assert name in schema["$defs"]["via"]["description"]


@pytest.mark.parametrize("name", ["manifest", "mapping"])
def test_every_member_of_a_schema_is_in_the_reference(name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    members = set(schema["properties"]) if name == "manifest" else set(schema["$defs"]["category"]["properties"])
    assert not [member for member in members if f"`{member}`" not in REFERENCE]


@pytest.mark.parametrize("engine", [engine.describe().name for engine in ENGINES])
def test_every_engine_is_in_the_reference(engine: str) -> None:
    assert f"`{engine}`" in REFERENCE
