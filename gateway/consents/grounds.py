# SPDX-License-Identifier: Apache-2.0
"""On what a decision rests at the moment it is recorded: the revision of the agreement that was shown, and both
grounds of the sharing as the law in force has them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from consent.conditions import Conditions, Frequency
from consent.model import Event, Provision
from consent.revising import Flow, Terms, revision
from consent.words import Unit
from gateway.policy.vocabulary import Agreement, Term

SEVERAL = ", "
"""Between the grounds of a decision about what rests on more than one."""


def grounded(event: Event, agreement: Agreement) -> Event:
    """`event` with the revision of its agreement and the two grounds of what it is about. Of a decision about what
    rests on several, all are named, in the order of the agreement."""
    terms = [term for term in agreement.terms if _about(term, event.provision)]
    return replace(
        event,
        revision=revision(terms_of(agreement)),
        lawful_basis=_named(term.lawful_basis for term in terms),
        confidentiality_basis=_named(term.confidentiality_basis for term in terms),
    )


def _about(term: Term, provision: Provision) -> bool:
    """Whether a provision speaks of anything that a term lets flow; one without categories is about all of it."""
    from_here = not provision.sources or term.source in provision.sources
    return from_here and (not provision.categories or not term.categories.keys().isdisjoint(provision.categories))


def _named(bases: Iterator[str]) -> str:
    return SEVERAL.join(dict.fromkeys(bases))


def terms_of(agreement: Agreement) -> Terms:
    """An agreement as the consent library compares it: what rests on consent and what does not alike."""
    return Terms(
        agreement=agreement.id,
        recipients=tuple(sorted(agreement.recipients)),
        purposes=tuple(sorted(agreement.purposes)),
        flows=tuple(flow for term in agreement.terms for flow in _flows(agreement, term)),
        retention_days=agreement.retention_days,
        onward=agreement.onward_sharing,
        words=words(agreement),
    )


def words(agreement: Agreement) -> str:
    """What the agreement says of itself, in English: a change of it alone is a change of wording."""
    categories = sorted({category for term in agreement.terms for category in term.categories})
    return f"{agreement.title}. {agreement.summary} About: {', '.join(categories)}."


def _flows(agreement: Agreement, term: Term) -> Iterator[Flow]:
    frequency = agreement.conditions.frequency
    conditions = Conditions(
        roles=tuple(sorted(agreement.roles.any_of)),
        frequency=Frequency(frequency.times, frequency.days, Unit.DAY) if frequency else None,
    )
    for category, fields in sorted(term.categories.items()):
        yield Flow(
            source=term.source,
            category=category,
            fields=tuple(sorted(fields)),
            lawful_basis=f"{term.lawful_basis} {term.special_category_basis}".strip(),
            confidentiality_basis=term.confidentiality_basis,
            conditions=conditions,
            demands=tuple(_demands(agreement)),
        )


def _demands(agreement: Agreement) -> Iterator[str]:
    """What must be so beside role and frequency."""
    asked = agreement.conditions
    if agreement.roles.assured:
        yield "assured role"
    yield from (f"training {code}" for code in sorted(agreement.roles.training))
    if asked.hours:
        yield f"hours {asked.hours.since}-{asked.hours.until} {' '.join(asked.hours.weekdays)}"
    if asked.relationships:
        yield f"relationship {' or '.join(sorted(asked.relationships))}"
    if asked.declared_reasons:
        yield f"reason {' or '.join(sorted(asked.declared_reasons))}"
    yield from (f"only {' '.join(labels)} for {role}" for role, labels in sorted(asked.sensitivity.items()))
