# SPDX-License-Identifier: Apache-2.0
"""The words of consent as closed lists, and what other standards call the same thing.

A word that was ever stored keeps its meaning and its spelling for ever: later versions add words and never rename
or remove one. Sources: ISO/IEC TS 27560:2023, W3C Data Privacy Vocabulary 2.3, HL7 FHIR R4, GovStack Consent 1.1.
"""

from __future__ import annotations

from enum import StrEnum

DPV = "https://w3id.org/dpv#"


class Kind(StrEnum):
    """What happened. ISO 27560 `event_type`.

    The first eleven are about one consent; then the right to object (UK GDPR Article 21), opt-outs that hold for
    the whole person, the right to decide for somebody else, and the erasure of all that was decided before.
    """

    REQUESTED = "requested"
    DEFERRED = "deferred"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    RENEWED = "renewed"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"
    SUPERSEDED = "superseded"
    CARRIED_OVER = "carried-over"
    OBJECTED = "objected"
    OBJECTION_UPHELD = "objection-upheld"
    OBJECTION_OVERRIDDEN = "overridden"
    OBJECTION_TAKEN_BACK = "objection-ended"
    OPTED_OUT = "opted-out"
    OPTED_IN = "opted-in"
    AUTHORITY_GRANTED = "authority-given"
    AUTHORITY_ENDED = "authority-ended"
    ERASED = "erased"


CONSENT = (
    Kind.REQUESTED,
    Kind.DEFERRED,
    Kind.GIVEN,
    Kind.REFUSED,
    Kind.WITHDRAWN,
    Kind.RENEWED,
    Kind.REVOKED,
    Kind.INVALIDATED,
    Kind.SUPERSEDED,
    Kind.CARRIED_OVER,
)
"""The kinds that are about consent to one recipient for one purpose; `consent/transitions.py` is their table."""

OBJECTION = (Kind.OBJECTED, Kind.OBJECTION_UPHELD, Kind.OBJECTION_OVERRIDDEN, Kind.OBJECTION_TAKEN_BACK)
OPT_OUT = (Kind.OPTED_OUT, Kind.OPTED_IN)
AUTHORITY = (Kind.AUTHORITY_GRANTED, Kind.AUTHORITY_ENDED)

PERMITTING = frozenset({Kind.GIVEN, Kind.RENEWED})
"""The kinds that can permit anything; every other one can only take away."""


class State(StrEnum):
    """How one piece of data stands at one instant. ISO 27560 `event_state`, DPV `ConsentStatus`.

    `expired` is never stored: it is `given` whose end has passed, judged when the question is asked. `awaiting`:
    given by some of those who all must give, and not yet by all.
    """

    NONE = "none"
    REQUESTED = "requested"
    DEFERRED = "deferred"
    AWAITING = "awaiting"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


VALID_FOR_PROCESSING = frozenset({State.GIVEN})
"""The states that DPV calls `ConsentStatusValidForProcessing`; every other one must deny."""

DPV_STATUS: dict[State, str] = {
    State.NONE: DPV + "ConsentUnknown",
    State.REQUESTED: DPV + "ConsentRequested",
    State.DEFERRED: DPV + "ConsentRequestDeferred",
    State.AWAITING: DPV + "ConsentRequested",
    State.GIVEN: DPV + "ConsentGiven",
    State.REFUSED: DPV + "ConsentRefused",
    State.WITHDRAWN: DPV + "ConsentWithdrawn",
    State.REVOKED: DPV + "ConsentRevoked",
    State.INVALIDATED: DPV + "ConsentInvalidated",
    State.SUPERSEDED: DPV + "ConsentInvalidated",
    State.EXPIRED: DPV + "ConsentExpired",
}
"""State → DPV status IRI (`dpv:hasConsentStatus`); a consent in force by a renewal is DPV_RENEWED."""

DPV_RENEWED = DPV + "RenewedConsentGiven"

DPV_OBJECTED = {
    "6(1)(e)": DPV + "PublicInterestObjected",
    "6(1)(f)": DPV + "LegitimateInterestObjected",
    "6(1)(d)": DPV + "VitalInterestObjected",
}
"""Article 6 basis that was objected to → DPV status IRI."""

