# SPDX-License-Identifier: Apache-2.0
"""The ground the other tests stand on."""

from __future__ import annotations

import subprocess

from sqlalchemy import Engine, text

from gateway import db


def test_each_store_has_the_schema_of_the_log(engine: Engine) -> None:
    with db.write(engine) as connection:
        connection.execute(text("CREATE TABLE log.probe (n integer)"))
        connection.execute(text("INSERT INTO log.probe VALUES (1)"))
    with db.read(engine) as connection:
        assert connection.execute(text("SELECT n FROM log.probe")).scalar_one() == 1


def test_a_store_is_fresh_for_every_test(engine: Engine) -> None:
    with db.write(engine) as connection:
        connection.execute(text("CREATE TABLE log.probe (n integer)"))
        assert connection.execute(text("SELECT count(*) FROM log.probe")).scalar_one() == 0


def test_the_postgresql_of_the_tests_is_durable(fresh_database: str) -> None:
    engine = db.connect(fresh_database)
    with db.read(engine) as connection:
        durable = [
            connection.execute(text(f"SHOW {name}")).scalar_one() for name in ("fsync", "synchronous_commit")
        ]
    engine.dispose()
    assert durable == ["on", "on"]


def test_the_policy_oracle_is_new_enough(opa: str) -> None:
    shown = subprocess.run([opa, "version"], check=True, capture_output=True, text=True).stdout
    version = tuple(int(part) for part in shown.splitlines()[0].removeprefix("Version: ").split("-")[0].split("."))
    assert version >= (1, 21, 3)
