# SPDX-License-Identifier: Apache-2.0
"""The register of who may ask: organisations, their client systems, and the systems' public keys.

The caller owns the transaction. Nothing is ever deleted: an organisation, system or key is made inactive, so
that an old log entry can still be explained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.identity.keys import KeysRefused, PublicKey, read_jwks
from gateway.identity.tables import organisation, system, system_key, system_scope

Profile = Literal["fapi", "nhs"]

_ORGANISATION_ID = re.compile(r"uk/[a-z]{1,20}/[A-Za-z0-9-]{1,40}")
_SYSTEM_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")


class RegistryFault(Exception):  # noqa: N818  named as the condition, as in gateway.errors
    """A registration that cannot be made. The text says what to do."""


class Organisation(Struct, frozen=True):
    """An agency."""

    id: str
    name: str
    active: bool


class System(Struct, frozen=True):
    """A client system. Its keys are at `jwks_uri`, or pasted (system_key), or its tokens come from `issuer`."""

    id: str
    name: str
    profile: Profile
    jwks_uri: str
    issuer: str
    active: bool
    organisation: Organisation


def register_organisation(connection: Connection, organisation_id: str, name: str, *, now: int) -> None:
    """Add an organisation, active. `organisation_id` as in the catalogue: uk/council/E06999901. Raises
    RegistryFault."""
    if not _ORGANISATION_ID.fullmatch(organisation_id):
        raise RegistryFault("an organisation id looks like uk/<sector>/<code>")
    row = {"id": organisation_id, "name": _name(name), "active": True, "created_at": now, "changed_at": now}
    _add(connection, organisation, row)


def register_system(
    connection: Connection,
    system_id: str,
    organisation_id: str,
    name: str,
    *,
    profile: Profile = "fapi",
    jwks: str | Mapping[str, Any] | None = None,
    jwks_uri: str = "",
    issuer: str = "",
    now: int,
) -> None:
    """Add a client system of an organisation, active. Exactly one of `jwks` (pasted JWK Set), `jwks_uri` (checked
    by `jwks.check_address` at the caller) and `issuer` (one of the trusted external issuers) says where its keys
    are. Raises RegistryFault, KeysRefused."""
    if not _SYSTEM_ID.fullmatch(system_id) or len(system_id) > 80:
        raise RegistryFault("a system id (client_id) is lower-case words joined by - or ., at most 80 characters")
    if sum((jwks is not None, bool(jwks_uri), bool(issuer))) != 1:
        raise RegistryFault("give exactly one of a pasted key set, a key set address and a trusted issuer")
    if connection.execute(select(organisation.c.id).where(organisation.c.id == organisation_id)).first() is None:
        raise RegistryFault("the organisation is not registered: register it first")
    keys = read_jwks(jwks) if jwks is not None else {}
    row = {
        "id": system_id,
        "organisation": organisation_id,
        "name": _name(name),
        "profile": profile,
        "jwks_uri": jwks_uri,
        "issuer": issuer,
        "active": True,
        "created_at": now,
        "changed_at": now,
    }
    _add(connection, system, row)
    _add_keys(connection, system_id, keys, now)


def add_keys(connection: Connection, system_id: str, jwks: str | Mapping[str, Any], *, now: int) -> None:
    """Paste further keys for a system, so that two overlap while it rotates. Raises RegistryFault, KeysRefused."""
    found = find_system(connection, system_id)
    if found is None or found.jwks_uri or found.issuer:
        raise RegistryFault("only a registered system with pasted keys takes further ones")
    _add_keys(connection, system_id, read_jwks(jwks), now)


def set_organisation_active(connection: Connection, organisation_id: str, active: bool, *, now: int) -> None:
    """Enable or disable an organisation with all its systems. Raises RegistryFault when it is not there."""
    _set_active(connection, organisation, {"id": organisation_id}, active, now)


def set_system_active(connection: Connection, system_id: str, active: bool, *, now: int) -> None:
    """Enable or disable one client system. Raises RegistryFault when it is not there."""
    _set_active(connection, system, {"id": system_id}, active, now)


def set_key_active(connection: Connection, system_id: str, kid: str, active: bool, *, now: int) -> None:
    """Enable or disable one pasted key. Raises RegistryFault when it is not there."""
    _set_active(connection, system_key, {"system": system_id, "kid": kid}, active, now)


SCOPES = ("auditor",)


def set_scope(connection: Connection, system_id: str, scope: str, granted: bool, *, now: int) -> None:
    """Grant a scope to a client system, or take it away. Raises RegistryFault."""
    if scope not in SCOPES or find_system(connection, system_id) is None:
        raise RegistryFault(f"a scope is one of {', '.join(SCOPES)}, of a registered system")
    if not granted:
        held = (system_scope.c.system == system_id, system_scope.c.scope == scope)
        connection.execute(delete(system_scope).where(*held))
    elif scope not in scopes(connection, system_id):
        connection.execute(insert(system_scope).values(system=system_id, scope=scope, granted_at=now))


def scopes(connection: Connection, system_id: str) -> frozenset[str]:
    """The scopes of a client system."""
    table = system_scope.c
    return frozenset(connection.execute(select(table.scope).where(table.system == system_id)).scalars())


def organisations(connection: Connection) -> list[Organisation]:
    """All organisations by id."""
    rows = connection.execute(
        select(organisation.c.id, organisation.c.name, organisation.c.active).order_by(organisation.c.id)
    )
    return [Organisation(*row) for row in rows]


_SYSTEM = select(
    system.c.id,
    system.c.name,
    system.c.profile,
    system.c.jwks_uri,
    system.c.issuer,
    system.c.active,
    organisation.c.id.label("organisation_id"),
    organisation.c.name.label("organisation_name"),
    organisation.c.active.label("organisation_active"),
).join(organisation, organisation.c.id == system.c.organisation)


def systems(connection: Connection, organisation_id: str | None = None) -> list[System]:
    """All client systems by id, or those of one organisation."""
    statement = _SYSTEM.order_by(system.c.id)
    if organisation_id is not None:
        statement = statement.where(system.c.organisation == organisation_id)
    return [_system(row) for row in connection.execute(statement)]


def find_system(connection: Connection, system_id: str) -> System | None:
    """The client system of this client_id."""
    row = connection.execute(_SYSTEM.where(system.c.id == system_id)).first()
    return None if row is None else _system(row)


def pasted_keys(connection: Connection, system_id: str) -> dict[str, PublicKey]:
    """The active pasted keys of a system, by kid."""
    table = system_key.c
    rows = connection.execute(select(table.jwk).where(table.system == system_id, table.active)).scalars()
    jwks = [json.loads(jwk) for jwk in rows]
    return read_jwks({"keys": jwks}) if jwks else {}


def _system(row: Sequence[Any]) -> System:
    system_id, name, profile, jwks_uri, issuer, active, *of = row
    return System(system_id, name, profile, jwks_uri, issuer, active, Organisation(*of))


def _name(name: str) -> str:
    if not 1 <= len(name.strip()) <= 200 or not name.isprintable():
        raise RegistryFault("a name has 1 to 200 printable characters")
    return name.strip()


def _add(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(row))
    except IntegrityError:
        raise RegistryFault(f"this {table.name.replace('_', ' ')} is already registered") from None


def _add_keys(connection: Connection, system_id: str, keys: Mapping[str, PublicKey], now: int) -> None:
    held = connection.execute(select(system_key.c.kid).where(system_key.c.system == system_id)).scalars().all()
    if len(held) + len(keys) > 20:
        raise KeysRefused("a system may have 20 keys in all")
    for key in keys.values():
        jwk = json.dumps(key.jwk, sort_keys=True)
        row = {"system": system_id, "kid": key.kid, "jwk": jwk, "active": True, "created_at": now}
        _add(connection, system_key, row | {"changed_at": now})


def _set_active(connection: Connection, table: Table, identity: Mapping[str, str], active: bool, now: int) -> None:
    where = [table.c[name] == value for name, value in identity.items()]
    result = connection.execute(update(table).where(*where).values(active=active, changed_at=now))
    if result.rowcount != 1:
        raise RegistryFault(f"this {table.name.replace('_', ' ')} is not registered")
