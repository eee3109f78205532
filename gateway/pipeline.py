# SPDX-License-Identifier: Apache-2.0
"""One agency query through its eight stages. `answer` is the whole of it; everything else is one stage.

The invariant: no byte of a record leaves unless there is a valid token, a policy allow, a lawful ground, and a
durable log entry that says so; after a withdrawal is acknowledged no release under that consent starts. Every
stage refuses on error. Stage 1, `identify`, has happened when a Caller exists.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import uuid_utils
from msgspec import Struct, structs

from connectors.base import Envelope, Read
from connectors.gather import gather as gather_all
from connectors.registry import Registry
from consent.errors import LedgerUnavailable
from consent.live import LiveLedger
from consent.model import Standing
from gateway import evidence
from gateway.audit.log import Claim, Claimed, Committed, Guard, Log, Moved
from gateway.circumstances import Surroundings
from gateway.completeness import Part, compared, table
from gateway.errors import (
    AuditUnavailable,
    CompletenessNotMet,
    ConsentStoreUnavailable,
    IdempotencyMismatch,
    Refused,
)
from gateway.evidence import Asked, Ruling
from gateway.identity.people import People
from gateway.items import Itemiser
from gateway.model import Caller, Decision, Pair, Person, Query
from gateway.policy.facts import facts
from gateway.policy.judge import Judge
from gateway.policy.vocabulary import Vocabulary
from gateway.replies import Reply, encoded, extensions, preview, receipt, refused, shown

STAGES = ("identify", "resolve", "standing", "decide", "witness", "gather", "minimise", "seal")
RESEALS = 5
"""How often a query is decided again when consent moves under it, before it is refused as busy."""


@dataclass(frozen=True, slots=True)
class Commons:
    """The parts of one running gateway; joined only in `gateway/app.py`."""

    people: People
    surroundings: Surroundings
    ledger: LiveLedger
    judge: Judge
    vocabulary: Vocabulary
    registry: Registry
    log: Log
    itemiser: Itemiser


class Request(Struct, frozen=True):
    """What stage 1 knows of the HTTP request: its id, and the claim that makes a retry one effect."""

    id: str
    claim_key: bytes
    digest: bytes


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds spent in each stage, for `Server-Timing`."""

    last: float = field(default_factory=time.perf_counter)
    spent: list[tuple[str, float]] = field(default_factory=list)

    def lap(self, stage: str) -> None:
        """The stage ends now."""
        now = time.perf_counter()
        self.spent.append((stage, (now - self.last) * 1000))
        self.last = now


async def answer(commons: Commons, caller: Caller, query: Query, request: Request, watch: Stopwatch) -> Reply:
    """Answer one query. Raises a CommonsError; whatever it raises, nothing of a record has left."""
    person = await resolve(commons, caller, query)
    watch.lap("resolve")
    asked = ask(commons, caller, query, request, person)
    standing = await stand(commons, asked)
    watch.lap("standing")
    ruling = await decide(commons, asked, standing)
    watch.lap("decide")
    asked, witnessed = await witness(commons, asked, ruling, request)
    watch.lap("witness")
    if query.preview:
        return preview(asked, ruling.decision, witnessed)
    try:
        envelopes = await gather(commons, asked, ruling.decision)
        watch.lap("gather")
        parts = minimise(commons, asked, ruling, envelopes)
        watch.lap("minimise")
        reply = await seal(commons, asked, ruling, envelopes, parts, witnessed)
        watch.lap("seal")
    except (Refused, CompletenessNotMet):  # their entries are written where they are raised
        raise
    except Exception:
        with contextlib.suppress(AuditUnavailable):  # then its silence is in the log: intended, and never disclosed
            await commons.log.append(evidence.failed(asked, _new_id(), ruling.decision))
        raise
    return reply


async def resolve(commons: Commons, caller: Caller, query: Query) -> Person:
    """Stage 2. An unknown person, or one who does not fit `verify`, is a Stranger."""
    return await commons.people.resolve(query.subject, query.verify, caller.organisation)


