# SPDX-License-Identifier: Apache-2.0
"""The shared words of the gateway, as frozen values. Nothing here does anything.

Times are integers: seconds since 1970-01-01T00:00:00Z, unless a name ends in `_ms`. Identifiers of citizens
live only in `Identifier`; nothing that is logged, counted or traced may hold one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct, field

# -- who asks ---------------------------------------------------------------------------------------------


class User(Struct, frozen=True):
    """The person at the agency. `assured` is true when a token says so, false when the system only asserts it; only
    then can there be `training` (codes in force), and how they last signed in: `auth_time` (epoch seconds, 0 for
    not told) and `acr` (authentication context class, RFC 9470)."""

    id: str
    role: str = ""
    assured: bool = False
    training: tuple[str, ...] = ()
    auth_time: int = 0
    acr: str = ""


class Caller(Struct, frozen=True):
    """Stage 1: who holds the credential. Ids as in the catalogue: `uk/council/E06999901`."""

    organisation: str
    organisation_name: str
    organisation_active: bool
    system: str
    system_active: bool
    token_id: str
    user: User | None = None
    scopes: frozenset[str] = frozenset()


# -- who is asked about -----------------------------------------------------------------------------------


class Identifier(Struct, frozen=True):
    """One identifier of a citizen: `system` is a URI, `value` its normal form. Never shown, never logged."""

    system: str
    value: str

    def __repr__(self) -> str:
        return f"Identifier(system={self.system!r}, value=…)"


class Person(Struct, frozen=True):
    """Stage 2: one opaque person. `id` never leaves the gateway; `handle` is the asking organisation's own
    pairwise name for them; `identifiers` maps identifier system → value, for connectors only.

    A Stranger is a Person with `known=False`, an id that fits nobody and no identifiers: policy refuses it.
    """

    id: str
    handle: str
    known: bool
    verified: bool
    identifiers: dict[str, str]

    def __repr__(self) -> str:
        return f"Person(known={self.known})"


AgeBand = Literal["", "under-13", "13-15", "16-17", "adult"]


class Binding(Struct, frozen=True):
    """A restriction that binds the viewer now; `categories` empty: all."""

    kind: str
    categories: tuple[str, ...] = ()


class DeclaredReason(StrEnum):
    """Why something that is otherwise not shared must be: what a request that rests on vital interests or on
    safeguarding declares, and what break-glass is opened for."""

    VITAL_INTERESTS = "vital-interests"
    SAFEGUARDING_CHILD = "safeguarding-child"
    SAFEGUARDING_ADULT = "safeguarding-adult"
    MENTAL_CAPACITY = "mental-capacity"
    COURT = "court"


class Override(Struct, frozen=True):
    """Break-glass that is in force for this person, organisation and user. `until`: the first second it is over."""

    id: str
    reason_code: str
    until: int
    categories: tuple[str, ...]


class Circumstances(Struct, frozen=True):
    """What is so of a person, for one viewer at one instant, beside what they decided.

    `relationships`: kinds of legitimate relationship that hold now. `recent`: accesses within the window of the
    agreement's frequency. `local_minute` (of the day) and `local_weekday` (0 is Monday): Europe/London. The last
    three are -1 where the agreement does not ask for them. `counted`: accesses by window (seconds), for the windows
    of consents that let somebody look so often only.
    """

    deceased: bool = False
    age_band: AgeBand = ""
    relationships: tuple[str, ...] = ()
    restrictions: tuple[Binding, ...] = ()
    override: Override | None = None
    recent: int = -1
    local_minute: int = -1
    local_weekday: int = -1
    counted: dict[int, int] = {}


# -- what is asked ----------------------------------------------------------------------------------------


class CategoryAsked(Struct, frozen=True):
    """One category of the request. `fields` empty means every field the agreement allows."""

    code: str
    need: Literal["required", "optional"] = "required"
    fields: tuple[str, ...] = ()
    since: str = ""


class Query(Struct, frozen=True):
    """A record query after validation; see docs/reference for the wire form (`POST /v1/record-queries`)."""

    id: str
    subject: Identifier
    verify: dict[str, str]
    purpose: str
    agreement: str
    lawful_basis: str
    special_category_basis: str
    consent_mode: Literal["required", "if-present", "not-basis"]
    user: User | None
    on_behalf_of: str
    case_reference: str
    reason: str
    categories: tuple[CategoryAsked, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    fail_on_shortfall: bool
    max_age_s: int
    deadline_ms: int
    preview: bool
    statute: str = ""
    declared_reason: str = ""
    relationship: str = ""
    override: str = ""


class Pair(Struct, frozen=True):
    """One (source, category) that the query could be answered from; `n` numbers it within the query."""

    n: int
    source: str
    category: str
    fields: tuple[str, ...]
    need: Literal["required", "optional"]
    since: str = ""


# -- what is decided --------------------------------------------------------------------------------------

Disclosure = Literal["explain", "generic", "silent"]


class WithheldReason(StrEnum):
    """The closed list of reasons an agency may be given."""

    CONSENT_NOT_GIVEN = "consent-not-given"
    CONSENT_WITHDRAWN = "consent-withdrawn"
    CONSENT_EXPIRED = "consent-expired"
    CONSENT_SCOPE = "consent-scope"
    OBJECTION = "objection"
    NATIONAL_OPT_OUT = "national-opt-out"
    PURPOSE_NOT_PERMITTED = "purpose-not-permitted"
    LEGAL_BASIS_NOT_PERMITTED = "legal-basis-not-permitted"
    NO_AGREEMENT = "no-agreement"
    ROLE_NOT_PERMITTED = "role-not-permitted"
    NO_RELATIONSHIP = "no-relationship"
    NOT_NECESSARY = "not-necessary-for-purpose"
    SENSITIVE_CATEGORY = "sensitive-category"
    THIRD_PARTY_DATA = "third-party-data"
    SAFEGUARDING = "safeguarding-restriction"
    COURT_ORDER = "court-order"
    SEALED_RECORD = "sealed-record"
    PERSON_DECEASED = "person-deceased"
    AUTHORITY_INSUFFICIENT = "authority-insufficient"
    TRAINING_REQUIRED = "training-required"
    OUTSIDE_HOURS = "outside-hours"
    REASON_NOT_DECLARED = "reason-not-declared"
    SOURCE_WITHHELD = "source-withheld"
    FREQUENCY_EXHAUSTED = "frequency-exhausted"


ABOUT_THE_PERSON = frozenset(
    {
        WithheldReason.CONSENT_NOT_GIVEN,
        WithheldReason.CONSENT_WITHDRAWN,
        WithheldReason.CONSENT_EXPIRED,
        WithheldReason.CONSENT_SCOPE,
        WithheldReason.OBJECTION,
        WithheldReason.NATIONAL_OPT_OUT,
        WithheldReason.NO_RELATIONSHIP,
        WithheldReason.COURT_ORDER,
        WithheldReason.SEALED_RECORD,
        WithheldReason.SAFEGUARDING,
        WithheldReason.PERSON_DECEASED,
        WithheldReason.AUTHORITY_INSUFFICIENT,
        WithheldReason.FREQUENCY_EXHAUSTED,
    }
)
"""The reasons that say something of the person, or of what was asked about them before."""


class Verdict(Struct, frozen=True):
    """The judge's word on one pair. `allow` implies at least one ground, no broken limit and some field.

    `broken` and `reason` are what whoever asked may be told; `hidden` are the other broken limits, for the auditor
    and the citizen alone. `override`: code of the break-glass reason under which it was allowed.
    """

    n: int
    allow: bool
    fields: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    reason: str = ""
    fields_refused: tuple[str, ...] = ()
    lawful_basis: str = ""
    confidentiality_basis: str = ""
    disclosure: Disclosure = "generic"
    hidden: tuple[str, ...] = ()
    override: str = ""


class Obligation(Struct, frozen=True, omit_defaults=True):
    """A duty that goes with the answer; `at` is an ISO 8601 date where the duty has one, `below` a number
    of people under which counts are not to be shown."""

    type: str
    at: str = ""
    below: int = 0


class Decision(Struct, frozen=True):
    """Stage 4: all verdicts of one query, in the order of its pairs, under one policy revision.

    `valid_until` is the first instant at which the same facts could be judged otherwise.
    """

    revision: str
    verdicts: tuple[Verdict, ...]
    obligations: tuple[Obligation, ...]
    valid_until: int

    @property
    def refuses(self) -> bool:
        """Whether the query is refused as a whole (403).

        Not when a `silent` pair is withheld for a reason about the person: the answer then is the one that would be
        given if the pair were allowed and nothing were held, so that nobody can tell the two apart.
        """
        for verdict in self.verdicts:
            if verdict.allow or (verdict.disclosure == "silent" and verdict.reason in ABOUT_THE_PERSON):
                return False
        return True


# -- what is answered -------------------------------------------------------------------------------------


class State(StrEnum):
    """What became of one (source, category); the list is closed."""

    RETURNED = "returned"
    EMPTY = "empty"
    WITHHELD = "withheld"
    REDACTED = "redacted"
    UNAVAILABLE = "unavailable"
    STALE = "stale"
    UNMATCHED = "unmatched"
    NOT_ASKED = "not-asked"
    LATE = "late"


class Row(Struct, frozen=True, omit_defaults=True):
    """One line of the completeness table."""

    category: str
    source: str
    state: State
    items: int = 0
    reason: str = ""
    remedy: dict[str, str] | None = None
    retry_after_s: int | None = None
    elapsed_ms: int | None = None
    as_of: str = ""


class Completeness(Struct, frozen=True):
    """What came, what did not, and why; `safe_to_rely` is computed from the categories' own rules."""

    required: Literal["met", "not-met"]
    optional: Literal["met", "not-met", "none-asked"]
    safe_to_rely: Literal["yes", "with-caution", "no"]
    summary: tuple[Row, ...]


