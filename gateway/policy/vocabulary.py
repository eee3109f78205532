# SPDX-License-Identifier: Apache-2.0
"""The words of the law as data: purposes, categories, bases, roles, reasons, agreements and the rules' METADATA.

Everything is read once from the policies folder, checked against everything else, and never changed after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, TypeVar

from msgspec import Meta, Struct

from gateway.model import Disclosure, WithheldReason
from gateway.policy import rules
from gateway.policy.agreements import Agreement, Term, faults
from gateway.policy.conditions import Code, Sensitivity, Sentence
from gateway.policy.documents import PolicyFolderError, read
from gateway.policy.rules import Remedy, Rule

__all__ = ["Agreement", "Category", "Field", "Purpose", "Reason", "Rule", "Term", "Vocabulary", "find", "load"]

_PACKAGED = Path(__file__).parents[1] / "_policies"
_CHECKOUT = Path(__file__).parents[2] / "policies"

T = TypeVar("T")

PATIENT_SECTORS = frozenset({"health", "social-care"})
"""Sectors whose Article 9 data is confidential patient information (NHS Act 2006 s.251(10), (11))."""


class Purpose(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why a record may be asked for. `dpv`: the broader term of the Data Privacy Vocabulary; `hl7`: the code of
    HL7 v3 PurposeOfUse. `individual_care`: false puts it under the national data opt-out."""

    code: Code
    title: Sentence
    title_cy: str = ""
    description: Sentence
    individual_care: bool
    dpv: Annotated[str, Meta(pattern=r"^https://w3id\.org/dpv#")]
    hl7: Annotated[str, Meta(pattern=r"^[A-Z]+$")]
    parent: Code = ""


