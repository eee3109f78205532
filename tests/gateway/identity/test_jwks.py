# SPDX-License-Identifier: Apache-2.0
"""Key sets by address: what is never fetched, and what happens when an address changes or fails."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.identity.addresses import AddressRefused, check_address
from gateway.identity.jwks import FRESH_S, PAUSE_S, STALE_S, UNKNOWN_KIDS, KeySetUnreachable, RemoteKeys
from gateway.identity.keys import MAX_BYTES
from tests.gateway.identity.world import Clock, KeySite, public, signing_key


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/jwks",
        "ftp://keys.example/jwks",
        "file:///etc/passwd",
        "//keys.example/jwks",
        "https:///jwks",
        "https://user:secret@keys.example/",
        "https://keys.example/#x",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://a.localhost/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0.0.0.0/",
        "https://10.0.0.8/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://224.0.0.1/",
        "https://keys.example/" + "a" * 500,
    ],
)
@pytest.mark.parametrize("loopback", [True, False])
def test_an_address_that_is_not_public_https_is_refused(url: str, loopback: bool) -> None:
    ours = ("https://127.0.0.1/", "https://localhost/", "https://a.localhost/", "https://[::1]/")
    if loopback and url in (
        *ours,
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
    ):
        check_address(url, loopback=True)
    else:
        with pytest.raises(AddressRefused):
            check_address(url, loopback=loopback)


def test_a_public_https_address_is_taken() -> None:
    check_address("https://keys.example/.well-known/jwks.json")
    check_address("https://[2a00:1450:4009::1]:8443/jwks")


def test_http_on_this_machine_is_fetched_only_in_development(site: KeySite) -> None:
    site.serve(signing_key())
    assert RemoteKeys(loopback=True).find(site.url, "k1") is not None
    with pytest.raises(KeySetUnreachable):
        RemoteKeys().find(site.url, "k1")
    assert site.asked == 1


class _Rebinding(AbstractResolver):
    """A name server that says what it is told."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=a, port=port, family=socket.AF_INET, proto=0, flags=0)
            for a in self.addresses
        ]

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("169.254.169.254",), ("93.184.215.14", "10.0.0.1"), ("::ffff:127.0.0.1",), ()]
)
def test_a_name_that_leads_into_our_network_is_not_fetched(site: KeySite, addresses: tuple[str, ...]) -> None:
    port = site.server_address[1]
    remote = RemoteKeys(loopback=True, resolver=lambda: _Rebinding(*addresses))
    with pytest.raises(KeySetUnreachable):
        remote.find(f"https://keys.example:{port}/jwks", "k1")
    assert site.asked == 0


def test_a_redirect_is_not_followed(site: KeySite) -> None:
    key = signing_key()
    target = site.url.replace("jwks.json", "other")

    def answer(handler: object) -> None:
        if handler.path == "/other":  # type: ignore[attr-defined]
            handler.send_json(public(key))  # type: ignore[attr-defined]
        else:
            handler.send_json({}, 302, Location=target)  # type: ignore[attr-defined]

    site.answer = answer
    with pytest.raises(KeySetUnreachable):
        RemoteKeys(loopback=True).find(site.url, "k1")
    assert site.asked == 1


def test_a_set_that_is_too_large_or_holds_private_keys_or_is_no_json_is_not_used(site: KeySite) -> None:
    key = signing_key()
    documents = [
        {**public(key), "padding": "x" * MAX_BYTES},
        {"keys": [key.as_dict(private=True)]},
        "canary",
    ]
    for document in documents:
        site.answer = lambda handler, document=document: handler.send_json(document)  # type: ignore[misc]
        with pytest.raises(KeySetUnreachable):
            RemoteKeys(loopback=True).find(site.url, "k1")


def test_an_address_that_hangs_costs_a_limited_time(site: KeySite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.identity.jwks.TIMEOUT_S", 0.2)
    release = threading.Event()
    site.answer = lambda handler: release.wait(5) or None
    with pytest.raises(KeySetUnreachable):
        RemoteKeys(loopback=True).find(site.url, "k1")
    release.set()


def test_a_set_is_used_for_five_minutes_without_asking_again(site: KeySite) -> None:
    clock = Clock()
    remote = RemoteKeys(loopback=True, clock=clock)
    site.serve(signing_key())
    for _ in range(3):
        assert remote.find(site.url, "k1") is not None
    assert site.asked == 1
    clock.now += FRESH_S
    remote.find(site.url, "k1")
    assert site.asked == 2


def test_an_unknown_kid_asks_once_more_and_a_flood_of_them_does_not_become_ours(site: KeySite) -> None:
    clock = Clock()
    remote = RemoteKeys(loopback=True, clock=clock)
    site.serve(signing_key())
    assert remote.find(site.url, "k1") is not None
    for _ in range(3):
        assert remote.find(site.url, "k2") is None
    assert site.asked == 2
    for n in range(100):
        assert remote.find(site.url, f"guess-{n}") is None
    assert site.asked == 1 + UNKNOWN_KIDS
    clock.now += FRESH_S
    site.serve(signing_key("EC", "k2"))
    assert remote.find(site.url, "k2") is not None


def test_a_key_taken_out_of_the_set_is_gone_at_the_next_fetch(site: KeySite) -> None:
    clock = Clock()
    remote = RemoteKeys(loopback=True, clock=clock)
    site.serve(signing_key(), signing_key("EC", "k2"))
    assert remote.find(site.url, "k1") is not None
    site.serve(signing_key("EC", "k2"))
    clock.now += FRESH_S
    assert remote.find(site.url, "k1") is None


def test_a_failing_address_is_borne_for_an_hour_and_asked_only_now_and_then(site: KeySite) -> None:
    clock = Clock()
    remote = RemoteKeys(loopback=True, clock=clock)
    site.serve(signing_key())
    assert remote.find(site.url, "k1") is not None
    site.answer = lambda handler: handler.send_json({}, 500)
    clock.now += FRESH_S
    for _ in range(3):
        assert remote.find(site.url, "k1") is not None
    assert site.asked == 2
    with pytest.raises(KeySetUnreachable):
        remote.find(site.url, "k2")
    clock.now += PAUSE_S
    remote.find(site.url, "k1")
    assert site.asked == 3
    clock.now += STALE_S
    with pytest.raises(KeySetUnreachable):
        remote.find(site.url, "k1")


def test_many_at_once_ask_the_address_once(site: KeySite) -> None:
    remote = RemoteKeys(loopback=True)
    site.serve(signing_key())
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: remote.find(site.url, "k1"), range(20)))
    assert all(found)
    assert site.asked == 1


async def test_a_set_is_fetched_from_inside_an_event_loop_too(site: KeySite) -> None:
    site.serve(signing_key())
    assert RemoteKeys(loopback=True).find(site.url, "k1") is not None


def test_a_trusted_issuers_address_may_be_in_a_private_network(site: KeySite) -> None:
    site.serve(signing_key())
    assert RemoteKeys().find(site.url, "k1", trusted=True) is not None
