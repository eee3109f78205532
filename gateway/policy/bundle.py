# SPDX-License-Identifier: Apache-2.0
"""What a judge is loaded with: the rules, the data they read, and one revision that names both.

The names of the required limits, grounds and obligations stand in `manifest.json`, which is generated from the
folder and committed. The rule counts against it, so a file lost after the manifest was written refuses; and a
folder that does not fit its manifest is not loaded at all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.policy import rules
from gateway.policy.agreements import compiled
from gateway.policy.conditions import Sensitivity
from gateway.policy.documents import PolicyFolderError
from gateway.policy.rules import Rule
from gateway.policy.vocabulary import Vocabulary

MANIFEST = "manifest.json"
ENTRYPOINT = "data.commons.access.decision"

_PACKAGE = re.compile(r"^package (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Bundle:
    """`modules`: path within the folder → Rego text, tests left out; `data`: the base documents as JSON text;
    `sources`: path → the manifest and the YAML files that `data` was compiled from."""

    revision: str
    modules: Mapping[str, str]
    data: str
    sources: Mapping[str, bytes]


def manifest(known: Mapping[str, Rule]) -> dict[str, Any]:
    """The manifest of these rules: limits in the order in which they name the reason."""
    limits = [
        {"name": rule.name, "about": rule.about, "withheld_reason": rule.withheld_reason}
        for rule in known.values()
        if rule.kind == "limits"
    ]
    names = {kind: [r.name for r in known.values() if r.kind == kind] for kind in ("grounds", "obligations")}
    return {"manifest": {"limits": limits, **names}}


def build(vocabulary: Vocabulary) -> Bundle:
    """The bundle of the vocabulary's folder. Raises PolicyFolderError when rules, packages and manifest differ."""
    folder = vocabulary.folder
    modules = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in rules.files(folder)}
    for name, text in modules.items():
        package = _PACKAGE.search(text)
        expected = _package_of(name)
        if package is None or package[1] != expected:
            raise PolicyFolderError(f"{name}: the package must be {expected}")
    if (folder / MANIFEST).read_bytes() != rendered(manifest(vocabulary.rules)):
        raise PolicyFolderError(f"{MANIFEST} does not list the rules that are there: run `make docs`")
    data = compiled_data(vocabulary)
    sources = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("data/**/*.yaml")}
    return assembled(modules, data, sources | {MANIFEST: (folder / MANIFEST).read_bytes()})


def assembled(modules: Mapping[str, str], data: str, sources: Mapping[str, bytes]) -> Bundle:
    """The bundle of these parts. Its revision is the SHA-256 (hexadecimal) over every rule, data file and the
    compiled data, each with its path and length."""
    parts = {name: text.encode() for name, text in modules.items()} | dict(sources) | {"data.json": data.encode()}
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(f"{name}\n{len(parts[name])}\n".encode())
        digest.update(parts[name])
    return Bundle(digest.hexdigest(), modules, data, sources)


def compiled_data(vocabulary: Vocabulary) -> str:
    """The base documents as JSON text, the same for the same words."""
    return msgspec.json.encode(documents(vocabulary), order="sorted").decode()


def documents(vocabulary: Vocabulary) -> dict[str, Any]:
    """The base documents the rules read: `data.manifest`, `data.agreements`, `data.roles` (that of
    nobody in particular has no name) and `data.purposes`."""
    categories = vocabulary.categories

    def seen(labels: Iterable[Sensitivity]) -> dict[str, dict[str, bool]]:
        let_through = frozenset(labels)
        return {
            code: {
                name: True for name in sorted(category.fields) if category.fields[name].sensitivity in let_through
            }
            for code, category in categories.items()
        }

    patient = frozenset(code for code, category in categories.items() if category.patient_information)
    agreements = {
        key: compiled(value, vocabulary.below, seen, patient) for key, value in vocabulary.agreements.items()
    }
    roles = {code: {"direct_care": r.direct_care, "sees": seen(r.sees)} for code, r in vocabulary.roles.items()}
    roles[""] = {"direct_care": False, "sees": seen(vocabulary.unnamed_role_sees)}
    purposes = {code: {"individual_care": purpose.individual_care} for code, purpose in vocabulary.purposes.items()}
    return {**manifest(vocabulary.rules), "agreements": agreements, "roles": roles, "purposes": purposes}


def rendered(value: object) -> bytes:
    """A generated JSON file: sorted, indented, ending in a newline, so that a difference reads well."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"


def _package_of(name: str) -> str:
    kind, _, file = name.removesuffix(".rego").partition("/")
    return "commons.access" if kind == "access" else f"commons.{kind}.{file}"
