# SPDX-License-Identifier: Apache-2.0
"""FHIR R4 over REST (HL7 FHIR R4 §3.1.0): instance read, search by POST _search, and operations.

The shape of NHS England's APIs: `application/fhir+json`, X-Request-ID, OperationOutcome with a code. An
identifier stands in a form or a body; only a `read` select puts it into the upstream's own URL, because PDS
knows no other way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from connectors import fetch
from connectors.base import Envelope, Finding, Health, Read, ReadError, Reason
from connectors.context import Context, EngineInfo
from connectors.fetch import Ask, Following, Wanted
from connectors.http import Exchange, HttpWay, codes_of
from connectors.manifest import Manifest
from connectors.mapping import compile_categories
from connectors.paths import compiled
from connectors.sql import SqlWay
from connectors.templates import Filling, TemplateError, encoded, json_body, pairs, text
from connectors.wire import Answer

_FORM: Final = "application/x-www-form-urlencoded"
_FHIR: Final = "application/fhir+json"


class FhirRest:
    """The engine `fhir-rest`."""

    def describe(self) -> EngineInfo:
        """Name, version, way."""
        return EngineInfo("fhir-rest", "1.0", "http")

    def check(self, manifest: Manifest, mapping: Mapping[str, Any]) -> list[Finding]:
        """Every category needs a FHIR select with readable templates and paths."""
        return fetch.check(manifest, mapping, "resource", _templates)

    def prepare(self, manifest: Manifest, mapping: Mapping[str, Any], way: HttpWay | SqlWay) -> dict[str, Wanted]:
        """One `Ask` per different call, and per category the filter of its resource type."""
        if not isinstance(way, HttpWay):
            raise TypeError("fhir-rest needs an HTTP way")
        asks: dict[str, Ask] = {}
        plans = compile_categories(mapping, lambda _: compiled)
        out: dict[str, Wanted] = {}
        for category, spec in mapping["categories"].items():
            select = spec["select"]
            kind = next(kind for kind in ("read", "search", "operation") if kind in select)
            resource = select["resource"]
            key = json.dumps([kind, select[kind], resource if kind == "search" else ""], sort_keys=True)
            ask = asks.get(key) or asks.setdefault(key, _ask(way, kind, select))
            out[category] = Wanted(ask, _items(way, resource, whole=kind == "read"), plans[category])
        return out

    async def read(self, context: Context, read: Read) -> list[Envelope]:
        """One envelope per wanted category."""
        return await fetch.read(context, read, context.plan)

    async def probe(self, context: Context) -> Health:
        """GET of the probe path."""
        return await fetch.probe(context)


def _templates(select: Mapping[str, Any]) -> None:
    """Compiles every template of a select, for its faults. Raises `TemplateError`."""
    if "read" in select:
        text(select["read"])
    for template in select.get("search", {}).values():
        text(template)
    json_body(select.get("operation", {}).get("body", {}))
    if "{since}" in json.dumps(select.get("operation", {})) or "{since}" in select.get("read", ""):
        raise TemplateError("{since} can stand in `search` only")


def _ask(way: HttpWay, kind: str, select: Mapping[str, Any]) -> Ask:
    if kind == "read":
        return Ask(Exchange(way, "GET"), text(f"/{select['read']}", encoded))
    follow = Exchange(way, "GET")
    if kind == "search":
        form = pairs(select["search"])
        return Ask(
            exchange=Exchange(way, "POST", lambda filling: form(filling).encode("ascii"), _FORM),
            first=text(f"/{select['resource']}/_search"),
            follow=follow,
            following=_next_link(way),
            needs_since="{since}" in json.dumps(select["search"]),
        )
    body = json_body(select["operation"]["body"])
    return Ask(
        exchange=Exchange(way, "POST", lambda filling: orjson.dumps(body(filling)), _FHIR),
        first=text(f"/{select['operation']['path']}"),
        follow=follow,
        following=_next_link(way),
    )


def _next_link(way: HttpWay) -> Following:
    """Paging of a searchset: `Bundle.link` with relation next (FHIR R4 §3.1.0.4)."""

    def following(pages: list[Any], _: Answer, __: Filling) -> str | None:
        links = pages[-1].get("link") if isinstance(pages[-1], dict) else None
        for link in links if isinstance(links, list) else ():
            if isinstance(link, dict) and link.get("relation") == "next":
                url = link.get("url")
                if not isinstance(url, str):
                    raise ReadError(Reason.GARBAGE)
                return fetch.same_origin(way, url)
        return None

    return following


def _items(way: HttpWay, resource: str, *, whole: bool) -> Callable[[Any], Iterable[Any]]:
    """The resources of one type in an answer. What is neither that resource nor a Bundle is an error or garbage."""

    def items(document: Any) -> Iterable[Any]:
        if not isinstance(document, dict):
            raise ReadError(Reason.GARBAGE)
        kind = document.get("resourceType")
        if whole and kind == resource:
            return (document,)
        if not whole and kind == "Bundle":
            return _entries(document.get("entry"), resource)
        if kind == "OperationOutcome" and (fault := way.fault(codes_of(document))) is not None:
            raise fault
        raise ReadError(Reason.GARBAGE)

    return items


def _entries(entries: Any, resource: str) -> list[Any]:
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise ReadError(Reason.GARBAGE)
    found = []
    for entry in entries:
        held = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(held, dict):
            raise ReadError(Reason.GARBAGE)
        kind = held.get("resourceType")
        if kind == resource:
            found.append(held)
        elif kind == "OperationOutcome" and _failed(held.get("issue")):
            raise ReadError(Reason.SOURCE_ERROR)  # the search did not go through: what is here may not be all
    return found


def _failed(issues: Any) -> bool:
    return isinstance(issues, list) and any(
        isinstance(issue, dict) and issue.get("severity") in ("error", "fatal") for issue in issues
    )