FHIR_STATUS: dict[State, str] = {
    State.NONE: "draft",
    State.REQUESTED: "proposed",
    State.DEFERRED: "proposed",
    State.AWAITING: "proposed",
    State.GIVEN: "active",
    State.REFUSED: "rejected",
    State.WITHDRAWN: "inactive",
    State.REVOKED: "inactive",
    State.INVALIDATED: "entered-in-error",
    State.SUPERSEDED: "inactive",
    State.EXPIRED: "inactive",
}
"""State → FHIR R4 `Consent.status`; which of several inactive ones it is stands in an extension."""

GOVSTACK_OPT_IN: dict[State, bool] = {state: state is State.GIVEN for state in State}
"""State → GovStack `ConsentRecord.optIn`."""

GOVSTACK_STATE: dict[State, str] = {
    state: {State.AWAITING: "pending more signatures", State.NONE: "unsigned", State.REQUESTED: "unsigned"}.get(
        state, "unsigned" if state is State.DEFERRED else "signed"
    )
    for state in State
}
"""State → GovStack `ConsentRecord.state`: whether those who must sign have signed."""

OPEN_BANKING_STATUS: dict[State, str] = {
    State.REQUESTED: "AWAU",
    State.DEFERRED: "AWAU",
    State.AWAITING: "AWAU",
    State.GIVEN: "AUTH",
    State.REFUSED: "RJCT",
    State.WITHDRAWN: "CANC",
    State.REVOKED: "CANC",
    State.INVALIDATED: "CANC",
    State.SUPERSEDED: "CANC",
    State.EXPIRED: "EXPD",
}
"""State → ISO 20022 status code of the UK Open Banking Read/Write API 4.0.0."""


class Channel(StrEnum):
    """How the citizen said it. ISO 27560 `collection_method`, DPV `hasIndicationMethod`."""

    WEB = "web"
    PHONE = "phone"
    PAPER = "paper"
    IN_PERSON = "in-person"


class By(StrEnum):
    """In which right whoever decided did so. `consent`: somebody whom the person chose, such as a carer.
    `best-interest`: for somebody who lacks capacity and has nobody appointed (Mental Capacity Act 2005 s.4-6).
    `unknown`: another system says that there is a right, and not which; it is none here."""

    SELF = "self"
    PARENT = "parental-responsibility"
    HEALTH_LPA = "health-and-welfare-lpa"
    PROPERTY_LPA = "property-and-financial-lpa"
    DEPUTY = "court-appointed-deputy"
    APPOINTEE = "appointee"
    CHOSEN = "consent"
    BEST_INTEREST = "best-interest"
    UNKNOWN = "unknown"


class ConsentType(StrEnum):
    """How plainly it was said. `expressed`: DPV ExpressedConsent; `explicit`: DPV ExplicitlyExpressedConsent, which
    UK GDPR Article 9(2)(a) asks for."""

    EXPLICIT = "explicit"
    EXPRESSED = "expressed"


class AccessMode(StrEnum):
    """What the recipient may do with what it gets. ABDM `accessMode`, ISO 27560 `processing_method`."""

    VIEW = "view"
    STORE = "store"
    QUERY = "query"
    STREAM = "stream"


class Unit(StrEnum):
    """What a frequency counts in. ABDM `frequency.unit`."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class ObjectionState(StrEnum):
    """How an objection stands. While `pending` or `upheld` the processing stops (UK GDPR Article 18(1)(d)); it goes
    on once compelling legitimate grounds have `overridden` it (Article 21(1))."""

    PENDING = "pending"
    UPHELD = "upheld"
    OVERRIDDEN = "overridden"


NATIONAL_DATA_OPT_OUT = "national-data-opt-out"

OPT_OUTS = frozenset({NATIONAL_DATA_OPT_OUT})
"""The opt-outs there are: NHS national data opt-out, policy 4.0."""

ENGLISH, WELSH, EASY_READ = "en", "cy", "en-simple"
"""The forms in which a notice is offered, as BCP 47 tags; what is stored may be in any. `simple` is the variant
that IANA's Language Subtag Registry calls "Simplified form": the tag alone says in an event which form was read."""