class Provenance(Struct, frozen=True, omit_defaults=True):
    """Where one item comes from and under what it may be used."""

    source: str
    connector: str
    mapping: str
    retrieved_at: str
    agreement: str
    digest: str
    source_record: str = ""
    source_version: str = ""
    source_last_updated: str = ""
    age_s: int = 0
    consent: str = ""


class Item(Struct, frozen=True, omit_defaults=True):
    """One record of one category from one source, already minimised."""

    id: str
    category: str
    data: dict[str, Any]
    provenance: Provenance
    fields_withheld: tuple[dict[str, str], ...] = ()
    possible_duplicate_of: tuple[str, ...] = ()
    conflicts: tuple[dict[str, Any], ...] = ()


class Answer(Struct, frozen=True):
    """Stage 8's body, as sent."""

    id: str
    decision: str
    status: Literal["complete", "partial"]
    subject: dict[str, str]
    completeness: Completeness
    items: tuple[Item, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    receipt: dict[str, Any] = field(default_factory=dict)


class Previewed(Struct, frozen=True, omit_defaults=True):
    """One verdict as `:preview` shows it."""

    category: str
    source: str
    allow: bool
    fields: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    reason: str = ""


class Preview(Struct, frozen=True):
    """The body of a dry run: the decision alone, nothing fetched."""

    id: str
    decision: str
    subject: dict[str, str]
    verdicts: tuple[Previewed, ...]
    obligations: tuple[Obligation, ...]
    receipt: dict[str, Any]
    status: Literal["preview"] = "preview"
