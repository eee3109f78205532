# SPDX-License-Identifier: Apache-2.0
"""The README's commands do what it says, as printed; only the address and the folder are those of the test."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.commons import World

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def run(world: World, command: str) -> str:
    """The standard output of a command of the README."""
    if shutil.which("curl") is None:
        pytest.skip("curl is absent")
    here = command.replace("http://127.0.0.1:8080", world.url).replace("var/demo", str(world.settings.data_dir))
    here = here.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = subprocess.run(["bash", "-c", here], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_the_printed_curl_line_brings_an_answer(world: World) -> None:
    [command] = re.findall(r"```sh\n(curl.*?)```", README, re.DOTALL)
    answer = json.loads(run(world, command))
    assert answer["status"] in ("complete", "partial")
    assert {item["category"] for item in answer["items"]} >= {"health.medications", "housing.tenancy"}


def test_the_printed_check_of_the_log_verifies_it(world: World) -> None:
    [command] = re.findall(r"```sh\n(\.venv/bin/commons audit verify.*?)```", README, re.DOTALL)
    assert run(world, command).startswith("OK ")


def test_every_folder_the_readme_names_is_there() -> None:
    for folder in re.findall(r"^\| `([a-z]+)/`", README, re.MULTILINE):
        assert (ROOT / folder).is_dir()
