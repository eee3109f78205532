# SPDX-License-Identifier: Apache-2.0
"""Stage 1: a token becomes a Caller, and what changes in the register is seen at the next query."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.db import watch, write
from gateway.errors import TokenExpired, TokenInvalid
from gateway.identity.registry import (
    register_organisation,
    register_system,
    set_organisation_active,
    set_system_active,
)
from tests.gateway.identity.world import ISSUER, NOW, ORGANISATION, SYSTEM, Still, World, public, sign, signing_key

EXTERNAL = "https://login.example/realms/health"


def token(world: World, **claims: object) -> str:
    return str(world.ask(sign(world.key, world.claims(**claims))).body["access_token"])


def test_a_token_becomes_the_caller_who_holds_it(world: World) -> None:
    caller = world.agencies(Still()).identify(token(world, user={"id": "u-1", "role": "nurse"}))
    assert (caller.organisation, caller.organisation_name) == (ORGANISATION, "Example Acute Hospital Trust")
    assert (caller.system, caller.system_active, caller.organisation_active) == (SYSTEM, True, True)
    assert caller.user is not None
    assert (caller.user.role, caller.user.assured) == ("nurse", True)


def test_while_nothing_changes_a_token_is_not_looked_up_again(world: World) -> None:
    changes = Still()
    agencies, held = world.agencies(changes), token(world)
    before = agencies.identify(held)
    assert agencies.identify(held) is before
    changes.value = 2
    after = agencies.identify(held)
    assert after == before
    assert after is not before


async def test_what_is_disabled_is_seen_as_inactive_at_the_next_query_on_every_node(world: World) -> None:
    url = world.engine.url.render_as_string(hide_password=False)
    changes = [watch(url), watch(url)]
    nodes = [world.agencies(each) for each in changes]
    held = token(world)
    await _until(lambda: all(change.generation() is not None for change in changes))
    assert all(node.identify(held).system_active for node in nodes)
    with write(world.engine) as connection:
        set_system_active(connection, SYSTEM, False, now=NOW)
    await _until(lambda: not any(node.identify(held).system_active for node in nodes))
    with write(world.engine) as connection:
        set_system_active(connection, SYSTEM, True, now=NOW)
        set_organisation_active(connection, ORGANISATION, False, now=NOW)
    await _until(lambda: all(node.identify(held).system_active for node in nodes))
    assert not any(node.identify(held).organisation_active for node in nodes)
    for change in changes:
        await change.close()


async def _until(condition: Callable[[], bool]) -> None:
    """PostgreSQL's announcement takes a turn of the event loop to arrive; SQLite's needs none."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the change was not seen")


def test_when_changes_cannot_be_known_the_register_is_read_each_time(world: World) -> None:
    changes = Still()
    changes.value = None
    agencies, held = world.agencies(changes), token(world)
    assert agencies.identify(held).system_active
    with write(world.engine) as connection:
        set_system_active(connection, SYSTEM, False, now=NOW)
    assert not agencies.identify(held).system_active


def test_a_remembered_token_still_expires(world: World) -> None:
    agencies, held = world.agencies(Still()), token(world)
    agencies.identify(held)
    world.clock.now = NOW + 299
    assert agencies.identify(held).system == SYSTEM
    world.clock.now = NOW + 300
    with pytest.raises(TokenExpired):
        agencies.identify(held)


async def test_the_same_is_found_with_all_waiting_in_a_thread(world: World) -> None:
    agencies, held = world.agencies(Still()), token(world)
    caller = await agencies.identify_apart(held)
    assert agencies.identify(held) is caller
    assert await agencies.identify_apart(held) is caller


def test_a_system_that_moved_to_another_organisation_needs_a_new_token(world: World) -> None:
    held = token(world)
    with write(world.engine) as connection:
        register_organisation(connection, "uk/council/E06999901", "Examplebury Council", now=NOW)
        connection.exec_driver_sql("UPDATE system SET organisation = 'uk/council/E06999901'")
    with pytest.raises(TokenInvalid, match="organisation"):
        world.agencies(Still()).identify(held)


def test_what_is_no_token_is_invalid(world: World) -> None:
    for text in ("", "x", "\udcff.\udcff.\udcff", "a.b.c", "Bearer"):
        with pytest.raises(TokenInvalid):
            world.agencies(Still()).identify(text)


@pytest.fixture
def abroad(world: World, tmp_path: Path) -> tuple[dict[str, str], object]:
    """A trusted issuer with its key, and a system registered under it."""
    key = signing_key("EC", "e1")
    file = tmp_path / "issuer.json"
    file.write_text(json.dumps(public(key)))
    with write(world.engine) as connection:
        register_system(connection, "abroad", ORGANISATION, "Abroad", issuer=EXTERNAL, now=NOW)
    return {EXTERNAL: str(file)}, key


def external(key: object, **changed: object) -> str:
    claims = {"iss": EXTERNAL, "aud": ISSUER, "client_id": "abroad", "iat": NOW, "exp": NOW + 300, "jti": "x"}
    return sign(key, {**claims, **changed}, typ="at+jwt")  # type: ignore[arg-type]


def test_a_trusted_issuers_token_is_taken_for_a_system_registered_under_it(
    world: World, abroad: tuple[dict[str, str], object]
) -> None:
    trusted, key = abroad
    caller = world.agencies(Still(), trusted).identify(external(key))
    assert (caller.system, caller.organisation) == ("abroad", ORGANISATION)


@pytest.mark.parametrize(
    "changed", [{"client_id": SYSTEM}, {"client_id": "nobody"}, {"organisation": "uk/nhs/XZZ99"}]
)
def test_a_trusted_issuer_speaks_only_for_its_own_systems(
    world: World, abroad: tuple[dict[str, str], object], changed: dict[str, str]
) -> None:
    trusted, key = abroad
    with pytest.raises(TokenInvalid):
        world.agencies(Still(), trusted).identify(external(key, **changed))


def test_memory_of_tokens_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.identity.agencies._HELD", 3)
    agencies = world.agencies(Still())
    tokens = [token(world, jti=f"j-{n}") for n in range(5)]
    first = [agencies.identify(each) for each in tokens]
    assert agencies.identify(tokens[4]) is first[4]
    assert agencies.identify(tokens[0]) is not first[0]
