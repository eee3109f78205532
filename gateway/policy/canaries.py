# SPDX-License-Identifier: Apache-2.0
"""Questions that must be refused, asked before anything is served: a policy that allows one is not used.

Each is a lawful question under a real agreement with one thing broken. They are made from the agreements that are
loaded, so they stay true when those change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from msgspec import structs

from gateway.model import Decision
from gateway.policy.agreements import Agreement, Term, instant
from gateway.policy.conditions import LABELS, WEEKDAYS, minute
from gateway.policy.documents import PolicyFolderError
from gateway.policy.facts import CallerFacts, ConsentFacts, Facts, PairFacts, PersonFacts, RequestFacts
from gateway.policy.vocabulary import Vocabulary

AGREEMENTS = 16
"""How many agreements the canaries are made from; each gives some twenty questions to every kind of term."""

STRANGE = "canary"
"""A code that is in no vocabulary."""


class CanaryAllowedError(PolicyFolderError):
    """A question that must be refused was allowed."""


def prove(decide: Callable[[Facts], Decision], vocabulary: Vocabulary) -> int:
    """Ask every canary; the number asked. Raises CanaryAllowedError for the first that is allowed, and
    PolicyUnavailable when the judge does not answer."""
    count = 0
    for what, facts in questions(vocabulary):
        if any(verdict.allow for verdict in decide(facts).verdicts):
            raise CanaryAllowedError(f"the policy allows what must be refused: {what}")
        count += 1
    return count


def questions(vocabulary: Vocabulary) -> Iterator[tuple[str, Facts]]:
    """What is broken, and the facts."""
    yield "nothing is known", Facts(pairs=(PairFacts(),))
    for agreement in islice(vocabulary.agreements.values(), AGREEMENTS):
        for term in agreement.terms:
            good = lawful(agreement, term, vocabulary)
            for what, facts in _broken(good, agreement, term):
                yield f"{what} ({agreement.id}, {term.title})", facts


def lawful(agreement: Agreement, term: Term, vocabulary: Vocabulary) -> Facts:
    """A question that `term` is there to answer, asked on the agreement's first day about an adult, with a consent
    in force and everything that the agreement asks for."""
    now = instant(agreement.valid.since)
    asked = agreement.conditions
    hours = asked.hours
    return Facts(
        now,
        CallerFacts(
            agreement.recipients[0], True, True, _role(agreement, term, vocabulary), True, agreement.roles.training
        ),
        PersonFacts(True, age_band="adult", relationships=asked.relationships[:1]),
        RequestFacts(
            agreement.id,
            agreement.purposes[0],
            consent_mode="if-present",
            declared_reason=asked.declared_reasons[0] if asked.declared_reasons else "",
            recent=0 if asked.frequency else -1,
            local_minute=minute(hours.since) if hours else -1,
            local_weekday=WEEKDAYS.index(hours.weekdays[0]) if hours else -1,
        ),
        tuple(
            PairFacts(n, term.source, category, (), ConsentFacts("given", now + 60, by="self"))
            for n, category in enumerate(term.categories)
        ),
    )


def _role(agreement: Agreement, term: Term, vocabulary: Vocabulary) -> str:
    """The role that sees most of the term's fields, of those the agreement asks for, or else of those in care."""
    named = agreement.roles.any_of or tuple(code for code, role in vocabulary.roles.items() if role.direct_care)

    def sees(code: str) -> int:
        labels = set(vocabulary.roles[code].sees) & set(agreement.conditions.sensitivity.get(code, LABELS))
        return sum(
            vocabulary.categories[category].fields[name].sensitivity in labels
            for category, names in term.categories.items()
            for name in names
        )

    return max(named, key=sees, default="")


def _broken(good: Facts, agreement: Agreement, term: Term) -> Iterator[tuple[str, Facts]]:
    def caller(**change: Any) -> Facts:
        return structs.replace(good, caller=structs.replace(good.caller, **change))

    def person(**change: Any) -> Facts:
        return structs.replace(good, person=structs.replace(good.person, **change))

    def request(**change: Any) -> Facts:
        return structs.replace(good, request=structs.replace(good.request, **change))

    def pairs(**change: Any) -> Facts:
        return structs.replace(good, pairs=tuple(structs.replace(pair, **change) for pair in good.pairs))

    def consent(**change: Any) -> Facts:
        given = structs.replace(good.pairs[0].consent, **change)
        return pairs(consent=given)

    yield "the organisation is not active", caller(organisation_active=False)
    yield "the system is not active", caller(system_active=False)
    yield "the organisation is no recipient", caller(organisation=STRANGE)
    yield "it is asked on behalf of a stranger", request(on_behalf_of=STRANGE)
    yield "the person is not known", person(known=False)
    yield "there is no such agreement", request(agreement=STRANGE)
    yield "the agreement has not begun", structs.replace(good, now=good.now - 1)
    yield "the agreement has ended", structs.replace(good, now=instant(agreement.valid.until))
    yield "the purpose is another", request(purpose=STRANGE)
    yield "the legal basis is another", request(lawful_basis=STRANGE)
    yield "the Article 9 basis is another", request(special_category_basis=STRANGE)
    yield "the source is another", pairs(source=STRANGE)
    yield "the category is another", pairs(category=STRANGE)
    yield "no field asked for is in the agreement", pairs(fields=(STRANGE,))
    yield (
        "consent is required and was never given",
        structs.replace(request(consent_mode="required"), pairs=pairs(consent=ConsentFacts()).pairs),
    )
    for kind in ("court-order", "sealed-record", "safeguarding-restriction", STRANGE):
        yield f"it is restricted: {kind}", pairs(restrictions=(kind,))
    yield "a statute is claimed that the agreement does not name", request(statute=STRANGE)
    yield from _conditions(agreement, caller, request)
    rests_on_consent = (
        term.lawful_basis == "6(1)(a)"
        or term.special_category_basis == "9(2)(a)"
        or term.confidentiality_basis == "explicit-consent"
    )
    if rests_on_consent:
        for state in ("none", "refused", "withdrawn", "expired"):
            yield f"consent is {state}", pairs(consent=ConsentFacts(state))
        yield "consent has run out", consent(until=good.now)
        yield "consent is for another field", consent(fields=(STRANGE,))
        yield "consent is not to be the basis", request(consent_mode="not-basis")
        yield "it is not known who consented", consent(by="")
        yield "it is not known how old the person is", person(age_band="")
        yield "a child under 13 consented alone", person(age_band="under-13")
        yield "consent lets nobody look again", consent(times=1, recent=1)
    elif term.lawful_basis == "6(1)(e)":
        yield "the citizen objected", pairs(objection="upheld")
    if rests_on_consent or term.confidentiality_basis == "implied-consent-direct-care":
        yield "the person has died", person(deceased=True)
    if term.confidentiality_basis == "implied-consent-direct-care" and agreement.conditions.relationships:
        yield "nobody knows of a relationship", person(relationships=())


Changed = Callable[..., Facts]


def _conditions(agreement: Agreement, caller: Changed, request: Changed) -> Iterator[tuple[str, Facts]]:
    asked = agreement.conditions
    if agreement.roles.any_of:
        yield "the role is another", caller(role=STRANGE)
    if agreement.roles.assured:
        yield "the role is only asserted", caller(role_assured=False)
    if agreement.roles.training:
        yield "the user is not trained", caller(training=())
    if asked.hours:
        yield "the time is not given", request(local_minute=-1)
    if asked.frequency:
        yield "it was asked as often as it may be", request(recent=asked.frequency.times)
