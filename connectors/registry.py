# SPDX-License-Identifier: Apache-2.0
"""The connected systems: manifests and mappings loaded, proved, and joined to engines and ways out.

A manifest or mapping that is wrong stops the start with a sentence for each fault. A secret that is missing does
not: that one source answers `unavailable/not-configured`, and `findings` says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from connectors.anysql import ThreadWay
from connectors.base import Finding, Health, Reason
from connectors.census import Census
from connectors.context import Context, Engine
from connectors.engines.fhir_rest import FhirRest
from connectors.engines.rest_json import RestJson
from connectors.engines.sql_view import SqlView
from connectors.gate import Gate
from connectors.http import ConfigError, HttpWay
from connectors.manifest import Manifest, ManifestError, category_faults, read_manifest, read_mapping
from connectors.postgres import PostgresWay
from connectors.sql import SqlWay
from connectors.vault import Vault

ENGINES: Final[tuple[Engine, ...]] = (FhirRest(), RestJson(), SqlView())  # one line registers a built-in engine
GROUP: Final = "commons.connectors"  # entry points of engines from elsewhere


class Source:
    """One connected system, ready to be read. `context` is None when it cannot be used, and `why` says why not."""

    def __init__(
        self, manifest: Manifest, mapping: str, engine: Engine, context: Context | None, why: Reason
    ) -> None:
        self.manifest = manifest
        self.mapping = mapping
        self.engine = engine
        self.context = context
        self.why = why
        self.gate = Gate(manifest)

    def __repr__(self) -> str:
        return f"Source({self.manifest.id!r})"


class Registry:
    """Every connected system of one process."""

    def __init__(self, sources: Mapping[str, Source], findings: Sequence[Finding]) -> None:
        self._sources = dict(sources)
        self.findings = tuple(findings)
        self._serving: dict[str, tuple[str, ...]] = {}
        for source in self._sources.values():
            for category in source.manifest.categories:
                self._serving[category.id] = (*self._serving.get(category.id, ()), source.manifest.id)

    def sources(self) -> Mapping[str, Manifest]:
        """Every manifest by source id."""
        return MappingProxyType({id: source.manifest for id, source in self._sources.items()})

    def serving(self, category: str) -> tuple[str, ...]:
        """The ids of the sources that hold a category, in the order of their ids."""
        return self._serving.get(category, ())

    def accepts(self, source: str) -> tuple[str, ...]:
        """The identifier systems a source takes, best first; nothing for an unknown source."""
        found = self._sources.get(source)
        return found.manifest.identifiers.accepts if found else ()

    def source(self, source: str) -> Source | None:
        """One source, or None."""
        return self._sources.get(source)

    def engine(self, source: str) -> Engine:
        """The engine of a source. Raises `KeyError` for an unknown one."""
        return self._sources[source].engine

    async def probe(self) -> list[Health]:
        """Probes every usable source at once; no personal data is sent."""
        usable = [
            (source.engine, source.context) for source in self._sources.values() if source.context is not None
        ]
        idle = [source for source in self._sources.values() if source.context is None]
        healths = await asyncio.gather(*(engine.probe(context) for engine, context in usable))
        return [*healths, *(Health(source.manifest.id, well=False, reason=source.why) for source in idle)]

    def census(self) -> dict[str, dict[str, Census]]:
        """Source → category → what its mapping could not read and does not read, by name."""
        return {
            id: {category: part.plan.census for category, part in source.context.plan.items()}
            for id, source in self._sources.items()
            if source.context is not None
        }

    async def close(self) -> None:
        """Closes every way out."""
        for source in self._sources.values():
            if source.context is not None:
                await source.context.way.close()


def load(
    manifests_dir: Path,
    mappings_dir: Path,
    vocabulary: Mapping[str, frozenset[str]],
    secrets: Mapping[str, str] | Path,
    *,
    third_party: Sequence[str] = (),
) -> Registry:
    """Loads every `*.yaml` of `manifests_dir` in the order of their names.

    `vocabulary`: category → its fields. `secrets`: a folder with one file per secret, or a mapping. `third_party`:
    names of entry points in `commons.connectors` that the operator allows; no other is even imported. Raises
    `ManifestError` with all faults at once.
    """
    engines = _engines(third_party)
    vault = Vault(secrets)
    faults: list[str] = []
    sources: dict[str, Source] = {}
    findings: list[Finding] = []
    files = sorted(manifests_dir.glob("*.yaml"))
    if not files:
        faults.append(
            f"{manifests_dir}: no manifest (*.yaml) here. Point manifests_dir at the folder that has them."
        )
    for file in files:
        try:
            source, found = _source(file, mappings_dir, vocabulary, vault, engines)
        except ManifestError as error:
            faults.extend(error.faults)
            continue
        findings.extend(found)
        if source.manifest.id in sources:
            faults.append(
                f"{file.name} at id: {source.manifest.id} is the id of another manifest too. Ids are unique."
            )
        sources[source.manifest.id] = source
    if faults:
        raise ManifestError(faults)
    return Registry(dict(sorted(sources.items())), findings)


def _engines(third_party: Sequence[str]) -> dict[str, Engine]:
    engines = {engine.describe().name: engine for engine in ENGINES}
    for point in entry_points(group=GROUP):
        if point.name in third_party:
            engine: Engine = point.load()()
            if engine.describe().name in engines:
                raise ManifestError([f"the entry point {point.name}: its engine's name is taken. Do not list it."])
            engines[engine.describe().name] = engine
    return engines


def _source(
    file: Path,
    mappings_dir: Path,
    vocabulary: Mapping[str, frozenset[str]],
    vault: Vault,
    engines: Mapping[str, Engine],
) -> tuple[Source, list[Finding]]:
    """One source, or `ManifestError` with every fault of its manifest and mapping."""
    manifest = read_manifest(file)
    mapping = read_mapping(mappings_dir / manifest.mapping)
    faults = list(category_faults(manifest, mapping, vocabulary, manifest.mapping))
    engine = engines.get(manifest.engine.name)
    if engine is None:
        names = ", ".join(sorted(engines))
        faults.append(f"{file.name} at engine/name: no engine {manifest.engine.name}. There are: {names}.")
        raise ManifestError(faults)
    info = engine.describe()
    if _version(info.version) < _version(manifest.engine.min):
        faults.append(f"{file.name} at engine/min: {info.name} is {info.version}. Update the gateway.")
    if not faults:
        faults = [f"{file.name}: {finding.sentence}" for finding in engine.check(manifest, mapping)]
    if faults:
        raise ManifestError(faults)
    return _joined(file, manifest, mapping, engine, vault)


def _joined(
    file: Path, manifest: Manifest, mapping: Mapping[str, Any], engine: Engine, vault: Vault
) -> tuple[Source, list[Finding]]:
    name = f"{mapping['id']}-v{mapping['version']}"
    if manifest.status in ("paused", "retired"):
        return Source(manifest, name, engine, None, Reason.PAUSED), []
    if missing := [secret for secret in manifest.secrets if vault.get(secret) is None]:
        sentence = f"the secret {missing[0]} is missing. Put it in the secrets folder, as a file of that name."
        return Source(manifest, name, engine, None, Reason.NOT_CONFIGURED), [Finding(manifest.id, sentence)]
    try:
        way = _way(manifest, engine, vault)
    except ConfigError as error:
        return Source(manifest, name, engine, None, Reason.NOT_CONFIGURED), [Finding(manifest.id, f"{error}.")]
    findings = []
    if isinstance(way, ThreadWay) and not way.proves_read_only:
        findings.append(
            Finding(
                manifest.id, "this database cannot prove that its role only reads; make sure it does.", error=False
            )
        )
    context = Context(manifest, name, engine.prepare(manifest, mapping, way), way)
    return Source(manifest, name, engine, context, Reason.NONE), findings


def _way(manifest: Manifest, engine: Engine, vault: Vault) -> HttpWay | SqlWay:
    def secret(name: str) -> str:
        value = vault.get(name)
        if value is None:
            raise ConfigError(f"the secret {name} is missing")
        return value

    if engine.describe().way == "http":
        return HttpWay(manifest, secret)
    limits, name = manifest.limits, manifest.connect["database_url"]
    connections = limits.connections or min(limits.concurrency, 8)
    try:
        url = sa.make_url(secret(name))
        if url.get_backend_name() == "postgresql":
            return PostgresWay(
                url, connections=connections, timeout_ms=limits.timeout_ms, max_bytes=limits.max_bytes
            )
        return ThreadWay(url, connections=connections, max_bytes=limits.max_bytes)
    except (ArgumentError, NoSuchModuleError, ImportError):
        raise ConfigError(
            f"the secret {name} is not an SQLAlchemy URL of a database whose driver is here"
        ) from None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
