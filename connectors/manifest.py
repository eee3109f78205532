# SPDX-License-Identifier: Apache-2.0
"""Manifests and mappings as read from YAML: checked by JSON Schema, and proved against the vocabulary.

Every fault is a sentence that says the file, the place in it and what to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from msgspec import Struct, field

_SCHEMAS: Final = Path(__file__).parent / "schema"


class ManifestError(ValueError):
    """One or more faults in manifests or mappings; `faults` holds the sentences."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class CategoryHeld(Struct, frozen=True):
    """A category the source can answer."""

    id: str
    sensitivity: Literal["standard", "special", "criminal"]


class EngineNamed(Struct, frozen=True):
    """Which engine speaks to it, and the least version of that engine."""

    name: str
    min: str = "0"


class Identifiers(Struct, frozen=True):
    """Identifier systems a lookup may use, best first."""

    accepts: tuple[str, ...]
    trust: dict[str, str] = field(default_factory=dict)


class Capability(Struct, frozen=True):
    """What the source can do."""

    lookup: bool = True
    selects_fields: bool = False
    history_days: int = 0


class Freshness(Struct, frozen=True):
    """Whether it says what is so now, or hands out an extract; seconds."""

    mode: Literal["live", "extract"]
    max_age_s: int = 0


class Limits(Struct, frozen=True):
    """Bounds of one source; see the schema for each."""

    timeout_ms: int = 5000
    concurrency: int = 32
    connections: int = 0
    rate_per_s: float = 0
    max_bytes: int = 1048576
    max_records: int = 200
    max_pages: int = 10
    max_depth: int = 48


class Breaker(Struct, frozen=True):
    """When a failing source is left alone."""

    fail: int = 5
    open_s: float = 30
    slow_ms: int = 500


class Probe(Struct, frozen=True):
    """A cheap call without personal data."""

    probe: str = ""
    every_s: int = 60


class Cost(Struct, frozen=True):
    """What the source costs its users, in pence."""

    per_call_pence: float = 0
    per_month_pence: int = 0
    basis: str = ""
    as_of: str = ""


class ErrorSign(Struct, frozen=True):
    """What an error of this upstream means."""

    when: dict[str, int | str]
    outcome: Literal["none", "withheld", "superseded", "ambiguous", "unavailable"]


class Manifest(Struct, frozen=True):
    """One connected system. `connect` keeps the engine's own part; secrets stand there by name only."""

    id: str
    version: str
    title: str
    owner: str
    controller: str
    sector: Literal["council", "nhs", "third-sector", "national"]
    engine: EngineNamed
    status: Literal["live", "pilot", "paused", "retired"]
    categories: tuple[CategoryHeld, ...]
    identifiers: Identifiers
    freshness: Freshness
    limits: Limits
    secrets: tuple[str, ...]
    connect: dict[str, Any]
    mapping: str
    contact: str = ""
    support_hours: str = ""
    dpia_ref: str = ""
    services: tuple[str, ...] = ()
    capability: Capability = Capability()
    breaker: Breaker = Breaker()
    errors: tuple[ErrorSign, ...] = ()
    health: Probe = Probe()
    cost: Cost = Cost()
    fixtures: str = ""

    @property
    def connector(self) -> str:
        """How provenance names it: `id@version`."""
        return f"{self.id}@{self.version}"


# -- reading ----------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML without its surprises: keys are the text that stands there (`NO`, `01`), dates stay text, only true and
    false are booleans, and the same key twice is refused."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _letter, _pattern in (("t", r"true"), ("f", r"false")):
    _Loader.yaml_implicit_resolvers.setdefault(_letter, []).append(
        ("tag:yaml.org,2002:bool", re.compile(_pattern + r"\Z"))
    )


def _construct_mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
    out: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
        if key in out:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} twice", key_node.start_mark)
        out[key] = loader.construct_object(value_node, deep=True)
    return out


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)


