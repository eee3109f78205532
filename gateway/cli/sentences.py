# SPDX-License-Identifier: Apache-2.0
"""What was raised, as the sentence an operator is stopped with. Looked at only when something was: it knows the
errors of every room, and knowing them all takes as long as most commands."""

from __future__ import annotations

from pydantic import ValidationError

from connectors.sandbox.launch import LaunchError
from consent.errors import ConsentError
from gateway.audit.integrity import LogRefused
from gateway.auditing import AuditFault
from gateway.consents.erasing import DecisionsStay
from gateway.demo import DemoFault
from gateway.embargoes import EmbargoFault
from gateway.erasing import ErasureFault
from gateway.errors import CommonsError
from gateway.identity.addresses import AddressRefused
from gateway.identity.identifiers import IdentifierError
from gateway.identity.keys import KeysRefused
from gateway.identity.registry import RegistryFault
from gateway.keyring import KeyringError
from gateway.migrate import SchemaError
from gateway.policy.documents import PolicyFolderError
from gateway.sandbox import TownFault
from gateway.visiting import VisitRefused
from gateway.witness.folder import WitnessFault
from gateway.witness.memory import MemoryLost

_TOLD = (
    AddressRefused, AuditFault, ConsentError, DecisionsStay, DemoFault, EmbargoFault, ErasureFault, KeyringError,
    KeysRefused, LaunchError, LogRefused, MemoryLost, PolicyFolderError, RegistryFault, SchemaError, TownFault,
    VisitRefused, WitnessFault,
)  # fmt: skip
"""What is raised with a text for the operator."""


def sentence(error: Exception) -> str:
    """What the operator is told; "" where nobody foresaw it."""
    if isinstance(error, _TOLD):
        return str(error).strip()
    if isinstance(error, CommonsError):
        faults = (f"{fault.pointer}: expected {fault.expected}." for fault in error.errors)
        return "\n".join([f"{error.title}. {error.detail}".strip(), *faults])
    if isinstance(error, IdentifierError):
        return f"The identifier is not valid ({error.code}): expected {error.expected}."
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}."
    if isinstance(error, ValidationError):
        wrong = [f"COMMONS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        return "\n".join([*wrong, "Settings stand in the environment or in commons.env of the --data folder."])
    return ""
