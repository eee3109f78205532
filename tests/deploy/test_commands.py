# SPDX-License-Identifier: Apache-2.0
"""The commands keep their word: they explain themselves, pin what they install, and name what is absent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "deploy" / "locks"
PINNED = re.compile(r"^([a-z0-9-]+)==([^ ;]+)(?: ; .+)? \\$")


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COMMONS_", "MAKE"))}
    return subprocess.run(
        command, cwd=ROOT, env={**kept, **environment}, check=False, capture_output=True, text=True
    )


def _locked(name: str) -> dict[str, set[str]]:
    """Name of each locked package → its versions (more than one where platforms differ)."""
    found: dict[str, set[str]] = {}
    for line in (LOCKS / name).read_text().splitlines():
        if match := PINNED.match(line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def test_bare_make_explains_every_command() -> None:
    listed = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed
    told = re.findall(r"^  make (\w+) +\S", _run("make").stdout, re.MULTILINE)
    assert sorted(told) == sorted(listed[1].split())


@pytest.mark.parametrize("name", ["dev.txt", "runtime.txt"])
def test_every_line_of_a_lock_is_a_pinned_package_or_one_of_its_hashes(name: str) -> None:
    lines = (LOCKS / name).read_text().splitlines()
    odd = [
        line for line in lines if not PINNED.match(line) and not re.match(r"^    --hash=sha256:[0-9a-f]{64}", line)
    ]
    assert not odd
    assert len(_locked(name)) > 50


def test_what_runs_is_what_was_tested() -> None:
    tested = _locked("dev.txt")
    assert not {name: found for name, found in _locked("runtime.txt").items() if tested.get(name) != found}


def test_every_dependency_of_the_project_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["sandbox"]]
    names = {re.split(r"[\[<>=!; ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert not names - set(_locked("runtime.txt"))


def test_an_absent_policy_checker_is_named_and_refused_where_nothing_may_be_skipped(tmp_path: Path) -> None:
    bare = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path)}
    lenient = _run("sh", "deploy/dev/lint-policies.sh", **bare)
    strict = _run("sh", "deploy/dev/lint-policies.sh", **bare, COMMONS_REQUIRE_ALL="1")
    assert "OPA is absent" in lenient.stderr
    assert (lenient.returncode, strict.returncode) == (0, 1)


def test_setting_up_without_a_python_says_which_is_needed(tmp_path: Path) -> None:
    for name in ("deploy/dev/setup.sh", "deploy/locks/dev.txt", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    ran = _run("sh", str(tmp_path / "deploy/dev/setup.sh"), "dev", PYTHON="/nowhere/python3")
    assert ran.returncode == 1
    assert "Python 3.11 or newer is needed" in ran.stderr


@pytest.mark.parametrize(("required", "outcome"), [("0", "1 skipped"), ("1", "1 failed")])
def test_a_skip_is_a_failure_where_nothing_may_be_skipped(required: str, outcome: str, tmp_path: Path) -> None:
    test = tmp_path / "test_absent.py"
    test.write_text("import pytest\n\ndef test_absent():\n    pytest.skip('Something is absent')\n")
    pytest_ = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "tests.conftest", "--noconftest"]
    ran = _run(*pytest_, str(test), COMMONS_REQUIRE_ALL=required)
    assert outcome in ran.stdout.splitlines()[-1]
    assert "Something is absent" in ran.stdout
