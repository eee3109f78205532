# SPDX-License-Identifier: Apache-2.0
"""A law comes into force for every node, is logged, and nothing older, edited or foreign ever takes its place."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, delete, text, update

from gateway import activation, db, keyring
from gateway.audit.log import Log
from gateway.audit.tables import entry as log_entry
from gateway.keyring import KeyringError
from gateway.policy import activated, generate
from gateway.policy import law as laws
from gateway.policy import vocabulary as words
from gateway.policy.archive import Archive
from gateway.policy.bundle import Bundle, assembled, build
from gateway.policy.documents import PolicyFolderError
from gateway.policy.packing import BundleRefusedError
from gateway.policy.tables import policy_bundle
from gateway.policy.vocabulary import Agreement
from gateway.settings import Settings
from tests.fixtures.law import POLICIES, Steward, edited, stripped

Node = Callable[[str], Settings]


@pytest.fixture
def node(database_url: str, tmp_path: Path, steward: Steward) -> Node:
    """Makes gateways of one commons, each with a folder of its own, that trust the steward."""

    def made(name: str) -> Settings:
        settings = Settings(
            data_dir=tmp_path / name,
            database_url=database_url,
            public_url="http://127.0.0.1:8080",
            log_origin="127.0.0.1/log",
            keys_dir=tmp_path / "keys",
        )
        settings.policy_keys.mkdir(parents=True)
        shutil.copy(steward.public, settings.policy_keys)
        if not settings.keys.exists():
            keyring.create(settings.keys)
        return settings

    return made


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str, str, str], Bundle]:
    """The law of the repository with one thing changed in one file."""

    def made(file: str, old: str, new: str) -> Bundle:
        folder = tmp_path / "changed"
        shutil.copytree(POLICIES, folder, dirs_exist_ok=True)
        path = folder / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))
        for generated, content in generate.files(folder).items():
            generated.parent.mkdir(parents=True, exist_ok=True)
            generated.write_bytes(content)
        return build(words.load(folder))

    return made


def served(engine: Engine, settings: Settings) -> laws.Law:
    return laws.to_serve(engine, settings.policy_keys, Archive(settings.policy_archive))


def logged(engine: Engine) -> list[str]:
    """The types of the log's entries about the law, in order."""
    with db.read(engine) as connection:
        rows = connection.execute(log_entry.select().order_by(log_entry.c.idx)).mappings()
        types = [json.loads(bytes(row["entry"]))["type"] for row in rows]
    return [name for name in types if name.startswith("policy.")]


async def refused(settings: Settings, raw: bytes) -> str:
    with pytest.raises(BundleRefusedError) as raised:
        await activation.activate(settings, raw, "staff-1")
    return raised.value.code


async def test_an_activated_law_is_in_force_on_every_node_and_in_the_log(
    engine: Engine, node: Node, steward: Steward, law: Bundle
) -> None:
    one, other = node("one"), node("other")
    await activation.activate(one, steward.pack(law, 5), "staff-1")
    assert served(engine, other).revision == served(engine, one).revision == law.revision
    assert Archive(other.policy_archive).find(law.revision) == law
    assert logged(engine) == ["policy.activated"]
    with db.read(engine) as connection:
        [row] = activated.history(connection)
    assert (row.sequence, row.revision, row.keyid, row.by) == (5, law.revision, steward.keyid, "staff-1")


class Unasked:
    """Somebody agreed to less than the law to come lets flow."""

    def unrevised(self, engine: Engine, keys: Path, coming: Mapping[str, Agreement]) -> Sequence[str]:
        return sorted(coming)[:1]

    def settle(self, connection: Connection, coming: Mapping[str, Agreement], now: int) -> None:
        raise AssertionError("a law that is refused settles nothing")


async def test_a_law_by_which_more_would_flow_than_was_agreed_to_is_refused_and_the_refusal_is_logged(
    engine: Engine, node: Node, steward: Steward, law: Bundle
) -> None:
    settings = node("one")
    with pytest.raises(BundleRefusedError, match="commons consent revise") as raised:
        await activation.activate(settings, steward.pack(law, 5), "staff-1", Unasked())
    assert raised.value.code == "not-revised"
    assert logged(engine) == ["policy.refused"]


def test_before_the_first_activation_nothing_is_served(engine: Engine, node: Node) -> None:
    with pytest.raises(PolicyFolderError, match="commons policy activate"):
        served(engine, node("one"))


async def test_stripped_edited_foreign_and_rolled_back_laws_are_refused_logged_and_change_nothing(
    engine: Engine, node: Node, steward: Steward, stranger: Steward, law: Bundle
) -> None:
    settings, raw = node("one"), steward.pack(law, 5)
    await activation.activate(settings, raw, "staff-1")
    newer = steward.pack(law, 6)
    assert await refused(settings, stripped(newer)) == "unsigned"
    assert (
        await refused(settings, edited(newer, "data.json", b'"retention_days":70', b'"retention_days":7'))
        == "edited"
    )
    assert await refused(settings, stranger.pack(law, 6)) == "foreign-key"
    assert await refused(settings, steward.pack(law, 4)) == "rolled-back"
    assert await refused(settings, b"nothing") == "malformed"
    assert served(engine, settings).sequence == 5
    assert logged(engine) == ["policy.activated"] + ["policy.refused"] * 5


async def test_the_same_law_activated_again_is_activated_once(
    engine: Engine, node: Node, steward: Steward, law: Bundle
) -> None:
    settings = node("one")
    for _ in range(2):
        await activation.activate(settings, steward.pack(law, 1), "staff-1")
    assert logged(engine) == ["policy.activated"]


