# SPDX-License-Identifier: Apache-2.0
"""The golden fixtures: what a twin really answered about a test citizen, and the records it must become.

    python -m connectors.sandbox.fixtures connectors/fixtures

records them anew from running twins. Per case `<category>.<citizen>.upstream.json` and `….records.json`, and per
source `leaves.json`: for each category the members of the answer that can leave, and those that stay behind.
"""

from __future__ import annotations

import http.client
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from msgspec import Struct, to_builtins
from psycopg import sql
from psycopg.rows import dict_row

from connectors.base import ReadError
from connectors.manifest import Manifest, read_manifest, read_mapping
from connectors.mapping import CategoryPlan, compile_categories
from connectors.paths import compiled, member
from connectors.sandbox.launch import Twins, launch
from connectors.sandbox.populate import populate
from connectors.sandbox.stories import CHARITY_REF, COUNCIL_REF, NHS_NUMBER
from connectors.sandbox.test_citizens import TEST_CITIZENS

ROOT = Path(__file__).parents[1]
EXTRACTED = "31/10/2026"
"""Stands in council rows for the day of the extract, which moves."""

CITIZENS: dict[str, tuple[str, ...]] = {
    "nhs-gp-record": (
        "all-returned", "restricted", "superseded", "conflicting-duplicates", "deceased", "twin-first",
    ),
    "council-core": ("all-returned", "conflicting-duplicates", "deceased"),
    "charity-crm": ("all-returned", "conflicting-duplicates"),
}  # fmt: skip
"""Manifest → the test citizens recorded."""

_IDENTIFIER = {"nhs-gp-record": NHS_NUMBER, "council-core": COUNCIL_REF, "charity-crm": CHARITY_REF}


class Case(Struct, frozen=True):
    """One recorded answer. `source` is the manifest's file name, `asked` the identifier asked for."""

    source: str
    category: str
    citizen: str
    asked: str

    @property
    def name(self) -> str:
        """The beginning of its file names."""
        return f"{self.category}.{self.citizen}"


class System:
    """One connected system's manifest and mapping, applied without any network."""

    def __init__(self, source: str) -> None:
        self.manifest: Manifest = read_manifest(ROOT / "manifests" / f"{source}.yaml")
        self.mapping: Mapping[str, Any] = read_mapping(ROOT / "mappings" / self.manifest.mapping)
        paths = member if "views" in self.manifest.connect else compiled
        self._plans: dict[str, CategoryPlan] = compile_categories(self.mapping, lambda _: paths)

    def select(self, category: str) -> dict[str, Any]:
        """How the mapping finds the category's records."""
        return dict(self.mapping["categories"][category]["select"])

    def records(self, case: Case, upstream: Any) -> Any:
        """What the answer becomes when every field is granted, as JSON values."""
        plan = self._plans[case.category]
        items = [(item, upstream) for item in self._items(case.category, upstream)]
        try:
            applied = plan.apply(items, case.asked, tuple(rule.to for rule in plan.rules), 200)
        except ReadError as error:
            return {"outcome": error.outcome, "reason": error.reason, "replaced_by": error.replaced_by}
        return {"outcome": applied.outcome, "as_of": applied.as_of, "records": to_builtins(applied.records)}

    def _items(self, category: str, upstream: Any) -> list[Any]:
        select = self.select(category)
        if "search" in select:
            return [entry["resource"] for entry in upstream["entry"]]
        if "request" in select:
            return list(compiled(select["items"])(upstream))
        return list(upstream) if "view" in select else [upstream]


@cache
def system(source: str) -> System:
    """The system of that manifest, read once."""
    return System(source)


def cases() -> Iterator[Case]:
    """Every case, in the order of its files."""
    stories = {story.outcome: story for story in TEST_CITIZENS}
    for source, citizens in CITIZENS.items():
        for category in sorted(system(source).mapping["categories"]):
            for citizen in citizens:
                if citizen != "all-returned" and category != "identity.demographics":
                    continue  # their stories differ in who they are, not in what is held
                yield Case(source, category, citizen, stories[citizen].identifiers[_IDENTIFIER[source]])


