# SPDX-License-Identifier: Apache-2.0
"""The rules' own tests, run by OPA; a failure can be read: what the test says, the facts, what was found."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.policy.documents import PolicyFolderError

_ONLY_RULES = ("--ignore", "*.yaml", "--ignore", "*.schema.json")
_INSTALLED = Path(".cache/commons-gateway/bin/opa")
_TIMEOUT_S = 300
_GIVEN = re.compile(r"with input as ((?:[\w.]+)(?:\([^\n]*?\))?)")
_ASKER = re.compile(r"^(\w+)\((\w+)\)[^\n]*\{[^}]*?with input as \2\b", re.MULTILINE)
_SET = re.compile(r"^\s*(\w+ := .*)$", re.MULTILINE)


class Failure(Struct, frozen=True):
    """A test that failed: its `sentence`, where it stands, what it `says` (expected), the `facts` it gave, and what
    was `found` for each part of the line that is not true (trace)."""

    sentence: str
    file: str
    row: int
    says: str
    facts: str
    found: str


class Proved(Struct, frozen=True):
    """How the tests went. `coverage` in per cent of the lines of all rules; `uncovered`: file → rows."""

    tests: int
    failures: tuple[Failure, ...]
    coverage: float
    uncovered: dict[str, list[int]]

    @property
    def passes(self) -> bool:
        """Whether every test passed and every line was reached."""
        return not self.failures and not self.uncovered


def find_opa(given: Path | None) -> Path:
    """The OPA to use: the one named, else that on the PATH, else that of deploy/dev/install-opa.sh. Raises
    PolicyFolderError."""
    found = given or shutil.which("opa") or Path.home() / _INSTALLED
    if not Path(found).exists():
        raise PolicyFolderError("OPA is absent: deploy/dev/install-opa.sh builds it, or name it with --opa")
    return Path(found)


def prove(folder: Path, opa: Path) -> Proved:
    """Run every test of a policies folder. Raises PolicyFolderError when OPA cannot read the rules."""
    ran = _run(opa, folder, "test", ".", *_ONLY_RULES, "--format", "json")
    results = _read(ran)
    failed = tuple(_failure(opa, folder, one) for one in results if one.get("fail") or one.get("error"))
    covered: dict[str, Any] = {"coverage": 0.0, "files": {}}
    if not failed:
        covered = _read(_run(opa, folder, "test", ".", *_ONLY_RULES, "--coverage", "--format", "json"))
    uncovered = {
        name: [row for part in one["not_covered"] for row in range(part["start"]["row"], part["end"]["row"] + 1)]
        for name, one in covered["files"].items()
        if one.get("not_covered") and not name.endswith("_test.rego")
    }
    return Proved(len(results), failed, float(covered["coverage"]), uncovered)


def _failure(opa: Path, folder: Path, result: dict[str, Any]) -> Failure:
    file, row, name = result["location"]["file"], result["location"]["row"], result["name"]
    package = result["package"].removeprefix("data.")
    text = (folder / file).read_text(encoding="utf-8")
    body = _body(text.splitlines(), row)
    told = _run(opa, folder, "test", ".", *_ONLY_RULES, "--var-values", "--run", f"^data.{package}.{name}$").stdout
    found = told.partition("FAILURES")[2].partition("\n\n")[2].partition("\n----")[0]
    sentence = name.removeprefix("test_").replace("_", " ")
    return Failure(
        sentence, file, row, body, _facts(opa, folder, package, body, _given(text, body)), found.rstrip()
    )


def _body(lines: list[str], row: int) -> str:
    end = next((n for n in range(row, len(lines)) if lines[n].startswith("}")), row - 1)
    return "\n".join(lines[row - 1 : end + 1])


def _given(text: str, body: str) -> str:
    """The expression of the facts in a test: what it is asked with, or what it hands to a function of the file that
    asks with its parameter. Empty where there is none."""
    if (given := _GIVEN.search(body)) is not None:
        return given[1]
    for asker in _ASKER.finditer(text):
        if (call := re.search(rf"\b{asker[1]}\(", body)) is not None:
            return _argument(body, call.end())
    return ""


def _argument(text: str, start: int) -> str:
    """What stands from `start` up to the bracket that closes the call."""
    depth = 1
    for end in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if not depth:
            return text[start:end]
    return ""


def _facts(opa: Path, folder: Path, package: str, body: str, given: str) -> str:
    """The facts that the test gives, as JSON; empty where it gives none that stand alone."""
    if not given:
        return ""
    query = "; ".join([*_SET.findall(body), f"given := {given}"])
    command = ("eval", "--data", ".", *_ONLY_RULES, "--package", package, "--import", "data.commons_test.world")
    try:
        answer = json.loads(_run(opa, folder, *command, "--format", "json", query).stdout)
        return json.dumps(answer["result"][0]["bindings"]["given"], indent=2, sort_keys=True)
    except (ValueError, LookupError):
        return ""


def _run(opa: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603  # OPA, as the author named or installed it
            [opa, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PolicyFolderError("OPA could not be run") from error


def _read(ran: subprocess.CompletedProcess[str]) -> Any:
    try:
        return json.loads(ran.stdout)
    except ValueError:
        raise PolicyFolderError(f"OPA cannot read the rules: {(ran.stderr or ran.stdout).strip()[:2000]}") from None
