# SPDX-License-Identifier: Apache-2.0
"""An agreement as an officer would read it, made from its data alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gateway.policy.agreements import Agreement, Term
from gateway.policy.conditions import Conditions
from gateway.policy.vocabulary import Named, Role, Vocabulary

REFUSAL = {
    "explain": "A refusal says why.",
    "generic": "A refusal says only that something is missing.",
    "silent": "A refusal says nothing, not even that there is something to refuse.",
}
PARTY = {"recipient": "receives", "source": "is a source", "processor": "processes for a controller"}
CAPACITY = {"controller": "controller", "joint-controller": "joint controller", "processor": "processor"}


def explained(agreement: Agreement, vocabulary: Vocabulary) -> list[str]:
    """The agreement in paragraphs of plain text, each one line or a list of lines that begin with two spaces."""
    days = agreement.retention_days
    lines = [f"{agreement.id}, version {agreement.version}: {agreement.title}"]
    if agreement.title_cy:
        lines.append(f"In Welsh: {agreement.title_cy}")
    lines += ["", agreement.summary, "", "Parties"]
    lines += [
        f"  {party.name} ({party.organisation}) {PARTY[party.role]}, as {CAPACITY[party.capacity]}."
        for party in agreement.parties
    ]
    lines += ["", "Why it may be asked"]
    for code in agreement.purposes:
        purpose = vocabulary.purposes[code]
        lines.append(f"  {purpose.title} ({code}): {purpose.description}")
        lines += [f"    also: {vocabulary.purposes[below].title} ({below})" for below in vocabulary.below[code]]
    lines += ["", "Who may ask, and when", *(f"  {line}" for line in asked_for(agreement, vocabulary))]
    for term in agreement.terms:
        lines += ["", f"{term.title}, from {term.source}", *(f"  {line}" for line in _term(term, vocabulary))]
    onward = "may be passed on" if agreement.onward_sharing else "may not be passed on"
    lines += [
        "",
        "Afterwards",
        f"  What was received {onward} and is erased after {days} days.",
        f"  Data protection impact assessment: {agreement.dpia}. Questions: {agreement.contact}.",
    ]
    return lines


def asked_for(agreement: Agreement, vocabulary: Vocabulary) -> Iterator[str]:
    """What must be so beside the terms, a sentence each."""
    yield f"In force from {agreement.valid.since} until {agreement.valid.until} (the first day it is not)."
    roles = agreement.roles
    if roles.any_of:
        known = ", ".join(vocabulary.roles[code].title for code in roles.any_of)
        yield f"The user must be one of: {known}" + ("; their token must say so." if roles.assured else ".")
    else:
        yield "Any user of the system; no role is asked for."
    if roles.training:
        yield f"The user's training must be in force: {_called(roles.training, vocabulary.training)}."
    yield from _conditions(agreement.conditions, vocabulary)


def _conditions(conditions: Conditions, vocabulary: Vocabulary) -> Iterator[str]:
    """The conditions that an agreement makes, a sentence each; none for what it does not ask, but break-glass."""
    if hours := conditions.hours:
        days = ", ".join(day.capitalize() for day in hours.weekdays)
        yield f"Only from {hours.since} until {hours.until} by UK clocks, on {days}."
    if often := conditions.frequency:
        yield f"At most {often.times} answers about one person in any {often.days} days."
    if conditions.relationships:
        known = _called(conditions.relationships, vocabulary.relationships)
        yield f"For direct care the register must know a relationship: {known}."
    if conditions.declared_reasons:
        yield f"A reason must be declared: {', '.join(conditions.declared_reasons)}."
    for role, labels in sorted(conditions.sensitivity.items()):
        yield f"{_called([role], vocabulary.roles)} sees no more than: {', '.join(sorted(labels))}."
    if conditions.overrides:
        yield f"Break-glass may lift what can be lifted, for: {', '.join(conditions.overrides)}."
    else:
        yield "Break-glass lifts nothing."
    if conditions.suppress_counts_below:
        yield f"Counts of fewer than {conditions.suppress_counts_below} people are not shown to others."


def _called(codes: Iterable[str], known: Mapping[str, Named | Role]) -> str:
    """Codes with their names, where the vocabulary has them."""
    return ", ".join(f"{known[code].title} ({code})" if code in known else code for code in codes)


def _term(term: Term, vocabulary: Vocabulary) -> Iterator[str]:
    for code, names in term.categories.items():
        category = vocabulary.categories[code]
        titles = ", ".join(category.fields[name].title for name in names)
        yield f"{category.title} ({code}): {titles}."
    lawful = vocabulary.lawful_bases[term.lawful_basis]
    yield f"UK GDPR Article {lawful.code}: {lawful.title}."
    if term.special_category_basis:
        special = vocabulary.lawful_bases[term.special_category_basis]
        condition = term.condition or special.condition
        yield f"UK GDPR Article {special.code}: {special.title}" + (f", {condition}." if condition else ".")
    confidence = vocabulary.confidentiality_bases[term.confidentiality_basis]
    yield f"Duty of confidentiality: {confidence.title}. The citizen reads: {confidence.sentence}"
    if term.statute:
        yield f"Statute: {term.statute.title}, {term.statute.uri}"
    if term.public_interest:
        yield f"Public interest: {term.public_interest.test} Approved by {term.public_interest.approved_by}."
    if term.opt_out:
        yield f"The national data opt-out does not stop it: {term.opt_out.exemption} ({term.opt_out.reference})."
    yield REFUSAL[term.disclosure]