def ask(commons: Commons, caller: Caller, query: Query, request: Request, person: Person) -> Asked:
    """Fix what stays the same from here on: the id, the instant, and every (source, category) there is. A category
    that no source is left for stays in the question, without a source, so that the answer is not called whole."""
    pairs: list[Pair] = []
    for category in query.categories:
        sources = [source for source in commons.registry.serving(category.code) if _wanted(query, source)]
        for source in sources or ("",):
            pairs.append(Pair(len(pairs), source, category.code, category.fields, category.need, category.since))
    at_ms = time.time_ns() // 1_000_000
    return Asked(_new_id(), at_ms, request.id, caller, query, person, tuple(pairs))


def _wanted(query: Query, source: str) -> bool:
    return ("*" in query.include or source in query.include) and source not in query.exclude


async def stand(commons: Commons, asked: Asked, at_least: int = 0) -> Standing:
    """Stage 3. What the ledger says of this person, organisation and purpose, and at which sequence number: none
    from before `at_least`, which the log has seen already."""
    organisation, purpose = asked.caller.organisation, asked.query.purpose
    try:
        return await commons.ledger.standing(asked.person.id, organisation, purpose, at_least)
    except LedgerUnavailable as error:
        raise ConsentStoreUnavailable from error


async def decide(commons: Commons, asked: Asked, standing: Standing) -> Ruling:
    """Stage 4. One call for all pairs, from facts in which nothing names the person. Raises PolicyUnavailable;
    never guesses."""
    now = int(time.time())
    found = await commons.surroundings.of(asked, standing, now)
    given = facts(
        caller=asked.caller,
        person=asked.person,
        query=asked.query,
        pairs=asked.pairs,
        standing=standing,
        now=now,
        circumstances=found.circumstances,
    )
    return Ruling(standing, found, given, await commons.judge.judge(given))


async def witness(commons: Commons, asked: Asked, ruling: Ruling, request: Request) -> tuple[Asked, Committed]:
    """Stage 5. The entry is durable when this returns; a whole refusal leaves here."""
    claim = None
    if not asked.query.preview:
        claim = Claim(asked.caller.system, request.claim_key, request.digest, asked.query.id)
    committed = await commons.log.append(evidence.witness(asked, ruling), claim=claim)
    if isinstance(committed, Claimed):
        if not committed.same_request:
            raise IdempotencyMismatch
        # A repeat is the same query asked again: the same query id, but freshly decided and logged.
        asked = structs.replace(asked, query=structs.replace(asked.query, id=committed.query_id))
        committed = await commons.log.append(evidence.witness(asked, ruling))
    if not isinstance(committed, Committed):
        raise AssertionError("an entry without guard or claim is committed or raises")
    if ruling.decision.refuses and not asked.query.preview:
        raise refused(asked, ruling.decision, asked.id, commons.vocabulary)
    return asked, committed


async def gather(commons: Commons, asked: Asked, decision: Decision) -> list[Envelope]:
    """Stage 6. All allowed sources at once under one deadline, each given only its own system's identifier."""
    wants: dict[str, dict[str, tuple[str, ...]]] = {}
    since: dict[str, dict[str, str]] = {}
    for pair, verdict in zip(asked.pairs, decision.verdicts, strict=True):
        if verdict.allow:
            wants.setdefault(pair.source, {})[pair.category] = verdict.fields
            since.setdefault(pair.source, {})[pair.category] = pair.since
    deadline = asyncio.get_running_loop().time() + asked.query.deadline_ms / 1000
    reads: list[Read] = []
    for source, categories in wants.items():
        for system in commons.registry.accepts(source):
            if (identifier := asked.person.identifiers.get(system)) is not None:
                reads.append(
                    Read(
                        source=source,
                        identifier_system=system,
                        identifier=identifier,
                        wants=categories,
                        since=since[source],
                        deadline=deadline,
                        max_age_s=asked.query.max_age_s,
                        request_id=asked.request_id,
                    )
                )
                break
    envelopes = await gather_all(commons.registry, reads, deadline)
    alarms = {envelope.source: envelope.reason for envelope in envelopes if envelope.alarm}
    for source, reason in alarms.items():
        await commons.log.append(evidence.alarm(asked, _new_id(), decision, source, reason))
    return envelopes


