# SPDX-License-Identifier: Apache-2.0
"""The rules themselves, with the real OPA: their tests pass, every line is reached, every rule says what it is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.policy import generate, rules
from gateway.policy import vocabulary as law

POLICIES = Path(__file__).parents[2] / "policies"
ONLY_RULES = ("--ignore", "*.yaml", "--ignore", "*.schema.json")
RULES = [path for path in rules.files(POLICIES) if path.parent.name in rules.KINDS]


def run(*command: str, cwd: Path = POLICIES) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def proofs(opa: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run(opa, "test", ".", *ONLY_RULES, cwd=folder)


def test_every_test_of_the_rules_passes(opa: str) -> None:
    result = proofs(opa, POLICIES)
    assert result.returncode == 0, result.stdout + result.stderr
    assert int(re.findall(r"PASS: (\d+)/", result.stdout)[0]) > 100


def test_every_line_of_every_rule_is_reached(opa: str) -> None:
    result = run(opa, "test", ".", *ONLY_RULES, "--coverage", "--format", "json")
    files: dict[str, Any] = json.loads(result.stdout)["files"]
    reached = {name: files[name].get("not_covered", []) for name in files if not name.endswith("_test.rego")}
    assert set(reached) == {path.relative_to(POLICIES).as_posix() for path in rules.files(POLICIES)}
    assert {name: lines for name, lines in reached.items() if lines} == {}


def test_the_rules_are_in_the_one_form_and_pass_the_strict_check(opa: str) -> None:
    assert run(opa, "fmt", "--list", ".").stdout == ""
    result = run(opa, "check", "--strict", "--v1-compatible", ".")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", rules.files(POLICIES), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_rule_has_its_proof_beside_it_in_a_package_of_tests(path: Path) -> None:
    proof = path.with_name(f"{path.stem}_test.rego")
    assert proof.exists()
    assert re.search(r"^package commons_test\.", proof.read_text(), re.MULTILINE)
    assert re.search(r"^test_\w+ if ", proof.read_text(), re.MULTILINE)


def test_no_test_stands_among_the_limits(opa: str) -> None:
    for path in rules.files(POLICIES, tests=True):
        assert re.search(r"^package commons_test\.", path.read_text(), re.MULTILINE)


def test_opa_reads_the_same_annotations_as_we_do(opa: str) -> None:
    inspected = json.loads(run(opa, "inspect", "--annotations", "--format", "json", ".").stdout)
    theirs = {
        ".".join(part["value"] for part in entry["path"][1:]): entry["annotations"]
        for entry in inspected["annotations"]
    }
    for name, rule in law.load(POLICIES).rules.items():
        said = theirs["commons." + name.replace("/", ".")]
        assert said["title"] == rule.title
        assert said["custom"]["agency"] == rule.agency
        assert said["custom"]["citizen"] == rule.citizen


def test_every_generated_file_is_current() -> None:
    assert generate.stale(POLICIES) == [], "run python -m gateway.policy.generate"


def opened(folder: Path, path: Path) -> None:
    """Make a limit hold, or a ground apply, whatever is asked."""
    kind, word = path.parent.name, "holds" if path.parent.name == "limits" else "applies"
    text = f"package commons.{kind}.{path.stem}\n\n{word} := data.commons.lib.asked.all_positions\n"
    (folder / kind / path.name).write_text(text)


@pytest.mark.parametrize(
    "path",
    [path for path in RULES if path.parent.name in ("limits", "grounds")],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_rule_that_is_always_true_makes_a_test_fail(opa: str, tmp_path: Path, path: Path) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    opened(folder, path)
    result = proofs(opa, folder)
    assert result.returncode == 2, "it may be true always and no test minds"
    assert "FAIL" in result.stdout
