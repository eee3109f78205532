# SPDX-License-Identifier: Apache-2.0
"""Notices reach a real receiver, signed, at least once and in spite of its failures and of ours."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from sqlalchemy import Engine, select

from gateway import db
from gateway.identity.addresses import AddressRefused
from gateway.identity.registry import RegistryFault, register_organisation, register_system
from gateway.keyring import create, load
from gateway.notices import endpoints, outbox
from gateway.notices.courier import Courier
from gateway.notices.endpoints import SecretKeys, secret_keys
from gateway.notices.outbox import LEASE_MS, PAUSES_S
from gateway.notices.post import Post
from gateway.notices.signing import KIND, NOTICE, SIGNATURE, Genuine, verify
from gateway.notices.tables import webhook_secret
from tests.connectors.upstream import Asked, Respond, answers, hang, plain, upstream
from tests.gateway.identity.world import Clock, public, signing_key

SYSTEM, OTHER = "xzz01-discharge", "xzz01-ward"
TAKEN, BROKEN = plain("204 No Content", b""), plain("500 Internal Server Error", b"")


@dataclass
class Office:
    """One gateway's outbox and couriers, over one database, with a clock that is moved by hand."""

    engine: Engine
    keys: SecretKeys
    clock: Clock = field(default_factory=Clock)
    couriers: list[Courier] = field(default_factory=list)

    @property
    def now(self) -> int:
        return int(self.clock())

    def courier(self, **more: object) -> Courier:
        """Another worker."""
        post = Post(loopback=True, timeout_s=1.0, **more)  # type: ignore[arg-type]
        self.couriers.append(Courier(self.engine, self.keys, post, clock=self.clock))
        return self.couriers[-1]

    def endpoint(self, url: str, system: str = SYSTEM) -> str:
        """Registers an address; gives the secret."""
        with db.write(self.engine) as connection:
            return endpoints.register(connection, self.keys, system, url, loopback=True, now=self.now)

    def tell(self, n: int = 1, system: str = SYSTEM) -> list[str]:
        """Writes notices."""
        with db.write(self.engine) as connection:
            return [
                outbox.enqueue(connection, system, "consent-request.answered", {"request": f"cr_{k}"}, now=self.now)
                for k in range(n)
            ]

    def state(self, id: str) -> tuple[str, int, int]:
        """State, attempts and last status of a notice."""
        with db.read(self.engine) as connection:
            found = outbox.find(connection, [id])[id]
        return found.state, found.attempts, found.status


@pytest.fixture
async def office(engine: Engine, tmp_path: Path) -> AsyncIterator[Office]:
    """An office with two registered systems."""
    create(tmp_path / "keys")
    with db.write(engine) as connection:
        register_organisation(connection, "uk/nhs/XZZ01", "Example Trust", now=0)
        for system in (SYSTEM, OTHER):
            register_system(connection, system, "uk/nhs/XZZ01", "A system", jwks=public(signing_key()), now=0)
    made = Office(engine, secret_keys(load(tmp_path / "keys")))
    yield made
    for courier in made.couriers:
        await courier.close()


async def test_a_notice_arrives_signed_with_its_id_and_without_anything_personal(office: Office) -> None:
    async with upstream(answers(TAKEN)) as receiver:
        secret = office.endpoint(receiver.url)
        [id] = office.tell()
        assert await office.courier().round() == 1
        [asked] = receiver.asked
    headers = {name: asked.headers[name.lower()] for name in (SIGNATURE, NOTICE, KIND)}
    assert verify(headers[SIGNATURE], asked.body, (secret,), office.now) == Genuine()
    assert json.loads(asked.body) == {
        "id": id,
        "type": "consent-request.answered",
        "at": office.now,
        "data": {"request": "cr_0"},
    }
    assert (headers[NOTICE], headers[KIND]) == (id, "consent-request.answered")
    assert office.state(id) == ("delivered", 1, 204)
    assert await office.courier().round() == 0


