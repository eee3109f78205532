# SPDX-License-Identifier: Apache-2.0
"""What a decision would change before it is made: the law in force judged twice over the ledger, as it stands and
as it would stand. Nothing is recorded, nothing is fetched, nobody is told.

Each service (recipient, purpose, agreement, source and kind of information) is judged as if everything that the
decision does not touch were in order: the right role, a known person, within the hours. So what differs is the
decision's own doing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from consent import whatif
from consent.model import Event
from gateway.model import Verdict
from gateway.policy import canaries
from gateway.policy.agreements import Agreement, Term
from gateway.policy.facts import Facts, under
from gateway.policy.judge import Judge
from gateway.policy.vocabulary import Vocabulary


class Effect(StrEnum):
    """What becomes of one service."""

    GAINS = "gains"
    LOSES = "loses"
    WIDENED = "widened"
    NARROWED = "narrowed"
    UNAFFECTED = "unaffected"


class Service(Struct, frozen=True):
    """One service before and after. `fields`: what could be seen, in order; `rests_on`: the grounds that allow it
    afterwards, or those that did; `reason`: why nothing can be seen afterwards, a withheld reason."""

    agreement: str
    organisation: str
    purpose: str
    source: str
    category: str
    effect: Effect
    fields_before: tuple[str, ...]
    fields_after: tuple[str, ...]
    rests_on: tuple[str, ...]
    reason: str


async def foresee(
    judge: Judge, vocabulary: Vocabulary, events: Sequence[Event], decision: Event, now: int
) -> list[Service]:
    """What `decision` would change for each service that the law knows, for the person whose `events` these are, at
    `now` (seconds since 1970). Raises the consent.errors.EventRefused that recording it would raise, and
    PolicyUnavailable."""
    before, after = whatif.of(events), whatif.suppose(events, decision)
    services: list[Service] = []
    for agreement, term, organisation, purpose, given in _asked(vocabulary, now):
        was = await judge.judge(under(given, before.standing(organisation, purpose)))
        will = await judge.judge(under(given, after.standing(organisation, purpose)))
        for category, old, new in zip(term.categories, was.verdicts, will.verdicts, strict=True):
            services.append(_service(agreement, term, organisation, purpose, category, old, new))
    return services


def _asked(vocabulary: Vocabulary, now: int) -> Iterator[tuple[Agreement, Term, str, str, Facts]]:
    """The facts of every question that an agreement in force foresees, in order but for consent."""
    for agreement in vocabulary.agreements.values():
        for term in agreement.terms:
            good = canaries.lawful(agreement, term, vocabulary)
            for organisation in agreement.recipients:
                for purpose in agreement.purposes:
                    yield (
                        agreement,
                        term,
                        organisation,
                        purpose,
                        replace(
                            good,
                            now=max(now, good.now),
                            caller=replace(good.caller, organisation=organisation),
                            request=replace(good.request, purpose=purpose),
                        ),
                    )


def _service(
    agreement: Agreement, term: Term, organisation: str, purpose: str, category: str, old: Verdict, new: Verdict
) -> Service:
    before = tuple(sorted(old.fields)) if old.allow else ()
    after = tuple(sorted(new.fields)) if new.allow else ()
    return Service(
        agreement.id, organisation, purpose, term.source, category, _effect(set(before), set(after)), before, after,
        new.grounds or old.grounds, "" if new.allow else new.reason,
    )  # fmt: skip


def _effect(before: set[str], after: set[str]) -> Effect:
    if before == after:
        return Effect.UNAFFECTED
    if not before or not after:
        return Effect.GAINS if after else Effect.LOSES
    return Effect.WIDENED if after > before else Effect.NARROWED