def read_yaml(path: Path) -> Any:
    """The document in `path`. Raises `ManifestError`."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise ManifestError(
            [f"{path.name}{place}: not readable YAML ({getattr(error, 'problem', 'syntax')})."]
        ) from None
    except OSError as error:
        raise ManifestError([f"{path.name}: cannot be read ({error.strerror})."]) from None


def _schema_faults(path: Path, document: Any, schema: str) -> Iterator[str]:
    validator = Draft202012Validator(json.loads((_SCHEMAS / f"{schema}.schema.json").read_text(encoding="utf-8")))
    for error in sorted(validator.iter_errors(document), key=lambda e: list(map(str, e.absolute_path))):
        deepest = _deepest(error)
        place = "/".join(str(part) for part in deepest.absolute_path) or "the top"
        yield f"{path.name} at {place}: {_sentence(deepest)}. See connectors/schema/{schema}.schema.json."


def _sentence(error: ValidationError) -> str:
    if error.validator == "enum":
        return f"{error.instance!r} is not one of the words allowed there"
    return error.message if len(error.message) < 200 else f"not as `{error.validator}` in the schema asks"


def _deepest(error: ValidationError) -> ValidationError:
    return best_match([error]) or error


def read_manifest(path: Path) -> Manifest:
    """One manifest, valid by the schema. Raises `ManifestError`."""
    document = read_yaml(path)
    faults = list(_schema_faults(path, document, "manifest"))
    if faults:
        raise ManifestError(faults)
    manifest = msgspec.convert({"limits": {}, **document}, Manifest)
    declared, used = set(manifest.secrets), set(_secrets_used(manifest.connect))
    faults += [
        f"{path.name} at connect: the secret {name} is used but not listed under `secrets`. List it."
        for name in sorted(used - declared)
    ]
    faults += [
        f"{path.name} at secrets: {name} is listed but not used under `connect`. Remove it."
        for name in sorted(declared - used)
    ]
    if faults:
        raise ManifestError(faults)
    return manifest


def _secrets_used(connect: Mapping[str, Any]) -> Iterator[str]:
    for key in ("base_url", "database_url", "ca_file"):
        if key in connect:
            yield connect[key]
    if "secret" in connect.get("auth", {}):
        yield connect["auth"]["secret"]


def read_mapping(path: Path) -> dict[str, Any]:
    """One mapping as it stands, valid by the schema. Raises `ManifestError`."""
    document = read_yaml(path)
    if faults := list(_schema_faults(path, document, "mapping")):
        raise ManifestError(faults)
    return dict(document)


def category_faults(
    manifest: Manifest, mapping: Mapping[str, Any], vocabulary: Mapping[str, frozenset[str]], file: str
) -> Iterator[str]:
    """The category proof: the mapping writes to declared categories only, and only fields of that category."""
    declared = {category.id for category in manifest.categories}
    mapped = set(mapping["categories"])
    for category in sorted(declared - vocabulary.keys()):
        yield f"{file}: {category} is declared by {manifest.id} but is not in the vocabulary. Correct its name."
    for category in sorted(mapped - declared):
        yield f"{file} at categories/{category}: {manifest.id} does not declare it. Declare it there or remove it."
    for category in sorted(declared - mapped):
        yield f"{file}: nothing for {category}, which {manifest.id} declares. Map it, or do not declare it."
    if mapping["engine"] != manifest.engine.name:
        yield f"{file} at engine: {mapping['engine']}, but {manifest.id} uses {manifest.engine.name}. Agree them."
    for category in sorted(mapped & declared & vocabulary.keys()):
        spec = mapping["categories"][category]
        place = f"{file} at categories/{category}"
        written: set[str] = set()
        for rule in spec["fields"]:
            to = rule["to"]
            if to not in vocabulary[category]:
                owners = sorted(other for other, fields in vocabulary.items() if to in fields)
                hint = f"it belongs to {owners[0]}" if owners else "the vocabulary has no such field"
                yield f"{place}/fields: {to} is not a field of this category ({hint}). Correct or remove the rule."
            if to in written:
                yield f"{place}/fields: {to} has two rules. Keep one."
            written.add(to)
            if "code_map" in rule and rule["code_map"] not in mapping.get("code_maps", {}):
                yield f"{place}/fields: the code map {rule['code_map']} of {to} is not there. Add it to code_maps."
        for to in spec.get("restricted", {}).get("drop", ()):
            if to not in written:
                yield f"{place}/restricted/drop: {to} has no rule. Correct its name."
