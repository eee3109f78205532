# SPDX-License-Identifier: Apache-2.0
"""Writes what follows from the policies: the manifest of required rules, JSON Schemas of data and facts, and, in a
checkout, the reference page.

    python -m gateway.policy.generate [--check]

`--check` changes nothing and ends with 1 when a file is not current.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.policy import encoding, pages, rules
from gateway.policy.agreements import Agreement
from gateway.policy.bundle import MANIFEST, manifest, rendered
from gateway.policy.vocabulary import FILES, find, load


def files(folder: Path) -> dict[Path, bytes]:
    """Every generated file of a policies folder, and the page in `docs/reference` beside it, as they should be."""
    schemas = {name: _schema(name, kind) for name, kind in FILES.items()}
    schemas["agreement"] = _schema("agreement", Agreement)
    schemas["facts"] = encoding.schema()
    made = {folder / "schema" / f"{name}.schema.json": rendered(schema) for name, schema in schemas.items()}
    made[folder / MANIFEST] = rendered(manifest(rules.read(folder)))
    if (page := folder.parent / "docs" / "reference" / "law.md").parent.is_dir():
        made[page] = pages.law(load(folder)).encode()
    return made


def stale(folder: Path) -> list[Path]:
    """The generated files that are missing or not current."""
    return [path for path, text in files(folder).items() if not path.exists() or path.read_bytes() != text]


def _schema(name: str, kind: type) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        **msgspec.json.schema(kind),
    }


def main(arguments: list[str]) -> int:
    """Write every file that is not current, or only name it."""
    folder = find(None)
    outdated = stale(folder)
    for path in outdated:
        sys.stdout.write(f"{path.relative_to(folder.parent)}\n")
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(files(folder)[path])
    return 1 if outdated and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
