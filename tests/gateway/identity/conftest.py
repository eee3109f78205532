# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from gateway.db import connect
from gateway.identity.jwks import RemoteKeys
from gateway.identity.sealing import PersonKeys, person_keys
from tests.gateway.identity.world import KeySite, World, gateway_keys, key_site, make_world


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> World:
    """A registered hospital, on both stores."""
    return make_world(tmp_path, engine, remote=RemoteKeys(loopback=True))


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    """SQLite alone, for what the two stores do not differ in; nothing here is about surviving a power cut."""
    engine = connect(sqlite_url)

    @event.listens_for(engine, "connect")
    def _unsynced(dbapi: sqlite3.Connection, _record: object) -> None:
        for schema in ("main", "log"):
            dbapi.execute(f"PRAGMA {schema}.synchronous=OFF")

    yield engine
    engine.dispose()


@pytest.fixture
def site() -> Iterator[KeySite]:
    """An agency's web server."""
    with key_site() as server:
        yield server


@pytest.fixture(scope="session")
def sealing_keys() -> PersonKeys:
    """Keys for people's rows."""
    return person_keys(gateway_keys())