def ask(twins: Twins, case: Case) -> Any:
    """What the running twin answers, every member of it."""
    select = system(case.source).select(case.category)
    secrets = twins.secrets
    if "view" in select:
        return _rows(twins, select, case.asked)
    if "request" in select:
        path, body = select["request"]["path"], orjson.dumps({"client_no": case.asked})
        headers = {"X-Api-Key": secrets["charity_crm_api_key"], "Content-Type": "application/json"}
        return _http(secrets["charity_crm_base_url"], "POST", path, body, headers)
    headers = {
        "Authorization": f"Bearer {secrets['nhs_gp_token']}",
        "X-Request-ID": "60e0b220-8136-4ca5-ae46-1d97ef59d068",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    if "read" in select:
        return _http(secrets["nhs_gp_base_url"], "GET", f"/Patient/{case.asked}", b"", headers)
    form = urlencode({"patient:identifier": f"{NHS_NUMBER}|{case.asked}"}).encode()
    return _http(secrets["nhs_gp_base_url"], "POST", f"/{select['resource']}/_search", form, headers)


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, list[str | int]]]:
    """Every value of a JSON document: its path without positions, and the steps that lead to it."""
    if isinstance(document, dict):
        for key, value in document.items():
            for below, steps in leaves(value, f"{path}.{key}" if path else key):
                yield below, [key, *steps]
    elif isinstance(document, list):
        for place, value in enumerate(document):
            for below, steps in leaves(value, f"{path}[]"):
                yield below, [place, *steps]
    else:
        yield path, []


def parted(case: Case, upstream: Any) -> tuple[set[str], set[str]]:
    """The members of an answer that are read, and those that stay behind: each value in turn becomes a word of its
    own, and is read if that changes the records."""
    records = system(case.source).records
    before = records(case, upstream)
    out: set[str] = set()
    stay: set[str] = set()
    for path, steps in leaves(upstream):
        marked = orjson.loads(orjson.dumps(upstream))
        holder = marked
        for step in steps[:-1]:
            holder = holder[step]
        holder[steps[-1]] = "Zqxvkj"
        after = records(case, marked)
        # A date that cannot be read any more or a code without meaning changes the records too.
        (out if after != before else stay).add(path)
    return out, stay - out


def written(value: Any) -> bytes:
    """JSON as it stands in the fixture files."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def record(folder: Path, twins: Twins) -> None:
    """Writes every fixture below `folder`."""
    parts: dict[str, dict[str, tuple[set[str], set[str]]]] = {}
    for case in cases():
        upstream = ask(twins, case)
        place = folder / case.source
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{case.name}.upstream.json").write_bytes(written(upstream))
        (place / f"{case.name}.records.json").write_bytes(written(system(case.source).records(case, upstream)))
        out, stay = parts.setdefault(case.source, {}).setdefault(case.category, (set(), set()))
        found = parted(case, upstream)
        out |= found[0]
        stay |= found[1]
    for source, categories in parts.items():
        told = {name: {"read": sorted(a), "stays": sorted(b - a)} for name, (a, b) in categories.items()}
        (folder / source / "leaves.json").write_bytes(written(told))


def _rows(twins: Twins, select: Mapping[str, Any], asked: str) -> list[dict[str, Any]]:
    query = sql.SQL("SELECT * FROM {} WHERE {} = %s").format(
        sql.Identifier("RPT", select["view"]), sql.Identifier(select["key"])
    )
    with twins.council.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return [row | {"EXTR_DT": EXTRACTED} for row in cursor.execute(query, [asked])]


def _http(base: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
    url = urlsplit(base)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    try:
        connection.request(method, url.path + path, body or None, headers)
        return orjson.loads(connection.getresponse().read())
    finally:
        connection.close()


def main() -> None:
    """Populates a temporary folder, starts the twins, records."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        data.chmod(0o755)
        populate(len(TEST_CITIZENS), 1, data)
        with launch(data) as twins:
            record(Path(sys.argv[1]), twins)


if __name__ == "__main__":
    main()
