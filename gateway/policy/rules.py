# SPDX-License-Identifier: Apache-2.0
"""The rules as people read them: the METADATA block (OPA annotations, in YAML) at the top of each Rego file."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.model import WithheldReason
from gateway.policy import mistakes
from gateway.policy.conditions import Sentence
from gateway.policy.documents import PolicyFolderError, parse

KINDS = ("limits", "grounds", "obligations")
"""The folders whose files are found by name; `access` and `lib` are the machinery."""

Remedy = Literal["consent-request", "change-request", "agreement", "wait", "none"]


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """`custom` of a limit. `order`: of several broken limits the lowest names the reason. `about`: whether it
    looks at the `request` alone, or at the `person`; the latter never speaks before the former. A `secret` one is
    about the person too, and whoever asks is told only what they would be told of a stranger."""

    order: Annotated[int, Meta(ge=1)]
    about: Literal["request", "person", "secret"]
    withheld_reason: WithheldReason
    remedy: Remedy
    legal_source: Sentence
    agency: Sentence
    citizen: Sentence


class Ground(Struct, frozen=True, forbid_unknown_fields=True):
    """`custom` of a ground: the sentences are said when it carries a sharing."""

    withheld_reason: WithheldReason
    remedy: Remedy
    legal_source: Sentence
    agency: Sentence
    citizen: Sentence


class Duty(Struct, frozen=True, forbid_unknown_fields=True):
    """`custom` of an obligation. `duties`: the types of what it owes; its own name, with hyphens, where none is
    named."""

    legal_source: Sentence
    agency: Sentence
    citizen: Sentence
    remedy: Remedy = "none"
    duties: tuple[str, ...] = ()


class Rule(Struct, frozen=True):
    """One rule. `kind` is its folder, `name` its file and the last part of its package."""

    kind: str
    name: str
    title: str
    description: str
    legal_source: str
    agency: str
    citizen: str
    withheld_reason: str = ""
    remedy: str = ""
    order: int = 0
    about: str = ""
    duties: tuple[str, ...] = ()


class _Annotations(Struct, frozen=True, forbid_unknown_fields=True):
    title: Sentence
    description: Sentence
    scope: Literal["package"]
    custom: dict[str, Any] | None = None


_CUSTOM: dict[str, type[Limit | Ground | Duty]] = {"limits": Limit, "grounds": Ground, "obligations": Duty}


def files(folder: Path, *, tests: bool = False) -> list[Path]:
    """The Rego files of a policies folder, sorted by path; those of the tests or all others."""
    return sorted(path for path in folder.glob("*/*.rego") if path.stem.endswith("_test") is tests)


def read(folder: Path) -> dict[str, Rule]:
    """`<kind>/<name>` → Rule, for every limit, ground and obligation; limits in the order of their reasons.

    Raises PolicyFolderError when a file has no METADATA, or one that lacks a member.
    """
    rules = [_rule(path) for path in files(folder) if path.parent.name in KINDS]
    taken: dict[int, str] = {}
    for rule in rules:
        if rule.kind == "limits" and (other := taken.setdefault(rule.order, rule.name)) != rule.name:
            raise PolicyFolderError(
                f"limits/{other}.rego and limits/{rule.name}.rego have the same order, {rule.order}: which of them"
                " names the reason?"
            )
    rules.sort(key=lambda rule: (KINDS.index(rule.kind), rule.order, rule.name))
    return {f"{rule.kind}/{rule.name}": rule for rule in rules}


def _rule(path: Path) -> Rule:
    kind, name = path.parent.name, path.stem
    wanted: type[Struct] = _Annotations
    try:
        head = msgspec.convert(metadata(path), _Annotations)
        wanted = _CUSTOM[kind]
        custom = msgspec.to_builtins(msgspec.convert(head.custom, wanted))
    except msgspec.ValidationError as error:
        raise PolicyFolderError(f"{kind}/{path.name}: METADATA: {mistakes.told(error, None, wanted)}") from error
    except PolicyFolderError as error:
        raise PolicyFolderError(f"{kind}/{path.name}: METADATA: {error}") from error
    return Rule(kind=kind, name=name, title=head.title, description=head.description, **custom)


def metadata(path: Path) -> object:
    """The METADATA block of the package in one Rego file, as YAML reads it."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if "# METADATA" not in lines:
        raise PolicyFolderError("there is none")
    block = takewhile(lambda line: line.startswith("#"), lines[lines.index("# METADATA") + 1 :])
    return parse("\n".join(line.removeprefix("#").removeprefix(" ") for line in block))
