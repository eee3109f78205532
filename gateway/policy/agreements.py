# SPDX-License-Identifier: Apache-2.0
"""A data-sharing agreement as code: who may ask whom for what, why, on what grounds, and until when."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from gateway.model import Disclosure
from gateway.policy import conditions
from gateway.policy.conditions import Code, Conditions, OptOut, PublicInterest, Sensitivity, Sentence
from gateway.policy.mistakes import near

OrganisationId = Annotated[str, Meta(pattern=r"^[a-z]{2}/[a-z]+/[A-Za-z0-9]+$", max_length=64)]
SourceId = Annotated[str, Meta(pattern=r"^[a-z]{2}/[a-z]+/[A-Za-z0-9]+/[a-z0-9-]+$", max_length=96)]


Seen = Callable[[Iterable[Sensitivity]], dict[str, dict[str, bool]]]
"""Sensitivity labels → category → the fields that have one of them."""


class Party(Struct, frozen=True, forbid_unknown_fields=True):
    """One organisation in the agreement: it receives, it is a source, or it processes for another. `capacity`: in
    the words of UK GDPR Articles 4(7), 26 and 28."""

    organisation: OrganisationId
    role: Literal["recipient", "source", "processor"]
    name: Sentence
    capacity: Literal["controller", "joint-controller", "processor"] = "controller"


class Validity(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """In force from the first day, at 00:00 UTC, until the last bound, which is the first day it is not."""

    since: datetime.date
    until: datetime.date


class Roles(Struct, frozen=True, forbid_unknown_fields=True):
    """Roles of which the user must have one; none named asks for none. `assured`: a token must say so. `training`:
    codes of the training that the user must hold in force, all of them, as their token says."""

    any_of: tuple[Code, ...]
    assured: bool
    training: tuple[Code, ...] = ()


class Statute(Struct, frozen=True, forbid_unknown_fields=True):
    """A law by its short title and section, and its address at legislation.gov.uk."""

    title: Sentence
    uri: Annotated[str, Meta(pattern=r"^https://www\.legislation\.gov\.uk/")]


class Term(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one source may give: categories → fields, both bases, and how much a refusal may say.

    `opt_out`: why the national data opt-out does not stop it, where the purpose is beyond individual care.
    `condition`: the condition of DPA 2018 Schedule 1, where it is not the one that the Article 9 basis names.
    `public_interest`: the test that was made where the duty of confidence yields to the public interest.
    """

    title: Sentence
    source: SourceId
    lawful_basis: str
    special_category_basis: str
    confidentiality_basis: Code
    disclosure: Disclosure
    categories: Annotated[dict[Code, Annotated[tuple[str, ...], Meta(min_length=1)]], Meta(min_length=1)]
    statute: Statute | None = None
    condition: Annotated[str, Meta(pattern=r"^(DPA 2018 Sch 1 para [0-9]+)?$")] = ""
    opt_out: OptOut | None = None
    public_interest: PublicInterest | None = None