async def test_a_receiver_that_fails_is_tried_again_later_and_later_and_then_given_up(office: Office) -> None:
    async with upstream(answers(BROKEN)) as receiver:
        office.endpoint(receiver.url)
        [id] = office.tell()
        courier = office.courier()
        for attempt, pause in enumerate(PAUSES_S, 1):
            assert await courier.round() == 1
            assert office.state(id) == ("waiting", attempt, 500)
            office.clock.now += pause - 1
            assert await courier.round() == 0, "not before its time"
            office.clock.now += pause // 5 + 1 + outbox.REST_MOST_S
        assert await courier.round() == 1
        assert office.state(id) == ("given-up", len(PAUSES_S) + 1, 500)
        office.clock.now += 1e6
        assert await courier.round() == 0
        receiver.respond = answers(TAKEN)
        with db.write(office.engine) as connection:
            assert not outbox.again(connection, OTHER, id, office.now * 1000), "another system's"
            assert outbox.again(connection, SYSTEM, id, office.now * 1000)
        assert await courier.round() == 1
        assert office.state(id) == ("delivered", 1, 204)


@pytest.mark.parametrize(
    "respond",
    [hang, answers(b""), answers(b"not http"), answers(plain("302 Found", b"", extra="Location: /elsewhere\r\n"))],
    ids=["says nothing", "hangs up", "speaks nonsense", "sends us elsewhere"],
)
async def test_a_receiver_that_misbehaves_is_one_that_failed(office: Office, respond: Respond) -> None:
    async with upstream(respond) as receiver:
        office.endpoint(receiver.url)
        [id] = office.tell()
        assert await office.courier().round() == 1
        assert office.state(id)[:2] == ("waiting", 1)
        assert [asked.line for asked in receiver.asked][1:] == [], "no redirect is followed, nothing sent twice"


async def test_one_that_fails_rests_and_delays_nobody_else(office: Office) -> None:
    async with upstream(answers(BROKEN)) as broken, upstream(answers(TAKEN)) as well:
        office.endpoint(broken.url)
        office.endpoint(well.url, OTHER)
        office.tell(20)
        theirs = office.tell(3, OTHER)
        await office.courier().round()
        assert len(broken.asked) < 20
        assert [office.state(id)[0] for id in theirs] == ["delivered"] * 3
        assert await office.courier().round() == 0, "the address rests, though other notices to it are due"


async def test_several_workers_deliver_each_notice_once(office: Office) -> None:
    async with upstream(answers(TAKEN)) as receiver:
        office.endpoint(receiver.url)
        ids = office.tell(12)
        couriers = [office.courier() for _ in range(3)]
        for _ in range(6):
            await asyncio.gather(*(courier.round() for courier in couriers))
        assert sorted(asked.headers[NOTICE.lower()] for asked in receiver.asked) == sorted(ids)


async def test_a_worker_that_dies_with_a_notice_in_hand_loses_nothing(office: Office) -> None:
    async with upstream(answers(TAKEN)) as receiver:
        office.endpoint(receiver.url)
        [id] = office.tell()
        with db.write(office.engine) as connection:
            [taken] = outbox.take(connection, office.now * 1000)  # and here it dies
        assert taken.id == id
        assert await office.courier().round() == 0
        office.clock.now += LEASE_MS / 1000
        assert await office.courier().round() == 1
        assert office.state(id) == ("delivered", 2, 204)


KILLED = """
import os, sys
from gateway import db
from gateway.notices import outbox
engine = db.connect(sys.argv[1])
with db.write(engine) as connection:
    outbox.enqueue(connection, "xzz01-discharge", "test.kept", {}, now=1)
with db.write(engine) as connection:
    outbox.enqueue(connection, "xzz01-discharge", "test.lost", {}, now=1)
    os._exit(9)
"""


async def test_a_crash_loses_no_notice_whose_cause_was_committed_and_tells_of_nothing_that_was_not(
    office: Office, database_url: str
) -> None:
    def crash() -> int:
        return subprocess.run([sys.executable, "-c", KILLED, database_url], check=False).returncode

    assert await asyncio.to_thread(crash) == 9
    async with upstream(answers(TAKEN)) as receiver:
        office.endpoint(receiver.url)
        assert await office.courier().round() == 1
        assert [asked.headers[KIND.lower()] for asked in receiver.asked] == ["test.kept"]


