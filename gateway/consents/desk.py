# SPDX-License-Identifier: Apache-2.0
"""All that takes part in asking, answering, objecting and deciding for others, joined over one ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from gateway.audit.log import Log
from gateway.consents.answering import Answering
from gateway.consents.asking import Asking
from gateway.consents.assisting import Assisting
from gateway.consents.authority import Authorities
from gateway.consents.expiring import Expiring
from gateway.consents.objecting import Objecting
from gateway.consents.recording import Also
from gateway.identity.people import People
from gateway.identity.sealing import PersonKeys
from gateway.policy.vocabulary import Vocabulary
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts; see the module of each. `synthetic_only`: whether real NHS numbers are refused."""

    engine: Engine
    keys: PersonKeys
    law: Callable[[], Vocabulary]
    synthetic_only: bool
    authorities: Authorities
    asking: Asking
    answering: Answering
    objecting: Objecting
    assisting: Assisting
    expiring: Expiring


def join(
    settings: Settings,
    engine: Engine,
    log: Log,
    people: People,
    keys: PersonKeys,
    law: Callable[[], Vocabulary],
    told: Also | None = None,
) -> Desk:
    """The parts over one ledger. `told` is called for each decision in its transaction."""
    authorities = Authorities(engine, log, keys, told, law=law)
    objecting = Objecting(engine, log, keys, authorities, law, told=told)
    return Desk(
        engine=engine,
        keys=keys,
        law=law,
        synthetic_only=settings.synthetic_only,
        authorities=authorities,
        asking=Asking(engine, log, people, keys, authorities, per_hour=settings.consent_requests_per_hour),
        answering=Answering(engine, log, authorities, law, told=told),
        objecting=objecting,
        assisting=Assisting(engine, log, people, authorities, objecting, law, told=told),
        expiring=Expiring(engine, keys, authorities),
    )
