# SPDX-License-Identifier: Apache-2.0
"""An inquiry asks for silence: the citizen does not see who looked, and later proves that it had been there."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys

from gateway import keyring, sandbox
from gateway.audit import checkpoint, shards, verify
from tests.fixtures.citizens import Desk
from tests.fixtures.commons import World

ORDER = ("--reason", "criminal inquiry", "--authority", "order-17", "--officer", "officer-1")


def commons(world: World, *arguments: str) -> str:
    """What the command says."""
    line = [
        sys.executable,
        "-m",
        "gateway.cli",
        "embargo",
        *arguments,
        "--data",
        str(world.settings.data_dir),
        *ORDER,
    ]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_use_is_withheld_for_a_time_and_proven_afterwards(world: World) -> None:
    told = sandbox.story("consent-given")
    mine = Desk(world, told)
    answered = world.ask(told).json()
    receipt, decision = answered["receipt"]["id"], f"/v1/decisions/{answered['decision']}"
    use = receipt.removeprefix("rc_")
    assert use in mine.get("/v1/consent/uses").text
    assert mine.get(decision).status_code == 200

    until = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)).date().isoformat()
    embargo = commons(world, "set", receipt, "--until", until)
    kept = world.get("/log/checkpoint").text
    assert use not in mine.get("/v1/consent/uses").text
    assert mine.get(f"/v1/consent/uses/{use}/proof").status_code == 404
    assert mine.get(decision).status_code == 404

    commons(world, "lift", embargo)
    assert use in mine.get("/v1/consent/uses").text
    assert mine.get(decision).status_code == 200
    proof = mine.get(f"/v1/consent/uses/{use}/proof").text
    origin = shards.this_year(world.settings.log_origin)
    vkey = checkpoint.vkey(origin, keyring.load(world.settings.keys).log.public_key())
    report = verify.proof(proof, vkey)
    assert report.ok
    shown = json.loads(report.shown)
    assert "actor" in shown["closed"]
    assert shown["shown"]["result"]["released"]
    assert shown["index"] < int(kept.split("\n")[1])  # it stood there while it was withheld
