# SPDX-License-Identifier: Apache-2.0
"""What an engine is, and what it is given: one source's compiled plan and the only way out to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct

from connectors.base import Envelope, Finding, Health, Read
from connectors.http import HttpWay
from connectors.manifest import Manifest
from connectors.mapping import CategoryPlan
from connectors.sql import SqlWay


class EngineInfo(Struct, frozen=True):
    """An engine's name, version, and the kind of way out it needs."""

    name: str
    version: str
    way: Literal["http", "sql"]


class Context(Struct, frozen=True):
    """One source as an engine sees it. The way out is bound to the manifest's host or views, with the credential
    inside; an engine opens no socket of its own. `mapping` is how provenance names the mapping: `id-vN`."""

    manifest: Manifest
    mapping: str
    plan: Mapping[str, Any]
    way: HttpWay | SqlWay


class Part(Protocol):
    """An engine's plan of one category; beside what the engine needs it has the compiled mapping."""

    @property
    def plan(self) -> CategoryPlan:
        """The compiled mapping."""
        ...


class Engine(Protocol):
    """One protocol. Stateless: what belongs to a source stands in its Context."""

    def describe(self) -> EngineInfo:
        """Name, version, way."""
        ...

    def check(self, manifest: Manifest, mapping: Mapping[str, Any]) -> list[Finding]:
        """Static faults of a manifest and mapping for this engine; no network."""
        ...

    def prepare(self, manifest: Manifest, mapping: Mapping[str, Any], way: HttpWay | SqlWay) -> Mapping[str, Part]:
        """Compiles the mapping, once: category → this engine's plan of it."""
        ...

    async def read(self, context: Context, read: Read) -> list[Envelope]:
        """One envelope per wanted category, by the deadline. Raises nothing but cancellation."""
        ...

    async def probe(self, context: Context) -> Health:
        """A cheap call without personal data."""
        ...
