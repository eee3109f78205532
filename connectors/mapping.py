# SPDX-License-Identifier: Apache-2.0
"""A mapping compiled once, then applied to a source's records: pure, allow-listing, no network.

For each record in this order: is it of this category (`where`), is its identifier superseded, is it the record
of the citizen asked for (`echo`, always), is it restricted, and then only the granted fields. A value that a
rule cannot read stays behind and its field's name is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from connectors.base import Outcome, ReadError, Reason, Record
from connectors.census import Census
from connectors.paths import Getter
from connectors.rules import (
    Paths,
    Place,
    Rule,
    Superseded,
    Test,
    compiled_place,
    compiled_restricted,
    compiled_rule,
    compiled_superseded,
    compiled_test,
    read_by,
)
from connectors.transforms import Unreadable, number_text

Item = tuple[Any, Any]  # a record, and the whole answer it stood in

SINGULAR: Final = frozenset({"person"})  # record types of which a citizen has one at a source


class Applied(Struct, frozen=True):
    """What one category's records became."""

    outcome: Outcome
    records: tuple[Record, ...]
    as_of: str


class CategoryPlan:
    """One category's compiled mapping. `apply` is the hot path: about 2 µs a field."""

    def __init__(
        self, category: str, spec: Mapping[str, Any], paths: Paths, code_maps: Mapping[str, Mapping[str, str]]
    ) -> None:
        """`spec` is the category's part of a mapping file, already valid by the schema."""
        self.category = category
        self.record: str = spec["record"]
        self.rules = tuple(compiled_rule(rule, paths, code_maps) for rule in spec["fields"])
        self.echo, self._echo_document = compiled_place(spec["echo"], paths)
        self._where = tuple(compiled_test(test, paths) for test in spec.get("where", ()))
        self._superseded = compiled_superseded(spec.get("superseded"), paths)
        self._restricted = compiled_restricted(spec.get("restricted"), paths)
        self._source_record = compiled_place(spec["source_record"], paths) if "source_record" in spec else None
        self._version = compiled_place(spec["version"], paths) if "version" in spec else None
        self._last_updated = compiled_place(spec["last_updated"], paths) if "last_updated" in spec else None
        self._as_of = compiled_place(spec["as_of"], paths) if "as_of" in spec else None
        self.census = Census(read_by(spec))
        self._by_grant: dict[tuple[str, ...], tuple[Rule, ...]] = {}

    def granted(self, fields: tuple[str, ...]) -> tuple[Rule, ...]:
        """The rules that write one of these fields; kept by grant, of which there are few."""
        rules = self._by_grant.get(fields)
        if rules is None:
            rules = tuple(rule for rule in self.rules if rule.to in fields)
            if len(self._by_grant) < 256:
                self._by_grant[fields] = rules
        return rules

    def apply(self, items: Iterable[Item], asked: str, fields: tuple[str, ...], most: int) -> Applied:
        """Raises `ReadError`: identity-mismatch and superseded speak for the whole source, the others for this
        category. `most` is the number of records allowed."""
        rules = self.granted(fields)
        where, superseded = self._where, self._superseded
        echo, echo_on_document = self.echo, self._echo_document
        records: list[Record] = []
        seen: set[str] = set()
        as_of = ""
        for item, document in items:
            if where and not _all(where, item):
                continue
            if superseded is not None:
                _refuse_superseded(superseded, item, asked)
            if _word(echo, document if echo_on_document else item) != asked:
                raise ReadError(Reason.IDENTITY_MISMATCH, alarm=True)
            name = self._at(self._source_record, item, document)
            if name and name in seen:
                continue  # a page sent twice
            seen.add(name)
            if len(records) >= most:
                raise ReadError(Reason.TOO_LARGE)
            records.append(self._record(item, document, name, rules))
            if self._as_of is not None:
                stamp = self._at(self._as_of, item, document)
                as_of = min(as_of, stamp) if as_of else stamp
        if not records:
            return Applied(Outcome.NONE, (), as_of)
        if len(records) > 1 and self.record in SINGULAR:
            return Applied(Outcome.AMBIGUOUS, (), as_of)
        return Applied(Outcome.FOUND, tuple(records), as_of)

    def _record(self, item: Any, document: Any, name: str, rules: tuple[Rule, ...]) -> Record:
        drop: frozenset[str] = frozenset()
        if self._restricted is not None and any(test(item) for test in self._restricted.when):
            drop = self._restricted.drop
            if not drop:
                raise ReadError(Reason.NONE, outcome=Outcome.WITHHELD)
        out: dict[str, Any] = {}
        unmapped: tuple[str, ...] = ()
        withheld: tuple[str, ...] = ()
        for rule in rules:
            if drop and rule.to in drop:
                withheld += (rule.to,)
                continue
            value = rule.get(item)
            try:
                if value is not None and rule.post is not None and value not in ("", []):
                    value = rule.post(value)
                if type(value) is not str and type(value) is not int:
                    value = _plain(value)
            except Unreadable:
                value = None
                unmapped += (rule.to,)
            if value is not None and value != "":
                out[rule.to] = value
            elif rule.required:
                raise ReadError(Reason.GARBAGE)
            elif rule.null:
                out[rule.to] = None
        self.census.count(item, unmapped)
        return Record(
            category=self.category,
            fields=out,
            source_record=name,
            version=self._at(self._version, item, document),
            last_updated=self._at(self._last_updated, item, document),
            unmapped=unmapped,
            withheld=withheld,
        )

    @staticmethod
    def _at(place: Place | None, item: Any, document: Any) -> str:
        return "" if place is None else _word(place[0], document if place[1] else item)


def _all(tests: tuple[Test, ...], item: Any) -> bool:
    for test in tests:  # noqa: SIM110 - a generator costs more than the tests
        if not test(item):
            return False
    return True


def _word(get: Getter, source: Any) -> str:
    """The value as text; what is not text, a whole number or a date is no identifier, version or time."""
    try:
        value = get(source)
    except Unreadable:
        return ""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    return value.isoformat() if isinstance(value, (date, datetime)) else ""


def _refuse_superseded(signs: Superseded, item: Any, asked: str) -> None:
    old = signs.asked_in(item) if signs.asked_in is not None else None
    if old == asked or (type(old) is list and asked in old) or any(test(item) for test in signs.when):
        new = signs.replaced_by(item) if signs.replaced_by is not None else None
        raise ReadError(
            Reason.NONE,
            outcome=Outcome.SUPERSEDED,
            replaced_by=new if isinstance(new, str) and new != asked else "",
        )


def _plain(value: Any) -> Any:
    """Text, whole number, yes/no, or a list of these. An object is refused: its members were not named."""
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool:
        return value
    if kind is float or kind is Decimal:
        text = number_text(value)
        return text if "." in text else int(text)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if kind is list or kind is tuple:
        members = [_plain(member) for member in value if member is not None]
        if any(type(member) is list for member in members):
            raise Unreadable("a flat list expected")
        return members or None
    raise Unreadable("a plain value expected")


def compile_categories(mapping: Mapping[str, Any], paths: Callable[[str], Paths]) -> dict[str, CategoryPlan]:
    """Every category of a valid mapping; `paths` gives the path compiler of a category."""
    return {
        category: CategoryPlan(category, spec, paths(category), mapping.get("code_maps", {}))
        for category, spec in mapping["categories"].items()
    }
