# SPDX-License-Identifier: Apache-2.0
"""Canonical JSON (RFC 8785) for what a log entry may hold, at the speed of orjson and msgspec.

Both write RFC 8785 only on part of JSON: ASCII member names (it sorts by UTF-16 code units, they by bytes), text,
booleans and integers below 2**53 (its numbers are ECMAScript's). So that part is all that is taken here; no null,
no fraction. Tests compare the bytes with the `rfc8785` package.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
import orjson
from msgspec import Struct, inspect

_Plain: TypeAlias = str | int | bool
_Deep1: TypeAlias = _Plain | list[_Plain] | dict[str, _Plain]
_Deep2: TypeAlias = _Plain | list[_Deep1] | dict[str, _Deep1]
_Deep3: TypeAlias = _Plain | list[_Deep2] | dict[str, _Deep2]
_Deep4: TypeAlias = _Plain | list[_Deep3] | dict[str, _Deep3]

_PLAIN = frozenset((str, int, bool))
_FORM = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_checker = msgspec.json.Decoder(dict[str, _Deep4])
_encoder = msgspec.json.Encoder(order="sorted")
_admitted: set[type[Struct]] = set()


def canonical(value: dict[str, Any] | Struct) -> bytes:
    """The one form of an object. A Struct whose members can only be of the kinds above is the fast way in: its type
    is checked once, where a dict's values are checked each time. Raises TypeError for anything else, without
    telling the value."""
    if isinstance(value, Struct):
        kind = type(value)
        if kind not in _admitted:
            _admit(inspect.type_info(kind))
            _admitted.add(kind)
        return _encoder.encode(value)
    try:
        written = orjson.dumps(value, option=_FORM)
        if not _PLAIN.issuperset(map(type, value.values())):
            _checker.decode(written)
    except (orjson.JSONEncodeError, msgspec.MsgspecError, UnicodeError):
        raise TypeError("holds something else than text, booleans, integers below 2**53, lists, objects") from None
    if not written.isascii():
        _require_ascii_names(value)
    return written


def _require_ascii_names(value: object) -> None:
    if isinstance(value, dict):
        if not all(name.isascii() for name in value):
            raise TypeError("has a member whose name is not ASCII")
        for member in value.values():
            _require_ascii_names(member)
    elif isinstance(value, list | tuple):
        for member in value:
            _require_ascii_names(member)


def _admit(kind: inspect.Type) -> None:
    """Refuse a type that could be written as something outside our part of JSON."""
    match kind:
        case inspect.StrType() | inspect.IntType() | inspect.BoolType():
            return
        case inspect.EnumType(cls=cls) if issubclass(cls, str):
            return
        case inspect.LiteralType(values=values) if all(isinstance(value, str | int) for value in values):
            return
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            _admit(item)
        case inspect.StructType(fields=fields, array_like=False) if all(f.encode_name.isascii() for f in fields):
            for field in fields:
                _admit(field.type)
        case _:
            raise TypeError(f"a member is declared as {type(kind).__name__}, which has no place in an entry")
