# SPDX-License-Identifier: Apache-2.0
"""The guides do what they say: their commands run as printed, and what they show is in what comes back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from gateway import sandbox
from gateway.web.wire import RecordQuery
from tests.fixtures.commons import World, free_port
from tests.fixtures.starting import await_answer

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


def test_a_citizen_sees_agrees_and_takes_it_back_as_told(world: World, tmp_path: Path) -> None:
    wanted = steps("citizens.md")
    check(wanted, run(world, tmp_path, wanted))


def test_a_rule_is_changed_as_told(world: World, tmp_path: Path, opa: str) -> None:
    wanted = [step for step in steps("change-a-rule.md") if step.kind != "activate"]
    check(wanted, run(world, tmp_path, wanted))
    page = (tmp_path / "rehearsal.html").read_text()
    assert "What this change of the law would have changed" in page
    assert opa


def test_a_log_is_checked_as_told(world: World, tmp_path: Path, fsck: str) -> None:
    every = [step for step in steps("check-the-log.md") if step.kind != "apart"]
    wanted = [step._replace(commands=re.sub(r"^fsck ", f"{fsck} ", step.commands)) for step in every]
    said = run(world, tmp_path, [step._replace(commands=step.commands + "\n") for step in wanted])
    assert sum(one.lstrip().startswith("OK ") for one in said) == 3


def test_an_agency_is_added_as_told(world: World, tmp_path: Path) -> None:
    every = steps("add-an-agency.md")
    before = [step for step in every if step.kind != "restarted"]
    check(before, run(world, tmp_path, before))
    again = [step._replace(shown=[]) for step in every if step.kind == "token"]
    after = [step for step in every if step.kind == "restarted"]
    [text] = [
        text for _, kind, text in BLOCK.findall((GUIDES / "add-an-agency.md").read_text()) if kind == "agreement"
    ]
    law = tmp_path / "law"
    shutil.copytree(ROOT / "policies", law)
    (law / "data/agreements/dsa-2026-100.yaml").write_text(text)
    env = world.settings.data_dir / "commons.env"
    kept = env.read_text()
    world.stop()
    env.write_text(f"{kept}COMMONS_POLICIES_DIR={law}\n")
    port = int(world.url.rsplit(":", 1)[1])
    try:
        sandbox.prepare(world.settings.data_dir, port=port)
        world.start()
        check([*again, *after], run(world, tmp_path, [*again, *after]))
    finally:
        world.stop()
        env.write_text(kept)
        sandbox.prepare(world.settings.data_dir, port=port)
        world.start()


def test_a_gateway_is_operated_as_told(tmp_path: Path) -> None:
    every, port = steps("operate.md"), free_port()
    folder = tmp_path / "commons"

    def shell(*kinds: str) -> str:
        """What the blocks of these kinds say."""
        return run_here([step.commands for step in every if step.kind in kinds], tmp_path, folder, port)

    shell("setup")
    with served(tmp_path, folder, port):
        ready, *report = shell("health").split("\n")
        assert json.loads(ready.partition("}")[0] + "}") == {"status": "ready", "log_size": 2}
        assert "OK " in ready + "".join(report)
        shell("backup")
    shell("rotate", "restore")
    with served(tmp_path, folder, port):
        assert "OK " in shell("health")
        keys = httpx.get(f"http://127.0.0.1:{port}/.well-known/jwks.json").json()["keys"]
        assert len(keys) == 2


def test_a_new_law_is_rolled_out_as_told(tmp_path: Path) -> None:
    first, every, port = steps("operate.md"), steps("roll-out-a-law.md"), free_port()
    folder = tmp_path / "commons"
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    run_here([step.commands for step in first if step.kind == "setup"], tmp_path, folder, port)
    with served(tmp_path, folder, port):
        for step in every:
            if step.kind == "opa":
                continue  # asked of a real OPA in tests/gateway/policy/test_opa.py
            said = run_here([step.commands], tmp_path, folder, port)
            assert all(text.strip() in said for _, text in step.shown), (step.kind, said)
            assert step.kind != "activate" or retention(port, 60)


def retention(port: int, days: int) -> bool:
    """Whether the running gateway comes to publish an agreement with that many days."""
    for _ in range(100):
        found = httpx.get(f"http://127.0.0.1:{port}/v1/catalogue/agreements").json()["agreements"]
        if days in [one["retention_days"] for one in found if one["id"] == "dsa-2026-014"]:
            return True
        time.sleep(0.1)
    return False


def run_here(commands: Sequence[str], cwd: Path, folder: Path, port: int) -> str:
    """What commands say on a machine that has `commons` installed and `folder` for it."""
    script = "\n".join(["set -e -o pipefail", *commands])
    script = (
        script.replace("/var/lib/commons", str(folder))
        .replace("/tmp/law", str(cwd / "law"))
        .replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=cwd,
        env=installed(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def installed(folder: Path) -> dict[str, str]:
    """The environment of an operator; the code is the one under test, wherever the command was installed from."""
    kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    return kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COMMONS_DATA_DIR": str(folder)}


@contextlib.contextmanager
def served(cwd: Path, folder: Path, port: int) -> Iterator[None]:
    """A gateway run as the guide says, stopped afterwards."""
    [command] = [step.commands for step in steps("operate.md") if step.kind == "serve"]
    process = subprocess.Popen(command.replace("8080", str(port)).split(), cwd=cwd, env=installed(folder))
    try:
        await_answer(f"http://127.0.0.1:{port}/health/ready", process)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_every_example_is_a_query() -> None:
    files = sorted((ROOT / "docs/examples").glob("*.json"))
    assert all(msgspec.json.decode(file.read_bytes(), type=RecordQuery).categories for file in files)
    assert files


def test_the_reference_s_example_is_answered_in_the_form_it_shows(world: World) -> None:
    page = (ROOT / "docs/reference/exchange.md").read_text()
    shown = {kind: json.loads(text) for language, kind, text in BLOCK.findall(page) if language == "json"}
    reply = world.post(shown["request"], role="")
    answer, wanted = reply.json(), shown["answer"]
    assert [(row["category"], row["state"]) for row in answer["completeness"]["summary"]] == [
        (row["category"], row["state"]) for row in wanted["completeness"]["summary"]
    ]
    assert holds([item["data"] for item in wanted["items"]], [item["data"] for item in answer["items"]])
    assert [set(item["provenance"]) for item in wanted["items"]] == [
        set(next(i for i in answer["items"] if i["category"] == item["category"])["provenance"])
        for item in wanted["items"]
    ]
    decision = world.get(f"/v1/decisions/{answer['decision']}").json()
    assert set(decision) == set(shown["decision"])
    assert holds(shown["decision"]["verdicts"], decision["verdicts"])
    listed = {name.lower() for name in re.findall(r"^\| `([A-Za-z-]+)` \|", page, re.MULTILINE)}
    assert not set(reply.headers) - listed - {"date", "content-length", "content-type"}
