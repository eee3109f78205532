# SPDX-License-Identifier: Apache-2.0
"""The `commons` command: parse, call one function, print. Exit status 0 done, 1 refused with a sentence, 2 usage.

`--data DIR` names the folder of one gateway; all else comes from the settings (`COMMONS_…`).
"""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError

from connectors.sandbox.launch import LaunchError
from consent.errors import ConsentError
from gateway import demo, keyring, migrate
from gateway import sandbox as town
from gateway.audit.log import LogRefused
from gateway.auditing import AuditFault
from gateway.cli import (  # a line each, so that groups can be added side by side
    agreement,
    audit,
    authoring,
    authority,
    consent,
    embargoing,
    erasing,
    officers,
    policy,
    receipt,
    registering,
    rehearsing,
    running,
    sandbox,
    webhook,
    witnessing,
)
from gateway.cli.shared import err
from gateway.consents.erasing import DecisionsStay
from gateway.embargoes import EmbargoFault
from gateway.erasing import ErasureFault
from gateway.errors import CommonsError
from gateway.identity import registry
from gateway.identity.addresses import AddressRefused
from gateway.identity.identifiers import IdentifierError
from gateway.identity.keys import KeysRefused
from gateway.policy.documents import PolicyFolderError
from gateway.visiting import VisitRefused
from gateway.witness.folder import WitnessFault
from gateway.witness.memory import MemoryLost

HELP = """Set up and run a commons gateway, and check its access log.

`--data DIR` names the folder of one gateway. Settings are variables `COMMONS_…`, in the environment or in
`DIR/commons.env`. Exit status: 0 done, 1 refused with a sentence, 2 wrong usage."""

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, help=HELP)
app.command("serve")(running.serve)
app.command("migrate")(running.migrate_)
app.command("token")(running.token)
app.command("demo")(sandbox.demo_)
for name, group in {
    "keys": running.keys,
    "organisation": registering.organisation,
    "system": registering.system,
    "consent": consent.group,
    "authority": authority.group,
    "webhook": webhook.group,
    "receipt": receipt.group,
    "person": officers.person,
    "override": officers.override,
    "audit": audit.group,
    "policy": policy.group,
    "agreement": agreement.group,
    "erasure": erasing.group,
    "sandbox": sandbox.people,
    "witness": witnessing.group,
    "embargo": embargoing.group,
}.items():
    app.add_typer(group, name=name)

policy.group.command("test")(authoring.proofs_)
policy.group.command("new")(authoring.new)
policy.group.command("ask")(authoring.ask)
policy.group.command("replay")(rehearsing.replay_)
policy.group.command("rehearse")(rehearsing.rehearse_)

SENTENCES = (
    keyring.KeyringError, migrate.SchemaError, registry.RegistryFault, AddressRefused, KeysRefused, ConsentError,
    PolicyFolderError, LogRefused, ErasureFault, AuditFault, town.TownFault, demo.DemoFault, VisitRefused,
    LaunchError, WitnessFault, MemoryLost, EmbargoFault, DecisionsStay,
)  # fmt: skip
"""What is raised with a text for the operator."""


def main() -> None:
    """Entry point: our own errors become one sentence and exit status 1."""
    try:
        app()
    except SENTENCES as error:
        _stop(str(error))
    except CommonsError as error:
        _stop(f"{error.title}. {error.detail}")
    except IdentifierError as error:
        _stop(f"The identifier is not valid ({error.code}): expected {error.expected}.")
    except ValidationError as error:
        wrong = [f"COMMONS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        _stop("\n".join([*wrong, "Settings stand in the environment or in commons.env of the --data folder."]))


def _stop(sentence: str) -> None:
    err.print(sentence.strip(), style="red", markup=False, highlight=False)
    sys.exit(1)
