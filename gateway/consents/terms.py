# SPDX-License-Identifier: Apache-2.0
"""What an agreement lets its recipient ask a citizen to agree to, or a citizen object to. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from consent.model import Provision
from consent.objections import Flow
from gateway.consents.records import needs_consent
from gateway.errors import FieldFault, Invalid, NoAgreement
from gateway.policy.vocabulary import Agreement, Vocabulary


def in_force(vocabulary: Vocabulary, id: str, organisation: str, now: int) -> Agreement:
    """The agreement of this id, of which `organisation` is a recipient and which is in force at `now` (epoch
    seconds). Raises NoAgreement: not there, not theirs and not in force are the same."""
    agreement = vocabulary.agreements.get(id)
    today = datetime.datetime.fromtimestamp(now, datetime.UTC).date()
    if (
        agreement is None
        or organisation not in agreement.recipients
        or not agreement.valid.since <= today < agreement.valid.until
    ):
        raise NoAgreement
    return agreement


def purpose_of(agreement: Agreement, purpose: str) -> str:
    """The purpose that is meant: one of the agreement's, its first where none is named. Raises Invalid."""
    if purpose and purpose not in agreement.purposes:
        raise Invalid(errors=[FieldFault("/purpose", "not-in-agreement", "a purpose of the agreement")])
    return purpose or agreement.purposes[0]


def provision(
    vocabulary: Vocabulary, agreement: Agreement, categories: Sequence[tuple[str, Sequence[str]]]
) -> Provision:
    """What is asked, (category, fields; none means all of them), where the agreement holds it and it needs consent:
    nobody is asked for what is shared anyway. Raises Invalid with a pointer into `/categories`."""
    theirs = consentable(vocabulary, agreement)
    every = {category for term in agreement.terms for category in term.categories}
    faults: list[FieldFault] = []
    for n, (code, fields) in enumerate(categories):
        if code not in theirs:
            fault = "consent-not-needed" if code in every else "not-in-agreement"
            expected = "a category of the agreement that rests on consent"
            faults.append(FieldFault(f"/categories/{n}/code", fault, expected))
        elif code in [other for other, _ in categories[:n]]:
            faults.append(FieldFault(f"/categories/{n}/code", "repeated", "each category once"))
        else:
            faults += [
                FieldFault(f"/categories/{n}/fields/{m}", "not-in-agreement", "a field that the agreement holds")
                for m, name in enumerate(fields)
                if name not in theirs[code]
            ]
    if faults:
        raise Invalid(errors=faults)
    return Provision(
        categories=tuple(code for code, _ in categories),
        fields=tuple(f"{code}/{name}" for code, fields in categories for name in fields),
    )


def consentable(vocabulary: Vocabulary, agreement: Agreement) -> Mapping[str, frozenset[str]]:
    """Category → fields, of the terms that rest on consent in either layer of the ground."""
    found: dict[str, frozenset[str]] = {}
    for term in agreement.terms:
        if needs_consent(vocabulary, term):
            for category, fields in term.categories.items():
                found[category] = found.get(category, frozenset()) | set(fields)
    return found


def flows(agreement: Agreement) -> list[Flow]:
    """What flows under an agreement, for the question whether one can object to it."""
    return [
        Flow(category, term.lawful_basis, term.statute.title if term.statute else "")
        for term in agreement.terms
        for category in term.categories
    ]
