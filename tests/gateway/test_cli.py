# SPDX-License-Identifier: Apache-2.0
"""The `commons` command as an operator meets it: what it does, and the sentence it stops with."""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway import db
from gateway.cli import command, main
from gateway.cli.command import PLACES
from gateway.identity import registry
from tests.fixtures.law import POLICIES

SETTINGS = {"COMMONS_PUBLIC_URL": "http://127.0.0.1:8080", "COMMONS_LOG_ORIGIN": "127.0.0.1:8080/log"}


class Ran(NamedTuple):
    """How a command ended, and all it printed."""

    status: int
    said: str


Run = Callable[..., Ran]


@pytest.fixture
def commons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `commons` in `tmp_path`; `typed` is what the operator types, keywords are environment variables."""

    def run(*arguments: str, typed: str = "", **environment: str) -> Ran:
        for name, value in ({"COMMONS_DATA_DIR": str(tmp_path), "COLUMNS": "200"} | SETTINGS | environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["commons", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        printed = capfd.readouterr()
        return Ran(status, (printed.out + printed.err).replace("\n", " "))

    return run


def test_an_operator_sets_up_a_gateway_from_nothing(commons: Run, tmp_path: Path) -> None:
    assert commons("keys", "init").status == 0
    assert "schema is at" in commons("migrate").said
    jwks = tmp_path / "public.json"
    jwks.write_text(commons("system", "make-key", str(tmp_path / "private.jwk")).said)
    council = "uk/council/E06999901"
    assert commons("organisation", "add", council, "Examplebury Council").status == 0
    added = commons("system", "add", "e06999901-care", council, "Care", "--jwks", str(jwks))
    assert added.status == 0, added.said
    assert commons("system", "activate", "e06999901-care", "--off").status == 0
    listed = commons("organisation", "list").said
    assert f"{council}  Examplebury Council  active" in listed
    assert "e06999901-care  Care  disabled" in listed


def test_a_system_changes_its_key_with_both_in_use_for_a_while(commons: Run, tmp_path: Path) -> None:
    commons("keys", "init")
    commons("migrate")
    commons("organisation", "add", "uk/council/E06999901", "Examplebury Council")
    for name in ("old", "new"):
        (tmp_path / name).write_text(commons("system", "make-key", str(tmp_path / f"{name}.jwk")).said)
    commons("system", "add", "e06999901-care", "uk/council/E06999901", "Care", "--jwks", str(tmp_path / "old"))
    assert commons("system", "add-keys", "e06999901-care", str(tmp_path / "new")).status == 0
    [kid] = re.findall(r'"kid": "([^"]*)"', (tmp_path / "old").read_text())
    assert commons("system", "activate-key", "e06999901-care", kid, "--off").status == 0
    engine = db.connect(f"sqlite:///{tmp_path / 'commons.db'}")
    with db.read(engine) as connection:
        left = registry.pasted_keys(connection, "e06999901-care")
    engine.dispose()
    assert list(left) == re.findall(r'"kid": "([^"]*)"', (tmp_path / "new").read_text())


def test_a_private_key_is_for_its_owner_alone_and_is_never_registered(commons: Run, tmp_path: Path) -> None:
    commons("keys", "init")
    commons("migrate")
    commons("organisation", "add", "uk/council/E06999901", "Examplebury Council")
    file = tmp_path / "private.jwk"
    public = commons("system", "make-key", str(file)).said
    assert '"d"' not in public
    assert file.stat().st_mode & 0o777 == 0o600
    assert commons("system", "make-key", str(file)).status == 2
    jwks = tmp_path / "wrong.json"
    jwks.write_text(f'{{"keys": [{file.read_text()}]}}')
    refused = commons("system", "add", "e06999901-care", "uk/council/E06999901", "Care", "--jwks", str(jwks))
    assert refused.status == 1
    assert "send public keys only" in refused.said
    assert file.read_text() not in refused.said


def test_keys_are_never_overwritten(commons: Run, tmp_path: Path) -> None:
    commons("keys", "init")
    before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    again = commons("keys", "init")
    assert again.status == 1
    assert "move them away" in again.said
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}


def test_every_module_of_the_folder_has_its_place_and_every_place_a_command(commons: Run) -> None:
    named = {part.partition(":")[0] for parts in PLACES.values() for part in parts}
    there = {path.stem for path in Path(command.__file__).parent.glob("[a-z]*.py")}
    assert named == there - {"command", "shared", "sentences"}
    for name in PLACES:
        assert commons(name, "--help").status == 0
    for name in ("vkey", "verify", "search", "open", "export"):
        assert f" {name} " in commons("audit", "--help").said


def test_an_auditor_searches_opens_and_exports_and_each_is_an_entry(commons: Run, tmp_path: Path) -> None:
    commons("keys", "init")
    commons("migrate")
    why = ("--auditor", "aud-7", "--reason", "Sample for case 12")
    found = commons("audit", "search", *why, "--type", "log.started").said.split()
    assert found[found.index("0") + 4] == "log.started"
    opened = commons("audit", "open", found[found.index("0") + 1], *why)
    assert opened.status == 0, opened.said
    file = tmp_path / "sample.jsonl"
    assert "1 entry." in commons("audit", "export", str(file), *why, "--type", "audit.searched").said
    assert len(file.read_text().splitlines()) == 1
    listed = commons("audit", "search", *why).said
    for kind in ("audit.searched", "audit.opened", "audit.exported"):
        assert kind in listed


def test_a_law_that_no_gateway_could_read_is_not_signed(commons: Run, tmp_path: Path) -> None:
    assert commons("policy", "keys", "--keyid", "steward-9", "--out", str(tmp_path)).status == 0
    law = tmp_path / "law"
    shutil.copytree(POLICIES, law)
    rule = law / "limits" / "known_person.rego"
    rule.write_text(rule.read_text() + "\nfoo bar {\n")
    key = str(tmp_path / "steward-9.private.pem")
    built = ("policy", "build", "--key", key, "--sequence", "1", "--out", str(tmp_path / "law.tar.gz"))
    refused = commons(*built, "--policies", str(law))
    assert refused.status == 1
    assert "known_person.rego" in refused.said
    assert not (tmp_path / "law.tar.gz").exists()
    nowhere = commons(*built, COMMONS_POLICIES_DIR=str(tmp_path / "nowhere"))
    assert nowhere.status == 1
    assert commons(*built, "--policies", str(POLICIES)).status == 0


def test_a_birth_date_that_is_none_is_wrong_usage(commons: Run) -> None:
    commons("keys", "init")
    commons("migrate")
    arguments = ("authority", "grant", "parental-responsibility", "birth-certificate", "ref-1")
    numbers = ("--identifier", "9990000077", "--holder", "9990000107")
    refused = commons(*arguments, *numbers, "--born", "01/05/2012")
    assert refused.status == 2
    assert "write it as" in refused.said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("search", "--reason", "x"), "Say who looks and why"),
        (("search", "--reason", "Sample for case 12", "--type", "access.disclose"), "none of access.disclosed"),
        (("open", "not-an-entry", "--reason", "Sample for case 12"), "no entry of that id"),
    ],
)
def test_an_auditor_is_told_what_is_wrong(commons: Run, arguments: tuple[str, ...], sentence: str) -> None:
    commons("keys", "init")
    commons("migrate")
    refused = commons("audit", *arguments, "--auditor", "aud-7")
    assert refused.status > 0
    assert sentence in refused.said


def test_a_key_file_that_others_can_read_stops_the_start(commons: Run, tmp_path: Path) -> None:
    commons("keys", "init")
    (tmp_path / "keys" / "seal.key").chmod(0o644)
    refused = commons("audit", "vkey")
    assert refused.status == 1
    assert "chmod 600" in refused.said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("audit", "vkey"), "commons keys init"),
        (("organisation", "add", "council 7", "Council"), "uk/<sector>/<code>"),
        (("token", "nobody"), "no key file"),
        (
            ("system", "add", "a", "uk/council/E06999901", "A", "--jwks", "nowhere.json"),
            "nowhere.json cannot be read",
        ),
        (("serve",), "commons keys init"),
    ],
)
def test_what_is_missing_or_wrong_is_said_with_what_to_do(
    commons: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    if arguments[0] == "organisation":
        commons("keys", "init")
        commons("migrate")
    refused = commons(*arguments)
    assert refused.status in (1, 2)
    assert sentence in refused.said
    assert "Traceback" not in refused.said


def test_a_setting_that_is_wrong_is_named_by_its_variable(commons: Run) -> None:
    refused = commons("audit", "vkey", COMMONS_PUBLIC_URL="not an address")
    assert refused.status == 1
    assert "COMMONS_PUBLIC_URL" in refused.said


def test_an_identifier_that_is_not_valid_is_refused_without_being_repeated(commons: Run) -> None:
    commons("keys", "init")
    commons("migrate")
    refused = commons("consent", "history", typed="9990000019\n")
    assert refused.status == 1
    assert "check-digit" in refused.said
    assert "9990000019" not in refused.said


def test_a_gateway_without_a_schema_does_not_start(commons: Run) -> None:
    commons("keys", "init")
    refused = commons("serve", "--port", "1")
    assert refused.status == 1
    assert "commons migrate" in refused.said
    assert "Traceback" not in refused.said


def test_an_agreement_with_a_mistake_is_named_before_it_is_signed(commons: Run, tmp_path: Path) -> None:
    law, key = tmp_path / "policies", tmp_path / "steward" / "one.private.pem"
    shutil.copytree(Path(__file__).parents[2] / "policies", law)
    (law / "data" / "agreements" / "dsa-2026-099.yaml").write_text("id: dsa-2026-099\n")
    assert commons("policy", "keys", "--out", str(key.parent), "--keyid", "one").status == 0
    arguments = (
        "--key",
        str(key),
        "--sequence",
        "1",
        "--policies",
        str(law),
        "--out",
        str(tmp_path / "law.tar.gz"),
    )
    refused = commons("policy", "build", *arguments)
    assert refused.status == 1
    assert "dsa-2026-099.yaml" in refused.said
    assert "Traceback" not in refused.said
    assert not (tmp_path / "law.tar.gz").exists()


def test_a_file_that_cannot_be_written_is_a_sentence_and_not_a_trace(commons: Run, tmp_path: Path) -> None:
    steward = tmp_path / "steward"
    assert commons("policy", "keys", "--out", str(steward), "--keyid", "one").status == 0
    nowhere = str(tmp_path / "no" / "law.tar.gz")
    key = ("--key", str(steward / "one.private.pem"), "--sequence", "1")
    since = ("--bundle", str(POLICIES), "--since", "2026-01-01")
    for command_ in (("build", *key), ("rehearse", *since)):
        refused = commons("policy", *command_, "--out", nowhere)
        assert refused.status == 2, refused.said
        assert "cannot be written" in refused.said
    (tmp_path / "file").write_text("")
    refused = commons("policy", "keys", "--out", str(tmp_path / "file"))
    assert refused.status == 1
    assert "File exists" in refused.said
    assert "letters, digits" in commons("policy", "keys", "--out", str(steward), "--keyid", "../one").said


@pytest.mark.parametrize("expect", ["category=", "", "categroy=health", "category"])
def test_a_widening_that_names_nothing_is_not_taken_for_all_of_them(commons: Run, expect: str) -> None:
    since = ("--bundle", str(POLICIES), "--since", "2026-01-01")
    refused = commons("policy", "rehearse", *since, "--expect", expect)
    assert (refused.status, "named" in refused.said) == (2, True)


def test_a_gateway_without_a_law_does_not_start(commons: Run) -> None:
    commons("keys", "init")
    commons("migrate")
    refused = commons("serve", "--port", "1")
    assert refused.status == 1
    assert "commons policy activate" in refused.said
    assert "Traceback" not in refused.said


def test_a_new_version_of_an_agreement_says_by_its_status_whether_it_widens(commons: Run, tmp_path: Path) -> None:
    policies = Path(__file__).parents[2] / "policies"
    one = policies / "data" / "agreements" / "dsa-2026-014.yaml"
    other = tmp_path / "dsa-2026-014.yaml"
    other.write_text(one.read_text().replace("[title, goal, status,", "[title, status,"))
    narrower = commons("agreement", "diff", str(one), str(other))
    assert narrower.status == 0
    assert "- uk/nhs/XZZ01 may no longer see" in narrower.said
    assert "support.plan (goal)" in narrower.said
    wider = commons("agreement", "diff", str(other), str(one))
    assert (wider.status, "Wider than before." in wider.said) == (3, True)
    assert commons("agreement", "diff", str(policies), str(policies)).status == 0


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2026-07-01T12:00", 0),
        ("2026-07-01T19:30:00Z", 1),
        ("2026-07-01T19:30", 0),
        ("2026-07-01T20:30:00+01:00", 1),
        ("2026-07-05T12:00", 1),
        ("2031-07-02T12:00", 1),
        ("noon", 2),
    ],
    ids=[
        "in hours",
        "UTC, after hours",
        "UK clocks, in hours",
        "an offset",
        "a Sunday",
        "years after",
        "no instant",
    ],
)
def test_the_law_is_asked_about_an_instant(commons: Run, at: str, status: int) -> None:
    question = ("uk/council/E06999901", "benefits.council-tax", "benefits.council-tax-support")
    position = ("--role", "benefits-officer", "--agreement", "dsa-2026-060")
    found = commons("policy", "ask", *question, *position, "--at", at)
    assert found.status == status, found.said
    assert "Traceback" not in found.said


def test_an_agreement_is_read_at_a_terminal_with_what_goes_on_further_in() -> None:
    leader, follower = pty.openpty()
    line = [
        sys.executable,
        "-m",
        "gateway.cli",
        "agreement",
        "explain",
        "dsa-2026-040",
    ]  # short: a terminal holds little
    with open(leader, "rb", buffering=0) as screen:
        with open(follower, "wb") as terminal:
            subprocess.run(line, stdout=terminal, check=True, env={**os.environ, "COLUMNS": "60", "TERM": "dumb"})
        said = screen.read(65536).decode().splitlines()
    assert max(map(len, said)) <= 90  # an address is longer than a line, and is not broken
    begun = next(number for number, one in enumerate(said) if one.startswith("  Medicines (health.medications)"))
    assert said[begun + 1].startswith("    ")


def test_an_agreement_is_checked_and_read(commons: Run, tmp_path: Path) -> None:
    one = Path(__file__).parents[2] / "policies" / "data" / "agreements" / "dsa-2026-070.yaml"
    assert "dsa-2026-070.yaml: right" in commons("agreement", "check", str(one)).said
    wrong = tmp_path / "dsa-2026-070.yaml"
    wrong.write_text(one.read_text().replace("safeguarding-lead", "gossip").replace("6(1)(c)", "6(1)(z)"))
    refused = commons("agreement", "check", str(wrong))
    assert refused.status == 1
    assert "dsa-2026-070.yaml: role gossip is not in the code list; known are analyst" in refused.said
    assert refused.said.count("dsa-2026-070.yaml: 6(1)(z) is not an Article 6 basis") == 1
    wrong.write_text(one.read_text().replace("declared_reasons: [safeguarding-child]", "overrides: []"))
    assert "names no declared_reasons" in commons("agreement", "check", str(wrong)).said
    assert "Safeguarding lead" in commons("agreement", "explain", "dsa-2026-070").said
    assert commons("agreement", "explain", str(wrong)).status == 1
    assert "there is no agreement dsa-0" in commons("agreement", "explain", "dsa-0").said
    assert "is dsa-2026-070 or" in commons("agreement", "explain", "dsa-2026-70").said
    assert f"{tmp_path} has no data/" in commons("agreement", "explain", "dsa-0", "--policies", str(tmp_path)).said
