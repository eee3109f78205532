# SPDX-License-Identifier: Apache-2.0
"""`create_app`: the only place where concrete parts are chosen and joined.

The parts live as long as the server: `lifespan` makes them inside the running event loop and closes them in
reverse. Until they stand, and if they cannot, nothing is answered but `/health/live`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.metadata
import importlib.resources
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from sqlalchemy import Engine
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from connectors import registry as connected
from connectors.registry import Registry
from consent.live import LiveLedger, live_ledger
from gateway import activation, db, keyring, migrate
from gateway.access_log import opened
from gateway.attempts import Attempts
from gateway.audit.log import Log
from gateway.audit.publishing import Publisher
from gateway.audit.sealing import SealKey
from gateway.auditing import Review
from gateway.circumstances import Surroundings
from gateway.consents.chasing import Chaser
from gateway.consents.deciding import Deciding
from gateway.consents.desk import join
from gateway.consents.propagation import Propagation
from gateway.consents.receipts import Receipts
from gateway.consents.recording import log_missing
from gateway.consents.uses import Uses
from gateway.db import Changes
from gateway.errors import AuditUnavailable, PolicyUnavailable
from gateway.identity.addresses import is_loopback
from gateway.identity.agencies import Agencies
from gateway.identity.circumstances import Register
from gateway.identity.citizens import Citizens, nonce_key
from gateway.identity.id_tokens import IdTokens, Nonces
from gateway.identity.jwks import RemoteKeys
from gateway.identity.oauth import TokenServer
from gateway.identity.people import People
from gateway.identity.sealing import person_keys
from gateway.identity.tokens import TokenVerifier
from gateway.items import Itemiser
from gateway.keyring import Keyring
from gateway.notices.courier import Courier
from gateway.notices.endpoints import secret_keys
from gateway.notices.post import Post
from gateway.overrides import Overrides
from gateway.pipeline import Commons
from gateway.policy.agreements import Agreement
from gateway.policy.archive import Archive
from gateway.policy.judges import EmbeddedJudges, Judges
from gateway.policy.law import InForce, Law, to_serve
from gateway.policy.memo import Memo
from gateway.policy.opa import Opa, OpaJudges
from gateway.policy.vocabulary import Vocabulary
from gateway.settings import Settings
from gateway.web import agencies, catalogue, log, oauth, openapi, problems, sessions
from gateway.web import decisions as explaining
from gateway.web import law as published
from gateway.web import overrides as overriding
from gateway.web.consent import (
    assisted,
    authorities,
    decisions,
    deliveries,
    endings,
    history,
    inbox,
    notices,
    objections,
    receipts,
    records,
    requests,
    simulate,
    standing,
    stops,
    uses,
    words,
)
from gateway.web.consent.parts import Parts
from gateway.web.record_queries import ASK, PREVIEW, RecordQueries
from gateway.web.wire import Limits

DESCRIPTION = (
    "Ask one question about one citizen and get one answer from many systems. Every answer says what came, what "
    "did not and why; each has a receipt that proves it stands in the access log."
)


class Gateway(FastAPI):
    """The FastAPI application, with the query path served by a plain ASGI callable in front of its router."""

    queries: RecordQueries | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if self.queries is not None and scope["type"] == "http" and scope["path"] in (ASK, PREVIEW):
            await self.queries(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None) -> Gateway:
    """The gateway for `settings`; without them, those of the environment (so uvicorn can call it)."""
    chosen = settings or Settings()  # type: ignore[call-arg]  # the environment supplies what has no default
    app = Gateway(
        title="Commons gateway",
        version=importlib.metadata.version("commons-gateway"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=functools.partial(_lifespan, settings=chosen),
    )
    problems.install(app, chosen.public_url)
    openapi.install(app, chosen.public_url)

    @app.get("/health/live", tags=["health"], summary="The process answers")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Gateway, settings: Settings) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        await _join(app, settings, stack)
        yield
        app.queries = None


async def _join(app: Gateway, settings: Settings, stack: contextlib.AsyncExitStack) -> None:
    """Make the parts, register how each is closed, and bind the routes to them."""
    url = settings.public_url
    keys = keyring.load(settings.keys)
    engine = db.connect(settings.url)
    stack.callback(engine.dispose)
    migrate.require_head(engine)
    changes = db.watch(settings.url)
    stack.push_async_callback(changes.close)

    law, judges = await _law(settings, engine, stack)
    registry = _sources(settings, law.vocabulary)
    stack.push_async_callback(registry.close)

    access_log, publisher = await _log(settings, keys, engine, stack)
    ledger = live_ledger(settings.url)
    stack.push_async_callback(ledger.close)
    people, register = _people(keys, engine, changes, stack)

    loopback = is_loopback(urlsplit(url).hostname or "")
    await _deliver(engine, keys, stack, loopback=loopback)
    remote = RemoteKeys(loopback=loopback)
    known = _agencies(settings, keys, engine, changes, remote)
    in_force = InForce(law)
    overrides = Overrides(engine, access_log, keys)
    citizens = _citizens(settings, keys, engine, remote)
    app.include_router(oauth.router(settings, keys, TokenServer(settings, keys, engine, remote)))
    parts = _consent(settings, keys, engine, in_force, access_log, registry, citizens, known, people, overrides)
    await _offer_consent(app, parts, stack)
    review = Review(engine, access_log, SealKey(keys.seal, keys.wrap.read))
    app.include_router(explaining.router(access_log, known, citizens, review, overrides, in_force))
    app.include_router(overriding.router(overrides, people, known, in_force, settings))
    app.include_router(problems.router())
    app.include_router(log.router(access_log, publisher, settings.log_monitor_token))
    app.include_router(published.router(Archive(settings.policy_archive)))
    queries = _queries(app, settings, known, access_log, stack)
    _ready(app, engine, access_log, judges, queries)
    surroundings = functools.partial(Surroundings, register, overrides, access_log)
    lasting = list(app.router.routes)
    bound = _Bound(
        app, settings, keys, people, surroundings, ledger, judges, registry, access_log, known, in_force, queries,
        lasting,
    )  # fmt: skip
    app.queries = queries
    serving = None  # OPA takes the law from this very server, so that one first has to answer
    if settings.judge == "embedded":
        await bound.adopt(serving := law)
    watch = activation.Watch(engine, changes, settings, access_log, serving, bound.adopt)
    stack.push_async_callback(watch.close)


async def _log(
    settings: Settings, keys: Keyring, engine: Engine, stack: contextlib.AsyncExitStack
) -> tuple[Log, Publisher]:
    """The access log, begun, with everything in it that a crash kept out; and its publisher."""
    begun, publisher = await opened(settings, keys, engine, stack)
    await log_missing(engine, begun)
    await activation.log_missing(engine, begun)
    await publisher.start()
    return begun, publisher


def _people(
    keys: Keyring, engine: Engine, changes: Changes, stack: contextlib.AsyncExitStack
) -> tuple[People, Register]:
    """Who people are, and what is so of them."""
    people = People(engine, person_keys(keys), changes)
    stack.callback(people.close)
    register = Register(engine, person_keys(keys), changes)
    stack.callback(register.close)
    return people, register


@dataclass(frozen=True, slots=True)
class _Bound:
    """What is bound to one law and made anew for the next, and the parts it is made of. `lasting`: the routes that
    do not depend on a law, or ask `in_force` at every request."""

    app: Gateway
    settings: Settings
    keys: Keyring
    people: People
    surroundings: Callable[[Mapping[str, Agreement]], Surroundings]
    ledger: LiveLedger
    judges: Judges
    registry: Registry
    access_log: Log
    known: Agencies
    in_force: InForce
    queries: RecordQueries
    lasting: list[BaseRoute]

    async def adopt(self, law: Law) -> None:
        """Serve under `law` from now on. All that depends on it is put in place without a pause in between; queries
        that have begun end under the law they began with."""
        judge = Memo(await self.judges.of(law), lasting_s=self.judges.lasting_s)
        vocabulary = law.vocabulary
        self.app.state.judge = judge
        itemiser = Itemiser(self.keys.pairwise, vocabulary)
        commons = Commons(
            self.people, self.surroundings(vocabulary.agreements), self.ledger, judge, vocabulary, self.registry,
            self.access_log, itemiser,
        )  # fmt: skip
        self.in_force.law = law
        self.app.router.routes[:] = self.lasting
        self.app.include_router(agencies.router(self.access_log, self.known))
        self.app.include_router(catalogue.router(self.known, vocabulary, self.registry))
        self.app.openapi_schema = None
        self.queries.serve_under(commons, _limits(self.settings, vocabulary, self.registry))


def _sources(settings: Settings, vocabulary: Vocabulary) -> Registry:
    packed = Path(str(importlib.resources.files("connectors")))
    manifests = settings.manifests_dir or packed / "manifests"
    mappings = manifests.with_name("mappings")
    return connected.load(manifests, mappings, vocabulary.field_sets, settings.secrets)


def _limits(settings: Settings, vocabulary: Vocabulary, registry: Registry) -> Limits:
    return Limits(
        purposes=frozenset(vocabulary.purposes),
        fields=vocabulary.field_sets,
        sources=frozenset(registry.sources()),
        default_deadline_ms=settings.default_deadline_ms,
        max_deadline_ms=settings.max_deadline_ms,
        synthetic_only=settings.synthetic_only,
    )


async def _law(settings: Settings, engine: Engine, stack: contextlib.AsyncExitStack) -> tuple[Law, Judges]:
    """The law in force, and who judges under each law: the engine in the process, or OPA beside it."""
    archive = Archive(settings.policy_archive)
    law = await asyncio.to_thread(to_serve, engine, settings.policy_keys, archive)
    if settings.judge == "embedded":
        return law, EmbeddedJudges()
    opa = await stack.enter_async_context(Opa(settings.opa_url, timeout_ms=settings.opa_timeout_ms))
    return law, OpaJudges(opa)


def _queries(
    app: Gateway, settings: Settings, known: Agencies, access_log: Log, stack: contextlib.AsyncExitStack
) -> RecordQueries:
    """The query route, and what counts those who are turned away: the error handlers find it in the app's state."""
    app.state.attempts = attempts = Attempts(access_log)
    stack.push_async_callback(attempts.close)
    return RecordQueries(
        known,
        public_url=settings.public_url,
        max_body=settings.max_body_bytes,
        max_in_flight=settings.max_in_flight,
        attempts=attempts,
    )


