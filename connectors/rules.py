# SPDX-License-Identifier: Apache-2.0
"""The parts of a mapping compiled to closures: rules, tests, places, and the signs of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from connectors.paths import Getter, first_key
from connectors.transforms import Transform, Unreadable, chained

Paths = Callable[[str], Getter]
Test = Callable[[Any], bool]
Place = tuple[Getter, bool]  # how to read it, and whether from the whole answer

_PATHS: Final = frozenset(
    {"from", "echo", "source_record", "version", "last_updated", "as_of", "asked_in", "replaced_by"}
)


class Rule(Struct, frozen=True):
    """One field: `get` its value, then `post` (transforms and code map)."""

    to: str
    get: Getter
    post: Transform | None
    required: bool
    null: bool


class Superseded(Struct, frozen=True):
    """Signs that the asked identifier is an old one."""

    when: tuple[Test, ...]
    asked_in: Getter | None
    replaced_by: Getter | None


class Restricted(Struct, frozen=True):
    """Signs that the source restricts a record; `drop` empty withholds the whole category."""

    when: tuple[Test, ...]
    drop: frozenset[str]


def compiled_rule(rule: Mapping[str, Any], paths: Paths, code_maps: Mapping[str, Mapping[str, str]]) -> Rule:
    """One field's rule."""
    if "const" in rule:
        constant = rule["const"]
        return Rule(rule["to"], lambda _: constant, None, required=False, null=False)
    sources = rule["from"]
    if isinstance(sources, str):
        get = paths(sources)
    else:
        getters = tuple(paths(source) for source in sources)
        get = _joined(getters, rule["join"]) if "join" in rule else _first(getters)
    if "join" in rule and isinstance(sources, str):
        get = _joined((get,), rule["join"])
    post = chained(rule.get("via", ()))
    if "code_map" in rule:
        post = _coded(post, dict(code_maps[rule["code_map"]]))
    return Rule(rule["to"], get, post, rule.get("required", False), rule.get("default") == "null")


def _first(getters: Sequence[Getter]) -> Getter:
    def first(item: Any) -> Any:
        for get in getters:
            value = get(item)
            if value is not None and value not in ("", []):
                return value
        return None

    return first


def _joined(getters: Sequence[Getter], separator: str) -> Getter:
    def joined(item: Any) -> Any:
        words: list[str] = []
        for get in getters:
            value = get(item)
            for one in value if type(value) is list else (value,):
                if type(one) is str:
                    if word := one.strip():
                        words.append(word)
                elif type(one) is int:
                    words.append(str(one))
                elif one is not None:
                    raise Unreadable("text expected")
        return separator.join(words)

    return joined


def _coded(before: Transform | None, table: Mapping[str, str]) -> Transform:
    def one(value: Any) -> str:
        word = table.get(value if type(value) is str else _code_text(value))
        if word is None:
            raise Unreadable("not in the code map")
        return word

    def coded(value: Any) -> Any:
        if before is not None:
            value = before(value)
            if value is None:
                return None
        return [one(member) for member in value] if type(value) is list else one(value)

    return coded


def _code_text(value: Any) -> str:
    return ("true" if value else "false") if type(value) is bool else str(value)


def read_by(spec: Mapping[str, Any]) -> frozenset[str]:
    """The outermost members of a record that anything in this part of a mapping reads."""
    found: set[str] = {"resourceType"}
    waiting: list[Any] = [spec]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            for key, value in part.items():
                if key in _PATHS:
                    found.update(
                        name
                        for path in (value if isinstance(value, list) else [value])
                        if isinstance(path, str) and (name := first_key(path))
                    )
                waiting.append(value)
        elif isinstance(part, list):
            waiting.extend(part)
    return frozenset(found)


def compiled_place(place: str | Mapping[str, Any], paths: Paths) -> Place:
    """Where something stands: in the record, or in the whole answer."""
    if isinstance(place, str):
        return paths(place), False
    get, post = paths(place["from"]), chained(place.get("via", ()))
    if post is None:
        return get, place.get("on") == "document"

    def through(item: Any) -> Any:
        value = get(item)
        return None if value is None or value == "" else post(value)

    return through, place.get("on") == "document"


def compiled_test(test: Mapping[str, Any], paths: Paths) -> Test:
    """One test of a mapping as a function of a record or an answer; it never raises."""
    get = paths(test["from"])
    if "equals" in test:
        wanted = test["equals"]
        return lambda item: bool(get(item) == wanted)
    if "in" in test:
        wanted = test["in"]
        return lambda item: get(item) in wanted
    if "not_in" in test:
        wanted = test["not_in"]
        return lambda item: get(item) not in wanted
    if "contains" in test:
        wanted = test["contains"]
        return lambda item: isinstance(held := get(item), list) and wanted in held
    exists = test["exists"]
    return lambda item: (get(item) not in (None, "", [])) is exists


def compiled_superseded(spec: Mapping[str, Any] | None, paths: Paths) -> Superseded | None:
    """Signs of an old identifier, if the mapping names any."""
    if spec is None:
        return None
    return Superseded(
        when=tuple(compiled_test(test, paths) for test in spec.get("when", ())),
        asked_in=paths(spec["asked_in"]) if "asked_in" in spec else None,
        replaced_by=paths(spec["replaced_by"]) if "replaced_by" in spec else None,
    )


def compiled_restricted(spec: Mapping[str, Any] | None, paths: Paths) -> Restricted | None:
    """Signs of a restricted record, if the mapping names any."""
    if spec is None:
        return None
    return Restricted(
        when=tuple(compiled_test(test, paths) for test in spec["when"]), drop=frozenset(spec.get("drop", ()))
    )