def minimise(commons: Commons, asked: Asked, ruling: Ruling, envelopes: Sequence[Envelope]) -> list[Part]:
    """Stage 7. Only permitted fields, by allow-list; a source whose records cannot be filtered is dropped."""
    landed = {(envelope.source, envelope.category): envelope for envelope in envelopes}
    parts: list[Part] = []
    count = 0
    for pair, verdict in zip(asked.pairs, ruling.decision.verdicts, strict=True):
        envelope = landed.get((pair.source, pair.category)) if verdict.allow else None
        part = commons.itemiser.part(asked, ruling.standing, pair, verdict, envelope, count)
        count += len(part.items)
        parts.append(part)
    return compared(parts, commons.vocabulary.singular)


async def seal(
    commons: Commons,
    asked: Asked,
    ruling: Ruling,
    envelopes: Sequence[Envelope],
    parts: list[Part],
    witnessed: Committed,
) -> Reply:
    """Stage 8. Release under the consent as it stands at this instant: the entry is written only while the
    person's sequence number is the one the decision was made at; if it moved, or their circumstances did, decide
    again and drop what is no longer allowed."""
    first = ruling.decision
    for _ in range(RESEALS):
        if not await commons.surroundings.stands(asked, ruling.found):
            ruling, parts = await reconsider(commons, asked, ruling, envelopes, ruling.standing.seq)
        decision, id = ruling.decision, _new_id()
        # The answer names the decision it follows. One that differs in what is silent alone must not show.
        named = asked.id if decision is first or shown(decision) == shown(first) else id
        completeness = table(parts, commons.vocabulary.critical, commons.vocabulary.remedies)
        failed = asked.query.fail_on_shortfall and completeness.required == "not-met"
        if failed:
            parts = [structs.replace(part, items=()) for part in parts]
        body = encoded(asked, decision, parts, completeness, named, receipt(id, witnessed))
        digest = "sha-256:" + hashlib.sha256(body).hexdigest()
        status = CompletenessNotMet.status if failed else 200
        anew = decision is not first
        entry = evidence.seal(asked, id, ruling, parts, completeness, status, digest, anew=anew)
        outcome = await commons.log.append(entry, guard=Guard(asked.person.id, ruling.standing.seq))
        if isinstance(outcome, Committed):
            if failed:
                raise CompletenessNotMet(extensions=extensions(named, completeness.summary))
            return Reply(body, f"dec_{named}", f"rc_{id}", outcome)
        if not isinstance(outcome, Moved):
            raise AssertionError("an entry with a guard is committed, moved or raises")
        ruling, parts = await reconsider(commons, asked, ruling, envelopes, outcome.seq)
    raise ConsentStoreUnavailable("Consent was changing while the answer was made.")


async def reconsider(
    commons: Commons, asked: Asked, ruling: Ruling, envelopes: Sequence[Envelope], seq: int
) -> tuple[Ruling, list[Part]]:
    """Decide again at the sequence number `seq` or later, and minimise again. Raises Refused when nothing is left,
    after it is logged."""
    again = await decide(commons, asked, await stand(commons, asked, seq))
    again = structs.replace(again, decision=_narrowed(ruling.decision, again.decision))
    if again.decision.refuses:
        id = _new_id()
        await commons.log.append(evidence.refusal(asked, id, again))
        raise refused(asked, again.decision, id, commons.vocabulary)
    return again, minimise(commons, asked, again, envelopes)


def _narrowed(before: Decision, now: Decision) -> Decision:
    """What both decisions allow: a consent given while the query runs is for the next query, since nothing was
    fetched under it."""
    pairs = zip(before.verdicts, now.verdicts, strict=True)
    return structs.replace(now, verdicts=tuple(old if not old.allow else new for old, new in pairs))


def _new_id() -> str:
    return str(uuid_utils.uuid7())
