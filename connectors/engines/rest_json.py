# SPDX-License-Identifier: Apache-2.0
"""Any REST API that answers JSON, as its mapping declares it: request, where the records stand, paging."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson

from connectors import fetch
from connectors.base import Envelope, Finding, Health, Read, ReadError, Reason
from connectors.context import Context, EngineInfo
from connectors.fetch import Ask, Following, Wanted
from connectors.http import Exchange, HttpWay
from connectors.manifest import Manifest
from connectors.mapping import compile_categories
from connectors.paths import Getter, compiled
from connectors.rules import Test, compiled_test
from connectors.sql import SqlWay
from connectors.templates import Filling, Render, TemplateError, encoded, json_body, pairs, text
from connectors.wire import Answer

_NEXT: Final = re.compile(r"""<([^<>\s]*)>(?=[^,<]*;\s*rel="?(?:[^",]*\s)?next[\s",;]?)""")


class RestJson:
    """The engine `rest-json`."""

    def describe(self) -> EngineInfo:
        """Name, version, way."""
        return EngineInfo("rest-json", "1.0", "http")

    def check(self, manifest: Manifest, mapping: Mapping[str, Any]) -> list[Finding]:
        """Every category needs a REST select with readable templates and paths."""
        return fetch.check(manifest, mapping, "request", _templates)

    def prepare(self, manifest: Manifest, mapping: Mapping[str, Any], way: HttpWay | SqlWay) -> dict[str, Wanted]:
        """One `Ask` per different request and paging, and per category where its records stand."""
        if not isinstance(way, HttpWay):
            raise TypeError("rest-json needs an HTTP way")
        asks: dict[str, Ask] = {}
        plans = compile_categories(mapping, lambda _: compiled)
        out: dict[str, Wanted] = {}
        for category, spec in mapping["categories"].items():
            select = spec["select"]
            key = json.dumps([select["request"], select.get("paging"), select.get("items")], sort_keys=True)
            ask = asks.get(key) or asks.setdefault(key, _ask(way, select))
            out[category] = Wanted(ask, _items(select), plans[category])
        return out

    async def read(self, context: Context, read: Read) -> list[Envelope]:
        """One envelope per wanted category."""
        return await fetch.read(context, read, context.plan)

    async def probe(self, context: Context) -> Health:
        """GET of the probe path."""
        return await fetch.probe(context)


def _templates(select: Mapping[str, Any]) -> None:
    """Compiles every template and path of a select, for its faults. Raises `TemplateError` or `PathError`."""
    request = select["request"]
    text(request["path"])
    if "{since}" in request["path"] or "{since}" in json.dumps(request.get("json", {})):
        raise TemplateError("{since} can stand in `query` or `form` only")
    if not request["path"].startswith("/"):
        raise TemplateError("the path must begin with a slash")
    if "form" in request and "json" in request:
        raise TemplateError("a request has a form or a JSON body, not both")
    if request.get("method", "GET") == "GET" and ("form" in request or "json" in request):
        raise TemplateError("a GET has no body")
    for template in (*request.get("query", {}).values(), *request.get("form", {}).values()):
        text(template)
    json_body(request.get("json", {}))
    if "items" in select:
        compiled(select["items"])
    if "next" in select.get("paging", {}):
        compiled(select["paging"]["next"])


def _ask(way: HttpWay, select: Mapping[str, Any]) -> Ask:
    request, paging = select["request"], select.get("paging")
    path, query = text(request["path"], encoded), pairs(request.get("query", {}))

    def plain(filling: Filling) -> str:
        asked = query(filling)
        return f"{path(filling)}?{asked}" if asked else path(filling)

    first: Render = plain
    following: Following | None = None
    follow: Exchange | None = None
    if paging is not None and paging["kind"] == "page":
        first = _with(plain, paging["param"], str(paging.get("start", 1)))
        following = _by_page(plain, paging, _counter(select))
    elif paging is not None and paging["kind"] == "cursor":
        following = _by_cursor(plain, paging)
    elif paging is not None:
        following, follow = _by_link(way), Exchange(way, "GET")
    return Ask(
        exchange=Exchange(way, request.get("method", "GET"), *_body(request)),
        first=first,
        follow=follow,
        following=following,
        needs_since="{since}" in json.dumps([request.get("query"), request.get("form")]),
    )


def _body(request: Mapping[str, Any]) -> tuple[Callable[[Filling], bytes] | None, str]:
    if "form" in request:
        form = pairs(request["form"])
        return lambda filling: form(filling).encode("ascii"), "application/x-www-form-urlencoded"
    if "json" in request:
        body = json_body(request["json"])
        return lambda filling: orjson.dumps(body(filling)), "application/json"
    return None, ""


def _with(plain: Render, name: str, value: str) -> Render:
    def target(filling: Filling) -> str:
        base = plain(filling)
        return f"{base}{'&' if '?' in base else '?'}{quote(name, safe='')}={quote(value, safe='')}"

    return target


def _by_page(plain: Render, paging: Mapping[str, Any], count: Callable[[Any], int]) -> Following:
    """Page numbers, until a page is short or the same as the one before."""
    start, size = paging.get("start", 1), paging["size"]

    def following(pages: list[Any], _: Answer, filling: Filling) -> str | None:
        if count(pages[-1]) < size:
            return None
        if len(pages) > 1 and pages[-1] == pages[-2]:
            pages.pop()
            return None
        return _with(plain, paging["param"], str(start + len(pages)))(filling)

    return following


def _by_cursor(plain: Render, paging: Mapping[str, Any]) -> Following:
    get = compiled(paging["next"])

    def following(pages: list[Any], _: Answer, filling: Filling) -> str | None:
        cursor = get(pages[-1])
        if cursor is None or cursor == "":
            return None
        if not isinstance(cursor, (str, int)) or len(str(cursor)) > 2048:
            raise ReadError(Reason.GARBAGE)
        return _with(plain, paging["param"], str(cursor))(filling)

    return following


def _by_link(way: HttpWay) -> Following:
    """RFC 8288 Link header with rel=next."""

    def following(_: list[Any], answer: Answer, __: Filling) -> str | None:
        match = _NEXT.search(answer.headers.get(b"link", b"").decode("latin-1"))
        return fetch.same_origin(way, match[1]) if match else None

    return following


def _counter(select: Mapping[str, Any]) -> Callable[[Any], int]:
    get = compiled(select["items"]) if "items" in select else None

    def count(document: Any) -> int:
        held = document if get is None else get(document)
        return len(held) if isinstance(held, list) else 0

    return count


def _items(select: Mapping[str, Any]) -> Callable[[Any], Iterable[Any]]:
    """The records of an answer. An answer without the place they should stand in is garbage, not an empty one."""
    get: Getter | None = compiled(select["items"]) if "items" in select else None
    none_when: tuple[Test, ...] = tuple(compiled_test(test, compiled) for test in select.get("none_when", ()))

    def items(document: Any) -> Iterable[Any]:
        if none_when and any(test(document) for test in none_when):
            return ()
        held = document if get is None else get(document)
        if isinstance(held, dict):
            return (held,)
        if not isinstance(held, list) or not all(isinstance(item, dict) for item in held):
            raise ReadError(Reason.GARBAGE)
        return held

    return items
