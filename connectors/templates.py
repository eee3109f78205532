# SPDX-License-Identifier: Apache-2.0
"""Request templates: text with `{identifier}`, `{system}` and `{since}`, compiled once.

What is put in is encoded for the place it stands in, so that no identifier can change the shape of a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

_HOLE: Final = re.compile(r"\{([a-z]+)\}")
_HOLES: Final = ("identifier", "system", "since")


class Filling(Struct, frozen=True):
    """What one request is about."""

    identifier: str
    system: str
    since: str

    def __repr__(self) -> str:
        return "Filling(…)"


Render = Callable[[Filling], str]


class TemplateError(ValueError):
    """A template names something that is not there to fill in."""


def _as_is(value: str) -> str:
    return value


def encoded(value: str) -> str:
    """Percent-encoded, slash included (RFC 3986 §2.3)."""
    return value if value.isascii() and value.isalnum() else quote(value, safe="")


@lru_cache(maxsize=64)
def _system(value: str, encode: Callable[[str], str]) -> str:
    """Systems are few and no secret; identifiers are kept by no cache."""
    return encode(value)


def text(template: str, encode: Callable[[str], str] = _as_is) -> Render:
    """A function that fills `template`, each value through `encode`. Raises `TemplateError`."""
    parts = _HOLE.split(template)
    names = parts[1::2]
    if unknown := sorted(set(names) - set(_HOLES)):
        raise TemplateError(f"{{{unknown[0]}}} is not known; there are {{identifier}}, {{system}} and {{since}}")
    if not names:
        return lambda _: template
    literals = parts[0::2]

    steps = tuple(zip(names, literals[1:], strict=True))

    def fill(filling: Filling) -> str:
        out = literals[0]
        for name, literal in steps:
            value = getattr(filling, name)
            out += (_system(value, encode) if name == "system" else encode(value)) + literal
        return out

    return fill


def pairs(members: Mapping[str, str]) -> Render:
    """`name=value&…`, percent-encoded (application/x-www-form-urlencoded); also for queries. A member that names
    {since} is left out when there is none."""
    rendered = [
        (f"{quote(name, safe=':')}=", _encoded_whole(template), "{since}" in template)
        for name, template in members.items()
    ]

    def fill(filling: Filling) -> str:
        return "&".join(
            name + value(filling) for name, value, needs_since in rendered if filling.since or not needs_since
        )

    return fill


def _encoded_whole(template: str) -> Render:
    """The template's own text is encoded too: `{system}|{identifier}` needs its bar escaped."""
    parts = _HOLE.split(template)
    parts[0::2] = [quote(literal, safe="") for literal in parts[0::2]]
    return text("".join(f"{{{p}}}" if i % 2 else p for i, p in enumerate(parts)), encoded)


def json_body(body: Any) -> Callable[[Filling], Any]:
    """A function that copies a JSON value with every text filled in."""
    if isinstance(body, str):
        return text(body)
    if isinstance(body, dict):
        members = [(key, json_body(value)) for key, value in body.items()]
        return lambda filling: {key: value(filling) for key, value in members}
    if isinstance(body, list):
        items = [json_body(value) for value in body]
        return lambda filling: [item(filling) for item in items]
    return lambda _: body
