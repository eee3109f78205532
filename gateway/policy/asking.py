# SPDX-License-Identifier: Apache-2.0
"""May X see Y of Z for P? Answered from the law alone: no gateway, no citizen, no data. Pure.

What the question leaves open is assumed in the asker's favour and said: so a no is a no whatever the circumstances,
and a yes names what it hangs on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from gateway.model import DeclaredReason, Verdict
from gateway.policy.agreements import Agreement
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.explain import explain
from gateway.policy.facts import CallerFacts, ConsentFacts, Facts, PairFacts, PersonFacts, RequestFacts
from gateway.policy.mistakes import near
from gateway.policy.vocabulary import Vocabulary


class Question(Struct, frozen=True):
    """Who wants to see what, from which source, why, and in what position. Empty: every one that could. `training`:
    codes that are in force; `local_minute` (of the day) and `local_weekday` (0 is Monday), Europe/London."""

    organisation: str
    category: str
    purpose: str
    role: str = ""
    source: str = ""
    agreement: str = ""
    consent: bool = False
    relationship: str = ""
    declared_reason: str = ""
    training: tuple[str, ...] = ()
    local_minute: int = 12 * 60
    local_weekday: int = 2


class Unknown(Struct, frozen=True):
    """A name of a question that the law does not know: of what (`category`, `source` …), and what is `known`."""

    what: str
    name: str
    known: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What is wrong, and what may be meant."""
        return f"the law knows no {self.what} {self.name}; {near(self.name, self.known)}"


class Answered(Struct, frozen=True):
    """The answer under one agreement, for one source: the verdict, and why in plain English."""

    agreement: str
    source: str
    allow: bool
    fields: tuple[str, ...]
    sentences: tuple[str, ...]


def unknown(question: Question, vocabulary: Vocabulary) -> Iterator[Unknown]:
    """The names of a question that the law does not know: about them it says nothing, not no."""
    agreements = vocabulary.agreements.values()
    known: tuple[tuple[str, Iterable[str], Iterable[str]], ...] = (
        (
            "organisation",
            (question.organisation,),
            {party.organisation for one in agreements for party in one.parties},
        ),
        ("category", (question.category,), vocabulary.categories),
        ("purpose", (question.purpose,), vocabulary.purposes),
        ("role", (question.role,), vocabulary.roles),
        ("source", (question.source,), {term.source for one in agreements for term in one.terms}),
        ("agreement", (question.agreement,), vocabulary.agreements),
        ("relationship", (question.relationship,), vocabulary.relationships or (question.relationship,)),
        ("declared reason", (question.declared_reason,), tuple(DeclaredReason)),
        ("training", question.training, vocabulary.training or question.training),
    )
    for what, names, names_known in known:
        for name in names:
            if name and name not in names_known:
                yield Unknown(what, name, tuple(names_known))


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
        CallerFacts(
            question.organisation, True, True, question.role, bool(question.role), tuple(sorted(question.training))
        ),
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
            local_minute=question.local_minute,
            local_weekday=question.local_weekday,
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
