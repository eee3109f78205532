# SPDX-License-Identifier: Apache-2.0
"""May X see Y of Z for P? Answered from the law alone: no gateway, no citizen, no data. Pure.

What the question leaves open is assumed in the asker's favour and said: so a no is a no whatever the circumstances,
and a yes names what it hangs on.
"""

from __future__ import annotations

from msgspec import Struct

from gateway.model import Verdict
from gateway.policy.agreements import Agreement
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.explain import explain
from gateway.policy.facts import CallerFacts, ConsentFacts, Facts, PairFacts, PersonFacts, RequestFacts
from gateway.policy.vocabulary import Vocabulary


class Question(Struct, frozen=True):
    """Who wants to see what, from which source, why, and in what position. Empty: every one that could."""

    organisation: str
    category: str
    purpose: str
    role: str = ""
    source: str = ""
    agreement: str = ""
    consent: bool = False
    relationship: str = ""
    declared_reason: str = ""


class Answered(Struct, frozen=True):
    """The answer under one agreement, for one source: the verdict, and why in plain English."""

    agreement: str
    source: str
    allow: bool
    fields: tuple[str, ...]
    sentences: tuple[str, ...]


def answer(question: Question, vocabulary: Vocabulary, judge: EmbeddedJudge, now: int) -> list[Answered]:
    """The answer under every agreement that the question could mean, at `now` (epoch seconds). Raises
    PolicyUnavailable."""
    found: list[Answered] = []
    for agreement in vocabulary.agreements.values():
        if question.agreement in ("", agreement.id) and question.organisation in agreement.recipients:
            found += _under(question, agreement, vocabulary, judge, now)
    return found


def _under(
    question: Question, agreement: Agreement, vocabulary: Vocabulary, judge: EmbeddedJudge, now: int
) -> list[Answered]:
    sources = [
        term.source
        for term in agreement.terms
        if question.category in term.categories and question.source in ("", term.source)
    ]
    if not sources:
        return []
    facts = _facts(question, agreement, tuple(dict.fromkeys(sources)), now)
    return [
        Answered(agreement.id, pair.source, verdict.allow, verdict.fields, _why(verdict, vocabulary))
        for pair, verdict in zip(facts.pairs, judge.decide(facts).verdicts, strict=True)
    ]


def _facts(question: Question, agreement: Agreement, sources: tuple[str, ...], now: int) -> Facts:
    terms = {term.source: term for term in agreement.terms if question.category in term.categories}
    consent = ConsentFacts("given", now + 60, by="self") if question.consent else ConsentFacts()
    statutes = [term.statute.uri for term in terms.values() if term.statute is not None]
    return Facts(
        now,
        CallerFacts(question.organisation, True, True, question.role, bool(question.role)),
        PersonFacts(
            True, age_band="adult", relationships=(question.relationship,) if question.relationship else ()
        ),
        RequestFacts(
            agreement.id,
            question.purpose,
            consent_mode="if-present",
            declared_reason=question.declared_reason,
            statute=statutes[0] if statutes else "",
            recent=0,
            local_minute=12 * 60,
            local_weekday=2,
        ),
        tuple(PairFacts(n, source, question.category, consent=consent) for n, source in enumerate(sources)),
    )


def _why(verdict: Verdict, vocabulary: Vocabulary) -> tuple[str, ...]:
    """As an officer may know it: all that is broken, in the agency's sentences, whatever the disclosure."""
    if verdict.allow:
        return tuple(explain(verdict, vocabulary))
    broken = [vocabulary.rules.get(f"limits/{name}") for name in verdict.broken]
    said = [rule.agency for rule in broken if rule is not None]
    reason = vocabulary.reasons.get(verdict.reason)
    if reason is not None and reason.agency not in said:
        said.insert(0, reason.agency)
    return tuple(said)
