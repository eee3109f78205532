# SPDX-License-Identifier: Apache-2.0
"""The wire form of a record query, and how a body becomes a `Query` or a list of field faults.

Members the commons does not know are refused, never skipped: a misspelt `exclude` must not widen an answer.
A fault names the place (RFC 6901 pointer) and what was expected; it never repeats what came.
"""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta, Struct, UnsetType

from gateway.errors import (
    FieldFault,
    Invalid,
    Malformed,
    ReasonNotPlain,
    UnknownCategory,
    UnknownPurpose,
    UnknownReason,
    UnknownSource,
)
from gateway.identity.identifiers import IdentifierError, normalise
from gateway.model import Caller, CategoryAsked, DeclaredReason, Query, User

Code = Annotated[str, Meta(pattern=r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$", max_length=80)]
FieldName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Reference = Annotated[str, Meta(pattern=r"^[\x21-\x7e]+$", max_length=120)]
OrgId = Annotated[str, Meta(pattern=r"^(?:\*|uk/[a-z]+(?:/[A-Za-z0-9-]+){1,3})$", max_length=120)]
IsoDate = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Statute = Annotated[str, Meta(pattern=r"^https://www\.legislation\.gov\.uk/[\x21-\x7e]+$", max_length=200)]
Basis = Annotated[str, Meta(pattern=r"^[69]\([0-9]\)\([a-z]{1,2}\)$")]


class WireIdentifier(Struct, frozen=True, forbid_unknown_fields=True):
    """`system` is the URI of the identifier scheme, `value` as the agency holds it."""

    system: Annotated[str, Meta(pattern=r"^(?:https://|urn:)[\x21-\x7e]+$", max_length=120)]
    value: Annotated[str, Meta(pattern=r"^[\x20-\x7e]+$", max_length=64)]


class Verify(Struct, frozen=True, forbid_unknown_fields=True):
    """What the agency believes; a mismatch answers exactly as an unknown person does."""

    birth_date: IsoDate | UnsetType = msgspec.UNSET
    family_name: Annotated[str, Meta(min_length=1, max_length=80)] | UnsetType = msgspec.UNSET


class Subject(Struct, frozen=True, forbid_unknown_fields=True):
    """The citizen asked about. Stands in the body only, never in a URL."""

    identifier: WireIdentifier
    verify: Verify = Verify()


class LegalBasis(Struct, frozen=True, forbid_unknown_fields=True):
    """The agreement, and the UK GDPR grounds the caller claims under it; claims may only be what it says."""

    agreement: Code
    gdpr_article_6: Basis | UnsetType = msgspec.UNSET
    gdpr_article_9: Basis | UnsetType = msgspec.UNSET
    statute: Statute | UnsetType = msgspec.UNSET
    declared_reason: Code | UnsetType = msgspec.UNSET


class ConsentAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """How the caller relies on consent; `required` refuses whatever does not rest on it."""

    mode: Literal["required", "if-present", "not-basis"] = "if-present"
    reference: Reference | UnsetType = msgspec.UNSET


class WireUser(Struct, frozen=True, forbid_unknown_fields=True):
    """The person at the agency."""

    id: Reference
    role: Code | UnsetType = msgspec.UNSET
    assurance: Literal["low", "medium", "high"] | UnsetType = msgspec.UNSET


class Requester(Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks. Organisation and system, when given, must be those of the token."""

    organisation: OrgId | UnsetType = msgspec.UNSET
    system: Code | UnsetType = msgspec.UNSET
    user: WireUser | UnsetType = msgspec.UNSET
    on_behalf_of: OrgId | UnsetType = msgspec.UNSET


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """Why, in a sentence the citizen will read."""

    reason: Annotated[str, Meta(min_length=8, max_length=300)]
    reference: Reference | UnsetType = msgspec.UNSET
    relationship: Annotated[str, Meta(min_length=8, max_length=300)] | UnsetType = msgspec.UNSET


class WireCategory(Struct, frozen=True, forbid_unknown_fields=True):
    """One category; `fields` narrows it, `since` leaves out what is older."""

    code: Code
    need: Literal["required", "optional"] = "required"
    fields: Annotated[tuple[FieldName, ...], Meta(max_length=40)] = ()
    since: IsoDate | UnsetType = msgspec.UNSET


class Sources(Struct, frozen=True, forbid_unknown_fields=True):
    """Which connected systems may be asked; `*` is all."""

    include: Annotated[tuple[OrgId, ...], Meta(max_length=40)] = ("*",)
    exclude: Annotated[tuple[OrgId, ...], Meta(max_length=40)] = ()


class CompletenessAsked(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do when something required does not come."""

    minimum: Literal["all-required"] = "all-required"
    on_shortfall: Literal["return-partial", "fail"] = "return-partial"


class Freshness(Struct, frozen=True, forbid_unknown_fields=True):
    """How old an extract may be, in seconds; 0 leaves it to each source's own limit."""

    max_age_s: Annotated[int, Meta(ge=0, le=31_536_000)] = 0


class RecordQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/record-queries` and of `:preview`."""

    subject: Subject
    purpose: Code
    legal_basis: LegalBasis
    categories: Annotated[tuple[WireCategory, ...], Meta(min_length=1, max_length=30)]
    case: Case
    consent: ConsentAsked = ConsentAsked()
    requester: Requester = Requester()
    sources: Sources = Sources()
    completeness: CompletenessAsked = CompletenessAsked()
    freshness: Freshness = Freshness()
    deadline_ms: Annotated[int, Meta(ge=50, le=30_000)] | UnsetType = msgspec.UNSET
    override: Annotated[str, Meta(pattern=r"^ov_[0-9a-f-]{36}$")] | UnsetType = msgspec.UNSET
    format: Literal["native"] = "native"


class Limits(Struct, frozen=True):
    """What the wire is checked against: the published vocabulary and this gateway's deadlines."""

    purposes: frozenset[str]
    fields: Mapping[str, frozenset[str]]
    sources: frozenset[str]
    default_deadline_ms: int
    max_deadline_ms: int
    synthetic_only: bool = True
    """Whether NHS numbers outside the test range are refused."""


_decoder = msgspec.json.Decoder(RecordQuery)
_REASONS = frozenset(DeclaredReason)
_PLACE = re.compile(r" - at `(key in )?\$([^`]*)`$")
_EXPECTED = re.compile(r"^Expected `([^`]*)`(?: of length ([<>]=? ?\d+)| ([<>]=? ?\d+)| matching regex)?")
_NOT_PLAIN = re.compile(r"\d{6,}|[<>{}\\]|https?:")


def parse(body: bytes, *, id: str, caller: Caller, limits: Limits, preview: bool) -> Query:
    """Read one body. Raises a subclass of Malformed; the exception holds pointers and codes only."""
    wire = _decode(body)
    _one_of_each_key(body)
    _check_codes(wire, limits)
    subject = wire.subject
    try:
        identifier = normalise(
            subject.identifier.system, subject.identifier.value, synthetic_only=limits.synthetic_only
        )
    except IdentifierError as fault:
        member = "system" if fault.code == "unknown-system" else "value"
        _invalid(f"/subject/identifier/{member}", fault.code, fault.expected)
    deadline = wire.deadline_ms or limits.default_deadline_ms
    if deadline > limits.max_deadline_ms:
        _invalid("/deadline_ms", "too-long", f"at most {limits.max_deadline_ms}")
    verify = {
        name: text
        for name in ("birth_date", "family_name")
        if isinstance(text := getattr(subject.verify, name), str)
    }
    return Query(
        id=id,
        subject=identifier,
        verify=verify,
        purpose=wire.purpose,
        agreement=wire.legal_basis.agreement,
        lawful_basis=wire.legal_basis.gdpr_article_6 or "",
        special_category_basis=wire.legal_basis.gdpr_article_9 or "",
        consent_mode=wire.consent.mode,
        user=_user(wire.requester, caller),
        on_behalf_of=wire.requester.on_behalf_of or "",
        case_reference=wire.case.reference or "",
        reason=wire.case.reason,
        categories=tuple(CategoryAsked(c.code, c.need, c.fields, c.since or "") for c in wire.categories),
        include=wire.sources.include,
        exclude=wire.sources.exclude,
        fail_on_shortfall=wire.completeness.on_shortfall == "fail",
        max_age_s=wire.freshness.max_age_s,
        deadline_ms=deadline,
        preview=preview,
        statute=wire.legal_basis.statute or "",
        declared_reason=wire.legal_basis.declared_reason or "",
        relationship=wire.case.relationship or "",
        override=wire.override or "",
    )


def _decode(body: bytes) -> RecordQuery:
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _fault(str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise Malformed("The body must be one JSON object in UTF-8.") from None


def _fault(message: str) -> Malformed:
    """Turn msgspec's sentence into a fault, keeping only the place and the expectation."""
    place = _PLACE.search(message)
    pointer = "" if place is None else re.sub(r"\[(?:\.\.\.|(\d+))\]", r"/\1", place[2]).replace(".", "/")
    if message.startswith("Object contains unknown field"):
        return Invalid(errors=[FieldFault(pointer, "unknown-member", "only members that the reference names")])
    if message.startswith("Object missing required field"):
        name = message.split("`")[1]
        return Invalid(errors=[FieldFault(f"{pointer}/{name}", "missing", "this member is required")])
    if message.startswith("Invalid enum value"):
        return Invalid(errors=[FieldFault(pointer, "unknown-code", "one of the values in the reference")])
    expected = _EXPECTED.match(message)
    what = "a value as in the reference"
    if expected is not None:
        what = " ".join(part for part in expected.groups() if part) or what
        if "matching regex" in expected[0]:
            return Invalid(errors=[FieldFault(pointer, "wrong-form", f"{what} of the form in the reference")])
    code = (
        "wrong-length" if "of length" in message else "out-of-range" if ">" in what or "<" in what else "wrong-type"
    )
    return Invalid(errors=[FieldFault(pointer, code, what)])


def _one_of_each_key(body: bytes) -> None:
    """RFC 8259 §4 leaves repeated names open; two readers of one body must not see two requests."""
    try:
        json.loads(body, object_pairs_hook=_unique)
    except _RepeatedError:
        raise Malformed("A member name stands twice in one object.") from None


class _RepeatedError(Exception):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _RepeatedError


def _check_codes(wire: RecordQuery, limits: Limits) -> None:
    if wire.purpose not in limits.purposes:
        raise UnknownPurpose(errors=[FieldFault("/purpose", "unknown-code", "a code of /v1/catalogue/purposes")])
    seen: set[str] = set()
    for n, asked in enumerate(wire.categories):
        known = limits.fields.get(asked.code)
        if known is None:
            expected = "a code of /v1/catalogue/categories"
            raise UnknownCategory(errors=[FieldFault(f"/categories/{n}/code", "unknown-code", expected)])
        if asked.code in seen:
            _invalid(f"/categories/{n}/code", "repeated", "each category once")
        seen.add(asked.code)
        for m, name in enumerate(asked.fields):
            if name not in known:
                expected = "a field of this category in /v1/catalogue/categories"
                raise UnknownCategory(errors=[FieldFault(f"/categories/{n}/fields/{m}", "unknown-code", expected)])
        if asked.since and not _is_date(asked.since):
            _invalid(f"/categories/{n}/since", "not-a-date", "a calendar date, YYYY-MM-DD")
    for member in ("include", "exclude"):
        for n, source in enumerate(getattr(wire.sources, member)):
            if source != "*" and source not in limits.sources:
                expected = "a source of /v1/catalogue/sources, or *"
                raise UnknownSource(errors=[FieldFault(f"/sources/{member}/{n}", "unknown-code", expected)])
    if wire.subject.verify.birth_date and not _is_date(wire.subject.verify.birth_date):
        _invalid("/subject/verify/birth_date", "not-a-date", "a calendar date, YYYY-MM-DD")
    _check_words(wire)


def _check_words(wire: RecordQuery) -> None:
    declared = wire.legal_basis.declared_reason
    if declared and declared not in _REASONS:
        expected = "one of " + ", ".join(sorted(_REASONS))
        raise UnknownReason(errors=[FieldFault("/legal_basis/declared_reason", "unknown-code", expected)])
    for member in ("reason", "relationship"):
        said = getattr(wire.case, member)
        if said and not is_plain(said):
            expected = "a sentence in plain words, without codes, links or control characters"
            raise ReasonNotPlain(errors=[FieldFault(f"/case/{member}", "not-plain", expected)])


def _user(requester: Requester, caller: Caller) -> User | None:
    if requester.organisation and requester.organisation != caller.organisation:
        _invalid("/requester/organisation", "not-the-token", "the organisation the access token was issued to")
    if requester.system and requester.system != caller.system:
        _invalid("/requester/system", "not-the-token", "the system the access token was issued to")
    asserted = requester.user
    if not asserted:
        return caller.user
    if caller.user is None:
        return User(asserted.id, asserted.role or "")
    if asserted.id != caller.user.id or (asserted.role and asserted.role != caller.user.role):
        _invalid("/requester/user", "not-the-token", "the user the access token was issued for, or no user")
    return caller.user


def _is_date(text: str) -> bool:
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_plain(text: str) -> bool:
    """Whether a text is words that a citizen can read: no codes, links, long numbers or control characters."""
    if " " not in text.strip() or _NOT_PLAIN.search(text):
        return False
    return (text.isascii() and text.isprintable()) or all(unicodedata.category(c)[0] in "LMNPZS" for c in text)


def _invalid(pointer: str, code: str, expected: str) -> NoReturn:
    raise Invalid(errors=[FieldFault(pointer, code, expected)])
