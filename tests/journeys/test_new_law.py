# SPDX-License-Identifier: Apache-2.0
"""A law comes into force while a gateway serves: no query is dropped, and each is judged by one law."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from connectors.sandbox.stories import Story
from gateway import activation
from gateway.policy import signing
from gateway.policy.archive import Archive
from gateway.policy.bundle import build
from gateway.policy.packing import unpack
from gateway.policy.vocabulary import load as words
from gateway.sandbox import story
from gateway.settings import load
from tests.fixtures.commons import World, free_port, question
from tests.fixtures.law import POLICIES, Steward
from tests.fixtures.opa import OpaServer, running
from tests.fixtures.starting import PATIENCE_S

AGREEMENT = "data/agreements/dsa-2026-014.yaml"


@contextlib.contextmanager
def another(world: World, folder: Path, *lines: str, until: str = "/health/ready") -> Iterator[World]:
    """A second gateway with databases and a law of its own, over the same people and sources; `lines` are added to
    its settings, and it is waited for as World.start tells."""
    folder.mkdir(mode=0o700)
    for name in ("commons.db", "log.db"):
        with (
            contextlib.closing(sqlite3.connect(world.settings.data_dir / name)) as source,
            contextlib.closing(sqlite3.connect(folder / name)) as copy,
        ):
            source.backup(copy)
    for name in ("keys", "secrets", "clients", "policy", "steward"):
        shutil.copytree(world.settings.data_dir / name, folder / name)
    said = (world.settings.data_dir / "commons.env").read_text()
    said = said.replace(f"COMMONS_PUBLIC_URL={world.url}", f"COMMONS_PUBLIC_URL=http://127.0.0.1:{free_port()}")
    (folder / "commons.env").write_text("\n".join([said.strip(), *lines]) + "\n")
    up = World(load(folder), world.twins)
    up.start(until)
    try:
        yield up
    finally:
        up.stop()


def activate(world: World, folder: Path, days: int, consents: activation.Consents | None = None) -> None:
    """Put a law with that retention in force, signed by the sandbox's own steward newer than any it has kept."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(POLICIES, folder)
    path = folder / AGREEMENT
    path.write_text(path.read_text().replace("retention_days: 70", f"retention_days: {days}"))
    newest = max(unpack(path.read_bytes()).release.sequence for path in Archive(world.settings.policy_archive))
    raw = steward_of(world).pack(build(words(folder)), newest + 1)
    asyncio.run(activation.activate(world.settings, raw, "staff-1", consents))


def steward_of(world: World) -> Steward:
    """The sandbox is its own steward."""
    keyid, key = signing.read_key(world.settings.data_dir / "steward" / f"sandbox{signing.PRIVATE}")
    return Steward(keyid, key, world.settings.policy_keys / f"{keyid}.pem")


def erased_after(reply: httpx.Response) -> int:
    """Days between today (UTC) and the date by which the asker must erase what the answer holds."""
    duties = {duty["type"]: duty for duty in reply.json()["obligations"]}
    until = datetime.date.fromisoformat(duties["erase-by"]["at"][:10])
    return (until - datetime.datetime.now(datetime.UTC).date()).days


class Stream:
    """Questions one after the other from several askers, until stopped."""

    def __init__(self, world: World, told: Story, askers: int = 3) -> None:
        self._world, self._told = world, told
        self._go = True
        self.replies: list[httpx.Response] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(askers)]
        world.token(told.ask.system, told.ask.role)

    def __enter__(self) -> Stream:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._go = False
        for thread in self._threads:
            thread.join(30)

    def _ask(self) -> None:
        while self._go:
            self.replies.append(self._world.ask(self._told))

    def until(self, seen: Callable[[httpx.Response], bool]) -> None:
        """Wait until a reply is like that."""
        ends = time.monotonic() + PATIENCE_S
        while not (self.replies and seen(self.replies[-1])):
            assert time.monotonic() < ends, Counter(reply.status_code for reply in self.replies)
            time.sleep(0.02)


def test_queries_go_on_while_law_after_law_comes_into_force(world: World, tmp_path: Path) -> None:
    told = story("all-returned")
    with another(world, tmp_path / "own") as own, Stream(own, told) as stream:
        stream.until(lambda reply: erased_after(reply) == 70)
        for days in (50, 30):
            activate(own, tmp_path / "law", days)
            stream.until(lambda reply, days=days: erased_after(reply) == days)
    assert {reply.status_code for reply in stream.replies} == {200}
    assert {erased_after(reply) for reply in stream.replies} == {70, 50, 30}


def test_a_law_that_was_spoilt_on_its_way_changes_nothing_for_a_running_gateway(
    world: World, tmp_path: Path
) -> None:
    told = story("all-returned")
    with another(world, tmp_path / "own") as own:
        with contextlib.closing(sqlite3.connect(own.settings.data_dir / "commons.db")) as database:
            database.execute(
                "INSERT INTO policy_bundle SELECT sequence + 1, revision, keyid, 'x', activated_at, activated_by, "
                "substr(bundle, 1, length(bundle) - 9) FROM policy_bundle ORDER BY sequence DESC LIMIT 1"
            )
            database.commit()
        ends = time.monotonic() + PATIENCE_S
        while "is refused" not in own.said():
            assert time.monotonic() < ends
            time.sleep(0.05)
        assert erased_after(own.ask(told)) == 70


def test_a_gateway_judged_by_opa_answers_refuses_and_tells_a_refusal_from_a_failure(
    world: World, opa: str, tmp_path: Path
) -> None:
    told, socket = story("all-returned"), Path(f"/tmp/opa-{tmp_path.name[-40:]}")
    socket.mkdir()
    try:
        lines = ("COMMONS_JUDGE=opa", f"COMMONS_OPA_URL=unix://{socket}/opa.sock", "COMMONS_OPA_TIMEOUT_MS=1500")
        with another(world, tmp_path / "own", *lines, until="/health/live") as own:
            assert own.ask(told).json()["code"] == "policy-unavailable"  # OPA is not there yet
            judge = OpaServer(opa, steward_of(own), socket, own.url)
            with running(judge):
                _ready(own)
                with Stream(own, told, askers=2) as stream:
                    stream.until(lambda reply: erased_after(reply) == 70)
                    activate(own, tmp_path / "law", 40)
                    stream.until(lambda reply: erased_after(reply) == 40)
                assert {reply.status_code for reply in stream.replies} == {200}
                refused = own.post(question(told) | {"purpose": "research.planning"})
                assert (refused.status_code, refused.json()["layer"]) == (403, "policy")
                judge.signal(signal.SIGSTOP)
                failed = own.post(question(story("consent-denied")))
                assert (failed.status_code, failed.json()["code"]) == (503, "policy-unavailable")
                _until_forgotten(own, told)
                judge.signal(signal.SIGCONT)
                _ready(own)
                assert own.ask(told).status_code == 200
    finally:
        shutil.rmtree(socket)


def _until_forgotten(world: World, told: Story) -> None:
    """Until what OPA allowed before it fell silent is allowed no more."""
    ends = time.monotonic() + PATIENCE_S
    while (reply := world.ask(told)).status_code == 200:
        assert time.monotonic() < ends
        time.sleep(0.2)
    assert reply.json()["code"] == "policy-unavailable"


def _ready(world: World) -> None:
    ends = time.monotonic() + PATIENCE_S
    while httpx.get(f"{world.url}/health/ready").status_code != 200:
        assert time.monotonic() < ends
        time.sleep(0.05)