class Agreement(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One agreement, as its file under `policies/data/agreements` says it. `valid` bounds it, `roles` and
    `conditions` say what is asked for beside the terms; `retention_days` counts from the day of an answer."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    version: Annotated[int, Meta(ge=1)]
    title: Sentence
    title_cy: str = ""
    summary: Sentence
    parties: Annotated[tuple[Party, ...], Meta(min_length=1)]
    purposes: Annotated[tuple[Code, ...], Meta(min_length=1)]
    valid: Validity
    roles: Roles
    retention_days: Annotated[int, Meta(ge=1, le=36525)]
    onward_sharing: bool
    dpia: Sentence
    contact: Sentence
    terms: Annotated[tuple[Term, ...], Meta(min_length=1)]
    conditions: Conditions = conditions.NONE

    @property
    def recipients(self) -> tuple[str, ...]:
        """The organisations that may ask under it, in the order of the file."""
        return tuple(party.organisation for party in self.parties if party.role == "recipient")


def faults(
    agreement: Agreement,
    *,
    fields: Mapping[str, frozenset[str]],
    purposes: frozenset[str],
    roles: frozenset[str],
    training: frozenset[str],
    relationships: frozenset[str],
    lawful_bases: Mapping[str, int],
    confidentiality_bases: frozenset[str],
) -> Iterator[str]:
    """What is wrong with an agreement beside the other data files: `lawful_bases` maps code → article. Where no
    `training` or `relationships` are listed, any code will do."""
    if agreement.valid.since >= agreement.valid.until:
        yield "it ends before it begins"
    if not agreement.recipients:
        yield "nobody receives anything"
    for party in agreement.parties:
        if (party.role == "processor") is not (party.capacity == "processor"):
            yield f"{party.organisation} must be a processor both by role and by capacity, or by neither"
    asked_for = (
        ("purpose", agreement.purposes, purposes),
        ("role", (*agreement.roles.any_of, *agreement.conditions.sensitivity), roles),
        ("training", agreement.roles.training, training or agreement.roles.training),
        ("relationship", agreement.conditions.relationships, relationships or agreement.conditions.relationships),
    )
    for what, asked, known in asked_for:
        unknown = [code for code in asked if code not in known]
        yield from (f"{what} {code} is not in the code list; {near(code, known)}" for code in unknown)
    yield from _asked_beside(agreement)
    organisations = {party.organisation for party in agreement.parties}
    seen: set[tuple[str, str]] = set()
    for term in agreement.terms:
        if term.source.rpartition("/")[0] not in organisations:
            yield f"{term.source} belongs to nobody who is a party"
        yield from _bases(term, lawful_bases, confidentiality_bases)
        for category, names in term.categories.items():
            if (term.source, category) in seen:
                yield f"{category} of {term.source} stands in two terms"
            seen.add((term.source, category))
            if category not in fields:
                yield f"category {category} is not in the vocabulary; {near(category, fields)}"
                continue
            unknown = sorted(set(names) - fields[category])
            yield from (
                f"{category}/{name} is not in the vocabulary; {near(name, fields[category])}" for name in unknown
            )
            if len(set(names)) != len(names):
                yield f"{category} of {term.source} names a field twice"


def _asked_beside(agreement: Agreement) -> Iterator[str]:
    """What is wrong with its conditions. Vital interests and safeguarding are shared only when somebody says why
    (`limits/reason_where_asked`)."""
    hours = agreement.conditions.hours
    if hours and conditions.minute(hours.since) >= conditions.minute(hours.until):
        yield "its hours end before they begin"
    vital = any(term.lawful_basis == "6(1)(d)" for term in agreement.terms)
    guards = any(code.split(".")[0] == "safeguarding" for code in agreement.purposes)
    if (vital or guards) and not agreement.conditions.declared_reasons:
        yield "it rests on vital interests or is for safeguarding, and names no declared_reasons"


def _bases(term: Term, lawful: Mapping[str, int], confidentiality: frozenset[str]) -> Iterator[str]:
    if lawful.get(term.lawful_basis) != 6:
        yield f"{term.lawful_basis} is not an Article 6 basis"
    if term.special_category_basis and lawful.get(term.special_category_basis) != 9:
        yield f"{term.special_category_basis} is not an Article 9 basis"
    if term.confidentiality_basis not in confidentiality:
        yield f"{term.confidentiality_basis} is not a basis of confidentiality"
    if term.lawful_basis == "6(1)(c)" and term.statute is None:
        yield f"{term.title!r} rests on a legal obligation and names no statute"
    if term.opt_out and term.opt_out.exemption == "overriding-public-interest" and not term.public_interest:
        yield f"{term.title!r} is exempt from the opt-out by public interest and states no test of it"


def compiled(
    agreement: Agreement, below: Mapping[str, tuple[str, ...]], seen: Seen, patient: frozenset[str]
) -> dict[str, Any]:
    """The agreement as the rules read it: maps instead of lists, integer instants, purposes with all that stand
    `below` them. What is said of a category stands once, as a kind, however many sources it covers.
    `seen` gives the fields that labels let through; `patient` are the categories of confidential patient
    information. Nothing is decided here."""
    kinds: list[dict[str, Any]] = []
    terms: dict[str, dict[str, str]] = {}
    for term in agreement.terms:
        for category, fields in term.categories.items():
            kind = _kind(term, category, fields, category in patient)
            if kind not in kinds:
                kinds.append(kind)
            terms.setdefault(term.source, {})[category] = str(kinds.index(kind))
    bases = {basis for term in agreement.terms for basis in (term.lawful_basis, term.special_category_basis)}
    laws = {law for term in agreement.terms if term.statute for law in (term.statute.title, term.statute.uri)}
    purposes = {code for purpose in agreement.purposes for code in (purpose, *below[purpose])}
    return {
        "id": agreement.id,
        "from": instant(agreement.valid.since),
        "until": instant(agreement.valid.until),
        "recipients": dict.fromkeys(sorted(agreement.recipients), True),
        "purposes": dict.fromkeys(sorted(purposes), True),
        "claims": dict.fromkeys(sorted(bases - {""}), True),
        "statutes": dict.fromkeys(sorted(laws), True),
        "roles_asked": bool(agreement.roles.any_of),
        "roles": dict.fromkeys(sorted(agreement.roles.any_of), True),
        "roles_assured": agreement.roles.assured,
        "training": sorted(agreement.roles.training),
        "retention_days": agreement.retention_days,
        "onward_sharing": agreement.onward_sharing,
        "kinds": {str(number): kind for number, kind in enumerate(kinds)},
        "terms": terms,
        "ceilings": {role: seen(labels) for role, labels in sorted(agreement.conditions.sensitivity.items())},
        **conditions.compiled(agreement.conditions),
    }


def _kind(term: Term, category: str, fields: Iterable[str], patient_information: bool) -> dict[str, Any]:
    return {
        "category": category,
        "fields": dict.fromkeys(sorted(fields), True),
        "lawful_basis": term.lawful_basis,
        "special_category_basis": term.special_category_basis,
        "confidentiality_basis": term.confidentiality_basis,
        "statute": term.statute.title if term.statute else "",
        "disclosure": term.disclosure,
        "patient_information": patient_information,
        "opt_out": term.opt_out.exemption if term.opt_out else "",
    }


def instant(day: datetime.date) -> int:
    """Seconds since the epoch at the start of `day`, UTC."""
    return int(datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp())
