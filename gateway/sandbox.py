# SPDX-License-Identifier: Apache-2.0
"""The synthetic town joined to a gateway of its own: its people linked, its agencies registered, the consents of
its test citizens written. Everything a newcomer, a benchmark or a test needs before the first question.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from connectors.sandbox.populate import Progress, Summary, populate, read_links
from connectors.sandbox.populate import summary as town_of
from connectors.sandbox.population import VERSION
from connectors.sandbox.sign_in.provider import CLIENT_ID, ISSUER, Provider
from connectors.sandbox.stories import ConsentAct, Story
from connectors.sandbox.test_citizens import TEST_CITIZENS
from consent import ledger
from consent.model import Channel, Event, Kind
from gateway import activation, db, keyring, migrate
from gateway.consents import recording
from gateway.identity.client import make_key
from gateway.identity.identifiers import normalise
from gateway.identity.linking import Linking, bulk_link
from gateway.identity.registry import find_system, organisations, register_organisation, register_system
from gateway.identity.sealing import person_keys
from gateway.identity.tables import person
from gateway.policy import activated, law, packing, signing
from gateway.policy.bundle import build
from gateway.policy.vocabulary import Vocabulary
from gateway.policy.vocabulary import load as read_policies
from gateway.settings import Settings, load

AGENCIES = {
    "xzz01-discharge": ("uk/nhs/XZZ01", "Example Acute Hospital Trust", "Discharge planning"),
    "e06999901-adult-social-care": ("uk/council/E06999901", "Examplebury Council", "Adult social care"),
    "9999901-casework": ("uk/charity/9999901", "Examplebury Befrienders", "Casework"),
}
"""Client system → organisation, its name, the system's name."""


class TownFault(Exception):  # noqa: N818  # a condition of the folder, told as the reader meets it
    """The folder holds another town. The text says what to do."""


_SIGN_IN = "COMMONS_CITIZEN_PROVIDERS="
_LOOPBACK = re.compile(r"^(COMMONS_PUBLIC_URL=http://127\.0\.0\.1:)\d+$", re.MULTILINE)


def prepare(data_dir: Path, *, port: int, database_url: str = "") -> Settings:
    """A folder with settings, keys and schema for a gateway on loopback; what is there already stays, but for the
    port. The log keeps the origin it began with: that is a name, not an address. `database_url` (SQLAlchemy URL)
    puts registry, consent and log into PostgreSQL."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = data_dir / "commons.env"
    provider = _sign_in_line(data_dir)
    if file.exists():
        held = _LOOPBACK.sub(rf"\g<1>{port}", file.read_text())
        file.write_text(held if _SIGN_IN in held else f"{held}{provider}\n")
    else:
        address = f"http://127.0.0.1:{port}"
        lines = [
            f"COMMONS_PUBLIC_URL={address}",
            f"COMMONS_LOG_ORIGIN=127.0.0.1:{port}/log",
            f"COMMONS_LOG_MONITOR_TOKEN={os.urandom(24).hex()}",
        ]
        lines += [f"COMMONS_DATABASE_URL={database_url}"] if database_url else []
        lines.append(provider)
        file.touch(mode=0o600)
        file.write_text("\n".join(lines) + "\n")
    settings = load(data_dir)
    if not settings.keys.exists():
        keyring.create(settings.keys)
    migrate.upgrade(settings.url)
    _put_law_in_force(settings)
    return settings


def _put_law_in_force(settings: Settings) -> None:
    """Sign the policies as they stand and activate them, if they are not in force already. The sandbox is its own
    steward: its private key lies in its own folder, where no other gateway's may."""
    steward = settings.data_dir / "steward"
    if not settings.policy_keys.exists():
        keyid, _ = signing.make_key(steward, "sandbox")
        settings.policy_keys.mkdir(parents=True, mode=0o700)
        shutil.copy(steward / f"{keyid}.pem", settings.policy_keys)
    if not (key := steward / f"sandbox{signing.PRIVATE}").exists():
        return  # somebody else is the steward here
    made = build(read_policies(settings.policies_dir))
    engine = db.connect(settings.url)
    try:
        with db.read(engine) as connection:
            before = activated.in_force(connection)
        if before is None or before[0].revision != made.revision:
            keyid, private = signing.read_key(key)
            issued = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
            release = packing.Release(before[0].sequence + 1 if before else 1, issued)
            raw = packing.pack(made, release, lambda files: signing.sign(files, keyid, private))
            activation.put_in_force(engine, settings, raw, "sandbox")
    finally:
        engine.dispose()


