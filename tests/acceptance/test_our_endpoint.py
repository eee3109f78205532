# SPDX-License-Identifier: Apache-2.0
"""Tools that others wrote read the log of a running gateway over HTTP, entries behind its token included."""

from __future__ import annotations

from pathlib import Path

from connectors.sandbox.stories import Story
from gateway import keyring, sandbox
from gateway.audit import checkpoint, shards
from tests.fixtures.commons import World

from .conftest import Run


def test_others_tools_accept_the_log_of_a_running_gateway(
    world: World, sumdb: Run, formats: Run, run_fsck: Run, tmp_path: Path
) -> None:
    told: Story = sandbox.story("consent-not-given")
    receipts = [world.ask(told).json()["receipt"]["href"] for _ in range(2)]
    origin = shards.this_year(world.settings.log_origin)
    vkey = checkpoint.vkey(origin, keyring.load(world.settings.keys).log.public_key())
    key, older = tmp_path / "vkey", tmp_path / "older"
    key.write_text(vkey)
    url, token = f"{world.url}/log", world.settings.log_monitor_token or ""
    older.write_text(world.get("/log/checkpoint").text)
    proofs = []
    for n, receipt in enumerate(receipts):
        shown = world.get(f"{receipt}?show=subject,request", Accept="text/plain")
        assert shown.status_code == 200
        proofs.append(tmp_path / f"{n}.tlog-proof")
        proofs[-1].write_text(shown.text)
    assert world.ask(told).status_code == 200
    size, year = older.read_text().split("\n")[1], origin.rpartition("/")[2]
    growth = tmp_path / "growth"
    growth.write_text(world.get(f"/log/{year}/growth/{size}").text)
    files = ("-proofs", ",".join(map(str, proofs)), "-growth", str(growth), "-older", str(older))
    for done in (
        sumdb("-url", url, "-vkey", vkey, "-token", token, "-older", str(older)),
        formats("-url", url, "-vkey", vkey, "-token", token, *files),
    ):
        assert done.returncode == 0, done.stderr
    arguments = ("--storage_url", f"{url}/", "--public_key", str(key), "--origin", origin, "--ui=false", "-N", "64")
    assert "Successfully" in run_fsck(*arguments, "--bearer_token", token).stderr
    assert "Successfully" not in run_fsck(*arguments).stderr  # entries are not for everybody
    assert sumdb("-url", url, "-vkey", vkey).returncode == 1