async def _deliver(engine: Engine, keys: Keyring, stack: contextlib.AsyncExitStack, *, loopback: bool) -> None:
    """Begin to deliver notices to agencies' systems."""
    courier = Courier(engine, secret_keys(keys), Post(loopback=loopback))
    await courier.start()
    stack.push_async_callback(courier.close)


def _agencies(settings: Settings, keys: Keyring, engine: Engine, changes: Changes, remote: RemoteKeys) -> Agencies:
    url, trusted, skew_s = settings.public_url, settings.trusted_issuers, settings.clock_skew_s
    verifier = TokenVerifier(keys.token, audience=url, trusted=trusted, remote=remote, skew_s=skew_s)
    return Agencies(engine, changes, verifier, own_issuer=url)


def _citizens(settings: Settings, keys: Keyring, engine: Engine, remote: RemoteKeys) -> Citizens:
    nonces = Nonces(nonce_key(keys))
    tokens = IdTokens(
        settings.citizen_providers,
        remote,
        nonces,
        skew_s=settings.clock_skew_s,
        synthetic_only=settings.synthetic_only,
    )
    return Citizens(engine, person_keys(keys), tokens, nonces)


def _consent(
    settings: Settings,
    keys: Keyring,
    engine: Engine,
    in_force: InForce,
    access_log: Log,
    registry: Registry,
    citizens: Citizens,
    known: Agencies,
    people: People,
    overrides: Overrides,
) -> Parts:
    law_now = in_force.vocabulary
    url, key, theirs = settings.public_url, keys.token[0], person_keys(keys)
    propagation = Propagation(engine, key, theirs, law_now, public_url=url)
    accepts = {id: frozenset(manifest.identifiers.accepts) for id, manifest in registry.sources().items()}
    made = Receipts(engine, access_log, key, theirs, law_now, public_url=url)
    seen = Uses(access_log, law_now, overrides.deferred)
    desk = join(settings, engine, access_log, people, theirs, law_now, propagation.tell)
    deciding = Deciding(engine, access_log, law_now, propagation, desk.authorities, accepts)
    providers = settings.citizen_providers
    return Parts(citizens, known, deciding, made, propagation, seen, desk, people, access_log, providers)


