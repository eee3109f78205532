# SPDX-License-Identifier: Apache-2.0
"""What is wrong in a data file of the law, for its author: line, member, and what would be right. Pure.

msgspec says what it found by the path of the member; the line is looked up in the text, and what may stand there in
the type that the file is read as.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

import msgspec
import yaml
from msgspec import inspect

_SAID = re.compile(r"^(?P<what>.*?)(?: - at `(?:key` in `)?\$(?P<path>[^`]*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_NAMED = re.compile(r"^Object (missing required|contains unknown) field `([^`]*)`$")
_VALUE = re.compile(r"^Invalid enum value (.*)$", re.DOTALL)
_SHOWN = 20
_DATE = "Invalid RFC3339 encoded date"
_WORDS = {
    "`object`": "members with names",
    "`array`": "a list",
    "`str`": "text",
    "`int`": "a whole number",
    "`bool`": "true or false",
    "`null`": "nothing",
    "Expected": "expected",
}


def told(error: msgspec.ValidationError, root: yaml.Node | None, kind: type) -> str:
    """The error that reading the YAML tree `root` as a `kind` raised: `line 14, terms[0].disclosure: …`."""
    said = _SAID.match(str(error))
    what, path = (said["what"], said["path"] or "") if said else (str(error), "")
    steps = [name or number for name, number in _STEP.findall(path)]
    place = path.lstrip(".")
    named = _NAMED.match(what)
    line = _line(root, [*steps, named[2]] if named else steps)
    where = ", ".join(part for part in (f"line {line}" if line else "", place) if part)
    sentence = _sentence(what, named, _at(inspect.type_info(kind), steps))
    return f"{where}: {sentence}" if where else sentence


def near(name: str, known: Iterable[str]) -> str:
    """What may be meant by an unknown name, else all that is known: the end of a sentence about it."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.75)
    if close:
        return f"is {' or '.join(close)} meant?"
    return f"known are {', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}"


def _sentence(what: str, named: re.Match[str] | None, expected: inspect.Type | None) -> str:
    if named and named[1] == "missing required":
        return f"{named[2]} is missing"
    if named:
        fields = [one.encode_name for one in expected.fields] if isinstance(expected, inspect.StructType) else []
        return f"{named[2]} is not known here; {near(named[2], fields)}"
    if value := _VALUE.match(what):
        return f"{value[1]} is not allowed here; {near(value[1].strip(chr(39)), _values(expected))}"
    if what == _DATE:
        return "expected a date, as 2026-04-01"
    for word, plain in _WORDS.items():
        what = what.replace(word, plain)
    return what


def _values(expected: inspect.Type | None) -> list[str]:
    if isinstance(expected, inspect.EnumType):
        return [str(one.value) for one in expected.cls]
    return [str(one) for one in expected.values] if isinstance(expected, inspect.LiteralType) else []


def _at(found: inspect.Type | None, steps: Iterable[str]) -> inspect.Type | None:
    """The type of the member at a path; None where the path leaves what is typed."""
    found = _plain(found)
    for step in steps:
        if isinstance(found, inspect.StructType):
            found = next((one.type for one in found.fields if one.encode_name == step), None)
        elif isinstance(found, inspect.VarTupleType | inspect.ListType):
            found = found.item_type
        elif isinstance(found, inspect.DictType):
            found = found.value_type
        else:
            return None
        found = _plain(found)
    return found


def _plain(found: inspect.Type | None) -> inspect.Type | None:
    """Without what is said beside a type, and without its being allowed to be absent."""
    while isinstance(found, inspect.Metadata | inspect.UnionType):
        if isinstance(found, inspect.Metadata):
            found = found.type
        else:
            found = next((one for one in found.types if not isinstance(one, inspect.NoneType)), None)
    return found


def _line(node: Any, steps: Iterable[str]) -> int:
    """The line (from 1) of the member at a path, or of the last one on the way that is there; 0 for none."""
    line = 0
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == step]
            if not pairs:
                return line
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
        elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line + 1
        else:
            return line
    return line