async def test_it_goes_on_by_itself_until_it_is_closed(office: Office) -> None:
    async with upstream(answers(BROKEN, TAKEN)) as receiver:
        office.endpoint(receiver.url)
        courier = office.courier()
        await courier.start()
        [id] = office.tell()
        async with asyncio.timeout(20):
            while office.state(id)[0] != "delivered":
                office.clock.now += 10
                await asyncio.sleep(0.05)
        await courier.close()
        assert len(receiver.asked) == 2


async def test_two_secrets_sign_while_a_system_changes_over_and_then_the_new_one_alone(office: Office) -> None:
    async with upstream(answers(TAKEN)) as receiver:
        old = office.endpoint(receiver.url)
        with db.write(office.engine) as connection:
            new = endpoints.rotate(connection, office.keys, SYSTEM, overlap_s=60, now=office.now)
            stored = connection.execute(select(webhook_secret.c.sealed)).scalars().all()
        assert not any(secret.encode() in bytes(sealed) for secret in (old, new) for sealed in stored)

        async def signed_by() -> tuple[bool, bool]:
            office.tell()
            await office.courier().round()
            asked: Asked = receiver.asked[-1]
            return tuple(  # type: ignore[return-value]
                verify(asked.headers[SIGNATURE.lower()], asked.body, (secret,), office.now) == Genuine()
                for secret in (old, new)
            )

        assert await signed_by() == (True, True)
        office.clock.now += 60
        assert await signed_by() == (False, True)


async def test_what_is_paused_waits_and_comes_later(office: Office) -> None:
    async with upstream(answers(TAKEN)) as receiver:
        [early] = office.tell()
        assert await office.courier().round() == 0, "nowhere to go yet"
        office.endpoint(receiver.url)
        with db.write(office.engine) as connection:
            endpoints.set_active(connection, SYSTEM, False, now=office.now)
        assert await office.courier().round() == 0
        with db.write(office.engine) as connection:
            endpoints.set_active(connection, SYSTEM, True, now=office.now)
        assert await office.courier().round() == 1
        assert office.state(early)[0] == "delivered"


# -- where nothing is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://agency.example/hook",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]/",
        "https://10.0.0.8/",
        "https://2130706433/",
        "https://user:secret@agency.example/",
        "file:///etc/passwd",
    ],
)
async def test_an_address_inside_our_network_is_neither_registered_nor_asked(office: Office, url: str) -> None:
    with db.write(office.engine) as connection, pytest.raises(AddressRefused):
        endpoints.register(connection, office.keys, SYSTEM, url, now=office.now)
    post = Post()
    assert await post.send(url, b"{}", {}) == 0
    await post.close()


class Rebinding(AbstractResolver):
    """A name server that gives a public address first and our own afterwards."""

    def __init__(self, *hosts: str) -> None:
        self.left = list(hosts)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        address = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return [ResolveResult(hostname=host, host=address, port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None: ...


@pytest.mark.parametrize("hosts", [("127.0.0.1",), ("169.254.169.254",), ("10.0.0.1",)])
async def test_a_name_that_leads_inside_is_not_connected_to(hosts: tuple[str, ...]) -> None:
    async with upstream(answers(TAKEN)) as receiver:
        port = receiver.url.rsplit(":", 1)[1].partition("/")[0]
        post = Post(loopback=True, resolver=lambda: Rebinding(*hosts), timeout_s=1.0)
        assert await post.send(f"https://agency.example:{port}/", b"{}", {}) == 0
        await post.close()
        assert receiver.connections == 0


async def test_a_loopback_address_is_asked_by_a_gateway_on_loopback_alone() -> None:
    async with upstream(answers(TAKEN)) as receiver:
        for loopback, status in ((False, 0), (True, 204)):
            post = Post(loopback=loopback)
            assert await post.send(receiver.url, b"{}", {}) == status
            await post.close()


async def test_only_a_registered_system_has_a_webhook(office: Office) -> None:
    with db.write(office.engine) as connection:
        for change in (
            lambda: endpoints.register(connection, office.keys, "nobody", "https://agency.example/", now=0),
            lambda: endpoints.rotate(connection, office.keys, OTHER, now=0),
            lambda: endpoints.set_active(connection, OTHER, True, now=0),
        ):
            with pytest.raises(RegistryFault):
                change()
