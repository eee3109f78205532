# SPDX-License-Identifier: Apache-2.0
"""Paths into a JSON document, compiled once to closures.

The language is JMESPath. Plain dotted paths (`name.given`, `name[0].family`) and the pick of the first match
(`identifier[?system=='urn:x'] | [0].value`), and simple projections (`meta.security[].code`) are compiled to a few
Python calls, many times quicker than the interpreter; everything else goes to jmespath. A path that leads
nowhere gives None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError, LexerError, ParseError, UnknownFunctionError

Getter = Callable[[Any], Any]

_KEY: Final = r'(?:[A-Za-z_][A-Za-z0-9_]*|"[^"\\]+")'
_PLAIN: Final = rf"{_KEY}(?:\[\d+\])*(?:\.{_KEY}(?:\[\d+\])*)*"
_IS_PLAIN: Final = re.compile(_PLAIN)
_STEP: Final = re.compile(r'"([^"\\]+)"|([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]')
_PICK: Final = re.compile(
    rf"(?P<list>{_PLAIN})(?:\[\*\]|(?P<flat>\[\])|\[\?(?P<key>{_PLAIN}) ?== ?'(?P<wanted>[^'\\]*)'\])"
    rf"(?:\.(?P<before>{_PLAIN}))?(?P<first> ?\| ?\[0\](?:\.(?P<after>{_PLAIN}))?)?"
)


class PathError(ValueError):
    """The path is not JMESPath; the message says where, and holds no value of a record."""


def compiled(path: str) -> Getter:
    """A function from a parsed JSON document to the value at `path`, or None. Raises `PathError`."""
    if _IS_PLAIN.fullmatch(path):
        return _plain(path)
    if pick := _PICK.fullmatch(path):
        return _pick(pick)
    try:
        search = jmespath.compile(path).search
        search({})  # names an unknown function now; else it would read as nothing, for ever
    except (LexerError, ParseError, UnknownFunctionError) as error:
        raise PathError(str(error).splitlines()[0]) from error
    except JMESPathError:
        pass  # a function that wants another type than nothing

    def interpreted(document: Any) -> Any:
        try:
            return search(document)
        except (JMESPathError, ArithmeticError):  # a function given the wrong type: nothing is there to read
            return None

    return interpreted


def first_key(path: str) -> str | None:
    """The outermost member a path reads, where that can be told; used to name members no rule reads."""
    match = _STEP.match(path)
    return (match[1] or match[2]) if match else None


def _plain(path: str) -> Getter:
    steps = [int(m[3]) if m[3] else m[1] or m[2] for m in _STEP.finditer(path)]
    if len(steps) == 1:
        return member(str(steps[0]))
    if all(isinstance(step, str) for step in steps):
        return _members(tuple(map(str, steps)))
    groups: list[tuple[tuple[str, ...], int]] = []
    keys: list[str] = []
    for step in steps:
        if isinstance(step, int):
            groups.append((tuple(keys), step))
            keys = []
        else:
            keys.append(step)
    return _walk(tuple(groups), tuple(keys))


def _walk(groups: tuple[tuple[tuple[str, ...], int], ...], last: tuple[str, ...]) -> Getter:
    """Members and indices in turn, then `last` members. Asked forgiveness, since what a path names is mostly there;
    only an index needs a look before, or it would read a letter of a text."""

    def walk(value: Any) -> Any:
        try:
            for keys, index in groups:
                for key in keys:
                    value = value[key]
                if type(value) is not list:
                    return None
                value = value[index]
            for key in last:
                value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
        return value

    return walk


def member(key: str) -> Getter:
    """A function from an object to its member `key`, or None."""

    def get(value: Any) -> Any:
        return value.get(key) if type(value) is dict else None

    return get


def _members(keys: tuple[str, ...]) -> Getter:
    def members(value: Any) -> Any:
        try:
            for key in keys:
                value = value[key]
        except (KeyError, TypeError):
            return None
        return value

    return members


def _pick(match: re.Match[str]) -> Getter:
    """A projection over a list, all of it or the members with one value; with `| [0]` only its first."""
    items, wanted = _plain(match["list"]), match["wanted"]
    key = _plain(match["key"]) if match["key"] else None
    before = _plain(match["before"]) if match["before"] else None
    after = _plain(match["after"]) if match["after"] else None
    first, flat = match["first"] is not None, match["flat"] is not None

    def pick(document: Any) -> Any:
        found = items(document)
        if type(found) is not list:
            return None
        if flat:
            found = [one for item in found for one in (item if type(item) is list else (item,))]
        out = []
        for item in found:
            if key is None or key(item) == wanted:
                value = item if before is None else before(item)
                if value is not None:  # a JMESPath projection skips nulls
                    if first:
                        return value if after is None else after(value)
                    out.append(value)
        return None if first else out

    return pick
