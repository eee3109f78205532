# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from gateway.db import read, write
from gateway.identity.keys import KeysRefused
from gateway.identity.registry import (
    RegistryFault,
    add_keys,
    find_system,
    organisations,
    pasted_keys,
    register_organisation,
    register_system,
    set_key_active,
    set_organisation_active,
    set_system_active,
    systems,
)
from tests.gateway.identity.world import NHS_SYSTEM, NOW, ORGANISATION, SYSTEM, World, public, signing_key

COUNCIL = "uk/council/E06999901"


def test_organisations_and_systems_are_listed_with_their_state(world: World) -> None:
    with write(world.engine) as connection:
        register_organisation(connection, COUNCIL, "Examplebury Council", now=NOW)
        set_organisation_active(connection, COUNCIL, False, now=NOW)
        set_system_active(connection, NHS_SYSTEM, False, now=NOW)
    with read(world.engine) as connection:
        assert [(o.id, o.active) for o in organisations(connection)] == [(COUNCIL, False), (ORGANISATION, True)]
        assert [(s.id, s.profile, s.active) for s in systems(connection, ORGANISATION)] == [
            (SYSTEM, "fapi", True),
            (NHS_SYSTEM, "nhs", False),
        ]
        assert systems(connection, COUNCIL) == []
        found = find_system(connection, SYSTEM)
        assert found is not None
        assert found.organisation.name == "Example Acute Hospital Trust"
        assert find_system(connection, "nobody") is None


def test_two_keys_overlap_while_a_system_rotates(world: World) -> None:
    with write(world.engine) as connection:
        add_keys(connection, SYSTEM, public(signing_key("OKP", "k2")), now=NOW)
        assert set(pasted_keys(connection, SYSTEM)) == {"k1", "k2"}
        set_key_active(connection, SYSTEM, "k1", False, now=NOW)
        assert set(pasted_keys(connection, SYSTEM)) == {"k2"}
        set_key_active(connection, SYSTEM, "k2", False, now=NOW)
        assert pasted_keys(connection, SYSTEM) == {}


def test_a_name_is_printable_and_short(world: World) -> None:
    for name in ("", " ", "x" * 201, "a\nb"):
        with write(world.engine) as connection, pytest.raises(RegistryFault, match="name"):
            register_organisation(connection, COUNCIL, name, now=NOW)


def test_an_organisation_id_has_its_form(world: World) -> None:
    for organisation in ("", "E06999901", "uk/council", "uk/council/../x", "uk/Council/E0", "uk/a/b c"):
        with write(world.engine) as connection, pytest.raises(RegistryFault, match="uk/<sector>"):
            register_organisation(connection, organisation, "Name", now=NOW)


def _register(world: World, system: str = "new", organisation: str = ORGANISATION, **keys: Any) -> None:
    with write(world.engine) as connection:
        register_system(connection, system, organisation, "New", now=NOW, **keys)


def test_a_system_id_has_its_form(world: World) -> None:
    for system in ("", "New", "a b", "-a", "a" * 81, "a--b"):
        with pytest.raises(RegistryFault, match="system id"):
            _register(world, system, jwks=public(signing_key()))


def test_a_system_has_exactly_one_source_of_keys(world: World) -> None:
    keys = public(signing_key())
    for sources in (
        {},
        {"jwks": keys, "jwks_uri": "https://a.example"},
        {"jwks": keys, "issuer": "https://a.example"},
    ):
        with pytest.raises(RegistryFault, match="exactly one"):
            _register(world, **sources)


def test_nothing_is_registered_twice_or_under_nobody(world: World) -> None:
    with pytest.raises(RegistryFault, match="already"):
        _register(world, SYSTEM, jwks=public(signing_key()))
    with pytest.raises(RegistryFault, match="register it first"):
        _register(world, organisation=COUNCIL, jwks=public(signing_key()))
    with write(world.engine) as connection:
        with pytest.raises(RegistryFault, match="already"):
            register_organisation(connection, ORGANISATION, "Again", now=NOW)
        with pytest.raises(RegistryFault, match="already"):
            add_keys(connection, SYSTEM, public(signing_key()), now=NOW)


def test_a_private_key_is_never_registered(world: World) -> None:
    with pytest.raises(KeysRefused, match="private"):
        _register(world, jwks={"keys": [signing_key().as_dict(private=True)]})
    with read(world.engine) as connection:
        assert find_system(connection, "new") is None


def test_only_systems_with_pasted_keys_take_further_ones(world: World) -> None:
    _register(world, jwks_uri="https://keys.example/jwks")
    with write(world.engine) as connection:
        for system in ("new", "nobody"):
            with pytest.raises(RegistryFault, match="pasted"):
                add_keys(connection, system, public(signing_key()), now=NOW)
        with pytest.raises(KeysRefused, match="20"):
            add_keys(connection, SYSTEM, public(*(signing_key("EC", f"x{n}") for n in range(20))), now=NOW)


def test_what_is_not_registered_cannot_be_disabled(world: World) -> None:
    with write(world.engine) as connection:
        for act in (
            lambda: set_organisation_active(connection, COUNCIL, False, now=NOW),
            lambda: set_system_active(connection, "nobody", False, now=NOW),
            lambda: set_key_active(connection, SYSTEM, "k9", False, now=NOW),
        ):
            with pytest.raises(RegistryFault, match="not registered"):
                act()
