# SPDX-License-Identifier: Apache-2.0
"""The guides do what they say: their commands run as printed, and what they show is in what comes back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from gateway.web.wire import RecordQuery
from tests.fixtures.commons import World

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
BLOCK = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MARK = "\x1e"


class Step(NamedTuple):
    """A block of commands, and what the guide shows of its output."""

    kind: str
    commands: str
    shown: list[tuple[str, str]]


def steps(name: str) -> list[Step]:
    """The blocks of commands of a guide, each with the blocks of output that follow it."""
    found: list[Step] = []
    for language, kind, text in BLOCK.findall((GUIDES / name).read_text()):
        if language == "sh":
            found.append(Step(kind, text, []))
        elif language in ("json", "text"):
            found[-1].shown.append((language, text))
    return found


def run(world: World, cwd: Path, wanted: Sequence[Step]) -> list[str]:
    """What each block says, all run in one shell in `cwd`; addresses and folders are those of the test."""
    if shutil.which("curl") is None:
        pytest.skip("curl is absent")
    for folder in ("docs", "policies"):
        if not (cwd / folder).exists():
            (cwd / folder).symlink_to(ROOT / folder)
    script = "\nprintf '\\x1e'\n".join(["set -e -o pipefail", *(step.commands for step in wanted)])
    script = script.replace("http://127.0.0.1:8080", world.url).replace("var/demo", str(world.settings.data_dir))
    script = script.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    command = ["bash", "-c", script]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.split(MARK)[1:]


def holds(shown: Any, real: Any) -> bool:
    """Whether all that is shown is there: members of objects, and elements of lists in their order."""
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(name in real and holds(shown[name], real[name]) for name in shown)
    if isinstance(shown, list):
        left = iter(real if isinstance(real, list) else ())
        return all(any(holds(one, other) for other in left) for one in shown)
    return bool(shown == real)


def check(wanted: Sequence[Step], said: Sequence[str]) -> None:
    """Every block shown stands in what its commands said."""
    for step, output in zip(wanted, said, strict=True):
        for language, text in step.shown:
            if language == "json":
                real = json.loads(output[output.index("{") :])
                assert holds(json.loads(text), real), f"{step.commands}\nsaid\n{output}"
            else:
                assert text in output, f"{step.commands}\nsaid\n{output}"


def test_the_first_query_goes_as_told(world: World, tmp_path: Path) -> None:
    wanted = [step for step in steps("first-query.md") if step.kind != "start"]
    said = run(world, tmp_path, wanted)
    check(wanted, said)
    assert said[-1].startswith("OK ")


def test_an_agency_is_added_as_told(world: World, tmp_path: Path) -> None:
    every = steps("add-an-agency.md")
    before = [step for step in every if not step.kind]
    said = run(world, tmp_path, before)
    check(before, said)
    assert said[2].count(".") == 2, "a JWT has three parts"
    after = [step for step in every if step.kind == "restarted"]
    (text,) = [
        text for _, kind, text in BLOCK.findall((GUIDES / "add-an-agency.md").read_text()) if kind == "agreement"
    ]
    law = tmp_path / "law"
    shutil.copytree(ROOT / "policies", law)
    (law / "data/agreements/dsa-2026-050.yaml").write_text(text)
    [asking] = [step for step in before if "ask()" in step.commands]
    env = world.settings.data_dir / "commons.env"
    kept = env.read_text()
    world.stop()
    env.write_text(f"{kept}COMMONS_POLICIES_DIR={law}\n")
    try:
        world.start()
        check(after, run(world, tmp_path, [asking._replace(shown=[]), *after])[1:])
    finally:
        world.stop()
        env.write_text(kept)
        world.start()


def test_every_example_is_a_query() -> None:
    for file in sorted((ROOT / "docs/examples").glob("*.json")):
        msgspec.json.decode(file.read_bytes(), type=RecordQuery)