async def _offer_consent(app: Gateway, parts: Parts, stack: contextlib.AsyncExitStack) -> None:
    """What citizens see and decide, and what recipients answer; and the task that tells and reminds."""
    await parts.desk.asking.log_missing()
    chaser = Chaser(parts.propagation, parts.desk.expiring)
    await chaser.start()
    stack.push_async_callback(chaser.close)
    app.include_router(sessions.router(parts.log, parts.citizens, parts.providers))
    for noun in (
        records,
        decisions,
        history,
        receipts,
        uses,
        notices,
        inbox,
        stops,
        requests,
        assisted,
        objections,
        deliveries,
        authorities,
        endings,
        words,
        standing,
        simulate,
    ):
        app.include_router(noun.router(parts))


def _ready(app: Gateway, engine: Engine, access_log: Log, judges: Judges, queries: RecordQueries) -> None:
    def database() -> None:
        with db.read(engine) as connection:
            connection.exec_driver_sql("SELECT 1")

    @app.get("/health/ready", tags=["health"], summary="Database, log and judge answer; else 503")
    async def ready() -> JSONResponse:
        await asyncio.to_thread(database)
        if not access_log.takes:
            raise AuditUnavailable
        if not queries.serves or not await judges.healthy():
            raise PolicyUnavailable
        return JSONResponse({"status": "ready", "log_size": access_log.size})