class Field(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One field of a category. `standard`: the code system of its values, where there is one."""

    title: Sentence
    title_cy: str = ""
    type: Literal["text", "date", "code", "number", "pence", "boolean"]
    sensitivity: Sensitivity
    standard: str = ""


class Category(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind of record data. `critical`: an answer without it is not safe to rely on; `singular`: a citizen has
    one record of it at most; `special`: UK GDPR Article 9 data. `dated_by`: the field whose date a consent's period
    is about; where there is none, no record of it lies in any period."""

    code: Code
    record: Code
    title: Sentence
    title_cy: str = ""
    sector: Code
    sensitivity: Sensitivity
    special: bool
    critical: bool
    singular: bool
    dated_by: str = ""
    standard: str = ""
    fields: Annotated[dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")], Field], Meta(min_length=1)]

    @property
    def patient_information(self) -> bool:
        """Whether it is confidential patient information, which the national data opt-out is about."""
        return self.special and self.sector in PATIENT_SECTORS


class LawfulBasis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A basis of UK GDPR Article 6 or 9. `ground`: the rule an Article 6 basis stands on; `condition`: the
    DPA 2018 Schedule 1 condition of an Article 9 basis; `right`: what the citizen can do."""

    article: Literal[6, 9]
    code: Annotated[str, Meta(pattern=r"^[69]\([12]\)\([a-z]+\)$")]
    title: Sentence
    title_cy: str = ""
    sentence: Sentence
    source: Sentence
    ground: str = ""
    right: Literal["", "withdraw", "object", "cannot-stop"] = ""
    condition: str = ""


class ConfidentialityBasis(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What sets the common law duty of confidentiality aside, or that it is not engaged."""

    code: Code
    title: Sentence
    title_cy: str = ""
    consent: bool
    sentence: Sentence


class Role(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody at an agency does; `direct_care` marks a relationship of care. `sees`: the sensitivity labels
    of the fields that somebody in it may see; an agreement may narrow that."""

    code: Code
    title: Sentence
    title_cy: str = ""
    direct_care: bool
    sees: tuple[Sensitivity, ...]


class Named(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A code that agreements ask for: a training that somebody has in force, or a kind of legitimate relationship
    that the register knows."""

    code: Code
    title: Sentence
    title_cy: str = ""


class Reason(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One withheld reason with its public sentences."""

    code: WithheldReason
    title: Sentence
    title_cy: str = ""
    agency: Sentence
    citizen: Sentence
    remedy: Remedy


class Purposes(Struct, frozen=True, forbid_unknown_fields=True):
    """`purposes.yaml`."""

    version: int
    purposes: tuple[Purpose, ...]


class Categories(Struct, frozen=True, forbid_unknown_fields=True):
    """`categories.yaml`."""

    version: int
    categories: tuple[Category, ...]


class LawfulBases(Struct, frozen=True, forbid_unknown_fields=True):
    """`lawful-bases.yaml`."""

    version: int
    lawful_bases: tuple[LawfulBasis, ...]


class ConfidentialityBases(Struct, frozen=True, forbid_unknown_fields=True):
    """`confidentiality-bases.yaml`."""

    version: int
    confidentiality_bases: tuple[ConfidentialityBasis, ...]


class Roles(Struct, frozen=True, forbid_unknown_fields=True):
    """`roles.yaml`. `unnamed_sees`: the sensitivity labels that somebody without a known role may see. `training`,
    `relationships`: the codes that agreements may ask for; where none is listed, as in laws of before, any."""

    version: int
    unnamed_sees: tuple[Sensitivity, ...]
    roles: tuple[Role, ...]
    training: tuple[Named, ...] = ()
    relationships: tuple[Named, ...] = ()


class WithheldReasons(Struct, frozen=True, forbid_unknown_fields=True):
    """`withheld-reasons.yaml`. `generic` is said where the reason itself could harm."""

    version: int
    generic: Sentence
    remedies: dict[Remedy, Sentence]
    reasons: tuple[Reason, ...]


FILES: dict[str, type[Struct]] = {
    "purposes": Purposes,
    "categories": Categories,
    "lawful-bases": LawfulBases,
    "confidentiality-bases": ConfidentialityBases,
    "roles": Roles,
    "withheld-reasons": WithheldReasons,
}
"""Data file → what it holds; `agreements/*.yaml` each hold an Agreement."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All of it, keyed by code. `remedies`: withheld reason → the sentence on what would help, where something
    would; `help_with`: remedy → its sentence; `critical` and `singular`: the categories so marked; `below`: purpose
    → all purposes under it."""

    folder: Path
    purposes: Mapping[str, Purpose]
    categories: Mapping[str, Category]
    lawful_bases: Mapping[str, LawfulBasis]
    confidentiality_bases: Mapping[str, ConfidentialityBasis]
    roles: Mapping[str, Role]
    unnamed_role_sees: tuple[Sensitivity, ...]
    training: Mapping[str, Named]
    relationships: Mapping[str, Named]
    reasons: Mapping[str, Reason]
    generic: str
    agreements: Mapping[str, Agreement]
    rules: Mapping[str, Rule]
    remedies: Mapping[str, str]
    help_with: Mapping[str, str]
    critical: frozenset[str]
    singular: frozenset[str]
    below: Mapping[str, tuple[str, ...]]
    field_sets: Mapping[str, frozenset[str]]
    terms: Mapping[tuple[str, str, str], Term]

    def fields(self, category: str) -> frozenset[str]:
        """The names of a category's fields. Raises KeyError for an unknown one."""
        return self.field_sets[category]

    def term(self, agreement: str, source: str, category: str) -> Term | None:
        """The term under which `source` may give `category`, if there is one."""
        return self.terms.get((agreement, source, category))

    def disclosure(self, agreement: str, source: str, category: str) -> Disclosure:
        """How much a refusal may say; `generic` where no term says it."""
        term = self.term(agreement, source, category)
        return term.disclosure if term else "generic"

    def field_refusal(
        self, agreement: str, source: str, category: str, field: str, role: str = ""
    ) -> WithheldReason:
        """Why one field of an allowed pair was refused: outside the agreement, too sensitive for the role, or
        outside the consent."""
        term = self.term(agreement, source, category)
        if term is None or field not in term.categories[category]:
            return WithheldReason.NOT_NECESSARY
        label = self.categories[category].fields[field].sensitivity
        known = self.roles.get(role)
        narrower = self.agreements[agreement].conditions.sensitivity.get(role)
        if label not in (known.sees if known else self.unnamed_role_sees):
            return WithheldReason.SENSITIVE_CATEGORY
        if narrower is not None and label not in narrower:
            return WithheldReason.SENSITIVE_CATEGORY
        return WithheldReason.CONSENT_SCOPE


def find(folder: Path | None) -> Path:
    """The policies folder: the one given, else the copy in the distribution, else that of the checkout."""
    chosen = folder or (_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT)
    if not (chosen / "data").is_dir():
        raise PolicyFolderError(f"{chosen} has no data/: set COMMONS_POLICIES_DIR to a policies folder")
    return chosen


def load(folder: Path | None = None) -> Vocabulary:
    """Everything in the policies folder (see `find`). Raises PolicyFolderError, naming what to correct."""
    folder = find(folder)
    data = folder / "data"
    purposes = _by_code(read(data / "purposes.yaml", Purposes).purposes, "purpose")
    categories = _by_code(read(data / "categories.yaml", Categories).categories, "category")
    bases = _by_code(read(data / "lawful-bases.yaml", LawfulBases).lawful_bases, "lawful basis")
    confidential = read(data / "confidentiality-bases.yaml", ConfidentialityBases).confidentiality_bases
    confidentiality = _by_code(confidential, "basis of confidentiality")
    listed = read(data / "roles.yaml", Roles)
    roles = _by_code(listed.roles, "role")
    training = _by_code(listed.training, "training")
    relationships = _by_code(listed.relationships, "kind of relationship")
    withheld = read(data / "withheld-reasons.yaml", WithheldReasons)
    reasons = _by_code(withheld.reasons, "reason")
    fields = MappingProxyType({code: frozenset(category.fields) for code, category in categories.items()})
    _check(purposes, categories, reasons, withheld)
    agreements = _agreements(
        data / "agreements",
        lambda agreement: faults(
            agreement,
            fields=fields,
            purposes=frozenset(purposes),
            roles=frozenset(roles),
            training=frozenset(training),
            relationships=frozenset(relationships),
            lawful_bases={code: basis.article for code, basis in bases.items()},
            confidentiality_bases=frozenset(confidentiality),
        ),
    )
    helps = {code: withheld.remedies[r.remedy] for code, r in reasons.items() if r.remedy != "none"}
    below = {code: tuple(other for other in purposes if other.startswith(f"{code}.")) for code in purposes}
    return Vocabulary(
        folder=folder,
        purposes=purposes,
        categories=categories,
        lawful_bases=bases,
        confidentiality_bases=confidentiality,
        roles=roles,
        unnamed_role_sees=listed.unnamed_sees,
        training=training,
        relationships=relationships,
        reasons=reasons,
        generic=withheld.generic,
        agreements=agreements,
        rules=MappingProxyType(rules.read(folder)),
        remedies=MappingProxyType(helps),
        help_with=MappingProxyType({str(remedy): said for remedy, said in withheld.remedies.items()}),
        critical=frozenset(code for code, category in categories.items() if category.critical),
        singular=frozenset(code for code, category in categories.items() if category.singular),
        below=MappingProxyType(below),
        field_sets=fields,
        terms=MappingProxyType(
            {
                (agreement.id, term.source, category): term
                for agreement in agreements.values()
                for term in agreement.terms
                for category in term.categories
            }
        ),
    )


def wrong_with(agreement: Agreement, vocabulary: Vocabulary) -> Iterable[str]:
    """What is wrong with an agreement beside the words of `vocabulary`; nothing when it is right."""
    return faults(
        agreement,
        fields=vocabulary.field_sets,
        purposes=frozenset(vocabulary.purposes),
        roles=frozenset(vocabulary.roles),
        training=frozenset(vocabulary.training),
        relationships=frozenset(vocabulary.relationships),
        lawful_bases={code: basis.article for code, basis in vocabulary.lawful_bases.items()},
        confidentiality_bases=frozenset(vocabulary.confidentiality_bases),
    )


def _by_code(values: Iterable[T], what: str) -> Mapping[str, T]:
    keyed: dict[str, T] = {}
    for value in values:
        code = str(value.code)  # type: ignore[attr-defined]  # every row of these files has one
        if code in keyed:
            raise PolicyFolderError(f"the {what} {code} stands twice")
        keyed[code] = value
    return MappingProxyType(keyed)


def _check(
    purposes: Mapping[str, Purpose],
    categories: Mapping[str, Category],
    reasons: Mapping[str, Reason],
    withheld: WithheldReasons,
) -> None:
    for code, purpose in purposes.items():
        if purpose.parent != code.rpartition(".")[0]:
            raise PolicyFolderError(f"purposes.yaml: the parent of {code} must be its code up to the last dot")
        if purpose.parent and purpose.parent not in purposes:
            raise PolicyFolderError(f"purposes.yaml: the parent of {code} is not there")
    for code, category in categories.items():
        if category.dated_by and getattr(category.fields.get(category.dated_by), "type", "") != "date":
            raise PolicyFolderError(
                f"categories.yaml: {code} is dated by {category.dated_by}, which is no date of it"
            )
    if missing := sorted(set(WithheldReason) - set(reasons)):
        raise PolicyFolderError(f"withheld-reasons.yaml: {missing[0]} has no sentence")
    for code, reason in reasons.items():
        if reason.remedy != "none" and reason.remedy not in withheld.remedies:
            raise PolicyFolderError(f"withheld-reasons.yaml: the remedy of {code} has no sentence")


def _agreements(folder: Path, check: Callable[[Agreement], Iterable[str]]) -> Mapping[str, Agreement]:
    found: dict[str, Agreement] = {}
    for path in sorted(folder.glob("*.yaml")):
        agreement = read(path, Agreement)
        if agreement.id != path.stem:
            raise PolicyFolderError(f"agreements/{path.name}: the id must be the name of the file")
        if wrong := list(check(agreement)):
            raise PolicyFolderError(f"agreements/{path.name}: {'; '.join(wrong)}")
        found[agreement.id] = agreement
    return MappingProxyType(found)