async def test_another_law_under_the_same_number_is_refused(
    node: Node, steward: Steward, law: Bundle, changed: Callable[[str, str, str], Bundle]
) -> None:
    settings = node("one")
    await activation.activate(settings, steward.pack(law, 1), "staff-1")
    other = changed("data/agreements/dsa-2026-014.yaml", "retention_days: 70", "retention_days: 71")
    assert await refused(settings, steward.pack(other, 1)) == "rolled-back"


async def test_a_law_that_allows_a_canary_never_comes_into_force_though_it_is_signed(
    engine: Engine, node: Node, steward: Steward, changed: Callable[[str, str, str], Bundle]
) -> None:
    open_ = changed("access/decision.rego", "\tunhindered == true\n", "")
    assert await refused(node("one"), steward.pack(open_, 1)) == "allows-canary"
    with db.read(engine) as connection:
        assert activated.newest(connection) == 0


async def test_data_that_is_not_what_the_agreements_say_is_refused_though_it_is_signed(
    node: Node, steward: Steward, law: Bundle
) -> None:
    assert '"retention_days":70' in law.data
    lying = assembled(law.modules, law.data.replace('"retention_days":70', '"retention_days":99'), law.sources)
    assert await refused(node("one"), steward.pack(lying, 1)) == "inconsistent"


async def test_whoever_puts_an_old_law_into_the_database_is_found_out_by_a_node_that_knew_the_newer(
    engine: Engine, node: Node, steward: Steward, law: Bundle
) -> None:
    settings = node("one")
    for sequence in (1, 2):
        await activation.activate(settings, steward.pack(law, sequence), "staff-1")
    with db.write(engine) as connection:
        connection.execute(delete(policy_bundle).where(policy_bundle.c.sequence == 2))
    with pytest.raises(BundleRefusedError) as raised:
        served(engine, settings)
    assert raised.value.code == "rolled-back"


async def test_whoever_writes_a_law_into_the_database_needs_the_stewards_key_and_its_number(
    engine: Engine, node: Node, steward: Steward, stranger: Steward, law: Bundle
) -> None:
    settings = node("one")
    await activation.activate(settings, steward.pack(law, 1), "staff-1")
    for raw, sequence, code in ((stranger.pack(law, 1), 1, "foreign-key"), (steward.pack(law, 1), 9, "edited")):
        with db.write(engine) as connection:
            connection.execute(update(policy_bundle).values(bundle=raw, sequence=sequence))
        with pytest.raises(BundleRefusedError) as raised:
            served(engine, settings)
        assert raised.value.code == code


async def test_an_activation_that_a_crash_kept_out_of_the_log_is_logged_at_the_next_start(
    engine: Engine, node: Node, steward: Steward, law: Bundle
) -> None:
    settings = node("one")
    activation.put_in_force(engine, settings, steward.pack(law, 1), "staff-1")
    log = Log(engine, keyring.load(settings.keys), settings.log_origin, deadline_ms=5000)
    await log.start()
    assert logged(engine) == []
    assert await activation.log_missing(engine, log) == 1
    assert await activation.log_missing(engine, log) == 0
    await log.close()
    assert logged(engine) == ["policy.activated"]


def test_a_gateway_that_trusts_nobody_serves_nothing(
    engine: Engine, node: Node, steward: Steward, law: Bundle
) -> None:
    settings = node("one")
    activation.put_in_force(engine, settings, steward.pack(law, 1), "staff-1")
    (settings.policy_keys / steward.public.name).unlink()
    with pytest.raises(KeyringError, match="commons policy trust"):
        served(engine, settings)


async def test_a_running_node_takes_up_what_another_activated_and_logs_what_it_refuses_once(
    engine: Engine, node: Node, steward: Steward, law: Bundle
) -> None:
    one, other = node("one"), node("other")
    await activation.activate(one, steward.pack(law, 1), "staff-1")
    changes = db.watch(other.url)
    log = Log(engine, keyring.load(other.keys), other.log_origin, deadline_ms=5000)
    await log.start()
    taken: asyncio.Queue[int] = asyncio.Queue()

    async def adopt(found: laws.Law) -> None:
        await taken.put(found.sequence)

    watch = activation.Watch(engine, changes, other, log, served(engine, other), adopt)
    await asyncio.to_thread(activation.put_in_force, engine, one, steward.pack(law, 2), "staff-1")
    assert await asyncio.wait_for(taken.get(), 10) == 2
    await asyncio.to_thread(_take_out, engine, 2)
    for _ in range(100):
        await asyncio.sleep(3 * activation.POLL_S)
        if "policy.refused" in logged(engine):
            break
    await asyncio.sleep(3 * activation.POLL_S)  # time enough to log it again, if it did
    await watch.close()
    await log.close()
    await changes.close()
    assert logged(engine).count("policy.refused") == 1
    assert taken.empty()


def _take_out(engine: Engine, sequence: int) -> None:
    with db.write(engine) as connection:
        connection.execute(delete(policy_bundle).where(policy_bundle.c.sequence == sequence))


def test_every_activation_is_announced_to_other_nodes(fresh_database: str) -> None:
    engine = db.connect(fresh_database)
    with db.read(engine) as connection:
        found = connection.execute(text("SELECT tgname FROM pg_trigger WHERE tgrelid = 'policy_bundle'::regclass"))
        assert "policy_bundle_announced" in found.scalars().all()
    engine.dispose()


def test_no_part_of_the_product_judges_by_rules_that_nobody_signed() -> None:
    product = Path(activation.__file__).parent
    users = [path.name for path in product.rglob("*.py") if "unsafe_unsigned" in path.read_text()]
    assert users == ["embedded.py"]  # where it is defined