def provider(data_dir: Path) -> Provider:
    """The stand-in for the OpenID provider that the gateway in `data_dir` trusts."""
    return Provider(data_dir / "sign-in")


def _sign_in_line(data_dir: Path) -> str:
    at = {"jwks": str(provider(data_dir).jwks_file.resolve()), "audience": CLIENT_ID, "level": "P5"}
    return f"{_SIGN_IN}'{json.dumps({ISSUER: at})}'"


def settle(settings: Settings, *, people: int, seed: int, progress: Progress | None = None) -> Summary:
    """Make the town, link its people, register its agencies, write its consents; doing it again changes nothing.
    `progress(done, all)` counts people. Raises TownFault."""
    engine = db.connect(settings.url)
    try:
        with db.read(engine) as connection:
            _require_same_town(connection, settings.data_dir, people, seed)
        words = law.in_force(engine, settings.policy_keys).vocabulary
        summary = populate(people, seed, settings.data_dir / "town", progress)
        with db.write(engine) as connection:
            ids = _link(connection, settings)
            _register(connection, settings.data_dir / "clients")
            _consents(connection, ids, words)
    finally:
        engine.dispose()
    return summary


def _require_same_town(connection: Connection, folder: Path, people: int, seed: int) -> None:
    """Who is linked to whom is not taken back, so one folder holds one town."""
    found = town_of(folder / "town")
    linked = connection.execute(select(func.count()).select_from(person)).scalar_one()
    if linked and found and (found.people, found.seed, found.version) != (people, seed, VERSION):
        raise TownFault(
            f"{folder} holds another town: {found.people} people, seed {found.seed}, version {found.version}. "
            "Choose another folder with --data, or delete this one."
        )


def _link(connection: Connection, settings: Settings) -> list[str]:
    """Ids of the test citizens, in their order; everybody is linked."""
    people = connection.execute(select(func.count()).select_from(person)).scalar_one()
    links = read_links(settings.data_dir / "town")
    keys = person_keys(keyring.load(settings.keys))
    wanted = (
        Linking(tuple(normalise(system, value) for system, value in link.identifiers.items()), dict(link.verify))
        for link in links
    )
    if people:
        wanted = (one for n, one in enumerate(wanted) if n < len(TEST_CITIZENS))
    return bulk_link(connection, keys, wanted, now=int(time.time()))


def _register(connection: Connection, folder: Path) -> None:
    """Agencies with one client system each; the private key is left in `folder`, where its owner finds it."""
    folder.mkdir(exist_ok=True, mode=0o700)
    now = int(time.time())
    known = {one.id for one in organisations(connection)}
    for system, (organisation, name, title) in AGENCIES.items():
        if organisation not in known:
            register_organisation(connection, organisation, name, now=now)
        if find_system(connection, system) is None:
            private, jwks = make_key()
            file = folder / f"{system}.jwk"
            file.touch(mode=0o600)
            file.write_text(private)
            register_system(connection, system, organisation, title, jwks=jwks, now=now)


def _consents(connection: Connection, ids: list[str], vocabulary: Vocabulary) -> None:
    """What the documented test citizens decided, once."""
    for story, person_id in zip(TEST_CITIZENS, ids, strict=False):
        if story.consents and not ledger.history(connection, person_id):
            for decided in _events(story, person_id, vocabulary):
                ledger.record(connection, decided)


def _events(story: Story, person_id: str, vocabulary: Vocabulary) -> Iterator[Event]:
    now = int(time.time())
    for act in sorted(story.consents, key=lambda act: -act.days_ago):
        yield _event(act, person_id, vocabulary, now)


def _event(act: ConsentAct, person_id: str, vocabulary: Vocabulary, now: int) -> Event:
    return recording.event(
        Kind(act.kind),
        person_id,
        vocabulary,
        vocabulary.agreements[act.agreement],
        act.categories,
        actor=person_id,
        channel=Channel.PAPER,
        now=now - act.days_ago * recording.DAY_S,
        lifetime_s=act.lifetime_days * recording.DAY_S,
    )


def story(outcome: str) -> Story:
    """The documented test citizen for an outcome. Raises KeyError."""
    for one in TEST_CITIZENS:
        if one.outcome == outcome:
            return one
    raise KeyError(outcome)


def person_id(engine: Engine, settings: Settings, told: Story) -> str:
    """The opaque id of a documented test citizen."""
    wanted = Linking(tuple(normalise(system, value) for system, value in told.identifiers.items()))
    with db.write(engine) as connection:
        [found] = bulk_link(connection, person_keys(keyring.load(settings.keys)), [wanted], now=int(time.time()))
    return found
