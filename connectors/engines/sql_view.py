# SPDX-License-Identifier: Apache-2.0
"""Read-only views of a relational database: the interface that council systems really offer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from connectors.base import Envelope, Finding, Health, Outcome, Read, ReadError, Reason
from connectors.context import Context, EngineInfo
from connectors.http import HttpWay
from connectors.landing import Effort, Result, land
from connectors.manifest import Manifest
from connectors.mapping import CategoryPlan, compile_categories
from connectors.paths import member
from connectors.sql import CategorySql, Progress, Row, SqlWay, fixed_columns, sources


class SqlView:
    """The engine `sql-view`."""

    def describe(self) -> EngineInfo:
        """Name, version, way."""
        return EngineInfo("sql-view", "1.0", "sql")

    def check(self, manifest: Manifest, mapping: Mapping[str, Any]) -> list[Finding]:
        """Every column a mapping names must be in the manifest's allow-list."""
        if "views" not in manifest.connect:
            return [Finding(manifest.id, "connect needs `database_url` and `views` for this engine.")]
        findings = []
        for category, spec in mapping["categories"].items():
            place = f"{manifest.mapping} at categories/{category}"
            select = spec["select"]
            if "view" not in select:
                findings.append(Finding(manifest.id, f"{place}/select: not of this engine's form (no `view`)."))
                continue
            allowed = manifest.connect["views"].get(select["view"])
            if allowed is None:
                findings.append(
                    Finding(manifest.id, f"{place}/select: the view {select['view']} is not under connect/views.")
                )
                continue
            used = fixed_columns(spec) | {column for rule in spec["fields"] for column in sources(rule)}
            findings += [
                Finding(
                    manifest.id,
                    f"{place}: the column {column} is not under connect/views/{select['view']}. Allow it there.",
                )
                for column in sorted(used - set(allowed))
            ]
        return findings

    def prepare(
        self, manifest: Manifest, mapping: Mapping[str, Any], way: HttpWay | SqlWay
    ) -> dict[str, CategorySql]:
        """Tables and selects of every category."""
        plans: dict[str, CategoryPlan] = compile_categories(mapping, lambda _: member)
        return {
            category: CategorySql(category, spec, manifest, plans[category])
            for category, spec in mapping["categories"].items()
        }

    async def read(self, context: Context, read: Read) -> list[Envelope]:
        """One envelope per wanted category; all of them from one round trip."""
        loop = asyncio.get_running_loop()
        manifest, way = context.manifest, _sql(context)
        effort, progress = Effort(started=loop.time(), calls=1), Progress()
        categories: Mapping[str, CategorySql] = context.plan
        bound = {name: categories[name].bound(read) for name in read.wants if name in categories}
        results: dict[str, Result] = {}
        if any(one.statement.integer_key for one in bound.values()) and not _is_integer(read.identifier):
            missing = ReadError(Reason.NONE, outcome=Outcome.NONE)  # no row can have such a key
            return land(manifest, context.mapping, read, dict.fromkeys(bound, missing), effort, loop.time())
        deadline = min(read.deadline, effort.started + manifest.limits.timeout_ms / 1000)
        try:
            async with asyncio.timeout_at(deadline):
                rows = await way.run(list(bound.values()), deadline, progress)
        except TimeoutError:
            results.update(dict.fromkeys(bound, ReadError(Reason.SOURCE_TIMEOUT, late=progress.begun)))
        except ReadError as error:
            results.update(dict.fromkeys(bound, error))
        else:
            for name, held in zip(bound, rows, strict=True):
                results[name] = _applied(categories[name], held, read, name, manifest.limits.max_records)
        effort.bytes = progress.bytes
        return land(manifest, context.mapping, read, results, effort, loop.time())

    async def probe(self, context: Context) -> Health:
        """SELECT 1 on a connection that proved it cannot write."""
        loop = asyncio.get_running_loop()
        started, reason = loop.time(), Reason.NONE
        try:
            async with asyncio.timeout(context.manifest.limits.timeout_ms / 1000):
                await _sql(context).probe()
        except TimeoutError:
            reason = Reason.SOURCE_TIMEOUT
        except ReadError as error:
            reason = error.reason
        elapsed = round((loop.time() - started) * 1000)
        return Health(context.manifest.id, well=reason is Reason.NONE, reason=reason, elapsed_ms=elapsed)


def _sql(context: Context) -> SqlWay:
    if isinstance(context.way, HttpWay):
        raise TypeError("sql-view needs an SQL way")
    return context.way


def _is_integer(identifier: str) -> bool:
    return identifier.isascii() and identifier.isdigit() and len(identifier) <= 18


def _applied(category: CategorySql, rows: list[Row], read: Read, name: str, most: int) -> Result:
    if len(rows) > most:  # LIMIT is one more than allowed: rows may be missing
        return ReadError(Reason.TOO_LARGE)
    try:
        return category.plan.apply([(row, row) for row in rows], read.identifier, read.wants[name], most)
    except ReadError as error:
        return error
