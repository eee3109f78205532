# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.db import connect
from gateway.identity.jwks import RemoteKeys
from gateway.identity.sealing import PersonKeys, person_keys
from gateway.keyring import create, load
from tests.gateway.identity.world import KeySite, World, key_site, make_world


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> World:
    """A registered hospital, on both stores."""
    return make_world(tmp_path, engine, remote=RemoteKeys(loopback=True))


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    """SQLite alone, for what the two stores do not share, or do not differ in."""
    engine = connect(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def site() -> Iterator[KeySite]:
    """An agency's web server."""
    with key_site() as server:
        yield server


@pytest.fixture(scope="session")
def sealing_keys(tmp_path_factory: pytest.TempPathFactory) -> PersonKeys:
    """Keys for people's rows."""
    folder = tmp_path_factory.mktemp("keyring") / "keys"
    create(folder)
    return person_keys(load(folder))
