# SPDX-License-Identifier: Apache-2.0
"""Stage 7: only what the verdict names goes on. An allow-list over top-level fields; pure.

What cannot be filtered with certainty raises, and whoever called drops the source: nothing is passed through.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, structs

from connectors.base import Record
from gateway.model import Verdict


class MinimiseError(Exception):
    """Records that cannot be filtered with certainty; the source must be dropped."""


class Minimised(Struct, frozen=True):
    """`records` with permitted fields only; `removed` names the fields that were taken out of any of them."""

    records: tuple[Record, ...]
    removed: tuple[str, ...]


def minimise(records: Iterable[Record], verdict: Verdict, category: str) -> Minimised:
    """Keep the verdict's fields of every record of `category`; a record that has none of them is left out.

    Raises MinimiseError when the verdict does not allow, a record is of another category, or a value is of a
    kind that no mapping writes.
    """
    if verdict.allow is not True:
        raise MinimiseError("the verdict does not allow this")
    permitted = frozenset(verdict.fields)
    kept: list[Record] = []
    removed: set[str] = set()
    for record in records:
        if type(record) is not Record or record.category != category:
            raise MinimiseError("a record is not of the category that was asked for")
        fields = record.fields
        if type(fields) is not dict:
            raise MinimiseError("a record has no fields")
        left = {name: fields[name] for name in verdict.fields if name in fields}
        for value in left.values():
            if type(value) not in _SCALARS:
                _plain(value)
        if len(left) != len(fields):
            removed.update(fields.keys() - permitted)
        if left:
            kept.append(record if len(left) == len(fields) else structs.replace(record, fields=left))
    return Minimised(tuple(kept), tuple(sorted(removed)))


_SCALARS = frozenset({str, int, float, bool, type(None)})


def _plain(value: Any) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is dict:
        if not all(type(key) is str for key in value):
            raise MinimiseError("a value has a key that is not text")
        _each(value.values())
    elif kind is list or kind is tuple:
        _each(value)
    else:
        raise MinimiseError("a value is of a kind that no mapping writes")


def _each(values: Iterable[Any]) -> None:
    for value in values:
        _plain(value)
