# SPDX-License-Identifier: Apache-2.0
"""Why a consent changed: the codes a decision may carry, by kind, each with the sentence a citizen is shown.

Where NHS England's Validated Relationships Service has a code for the same reason it is named beside (Consent-
Status-Reason); `other` is not among ours, because a reason nobody can count is no reason.
"""

from __future__ import annotations

from consent.words import Kind

REASONS: dict[Kind, dict[str, str]] = {
    Kind.WITHDRAWN: {
        "changed-mind": "You changed your mind.",
        "not-needed": "It is no longer needed.",
        "patient-request": "You asked for it to end.",  # ROLE_DEACTIVATED_PATIENT_REQUEST
    },
    Kind.REVOKED: {
        "agreement-ended": "The organisations ended their agreement.",
        "controller-decision": "The organisation responsible ended it.",
        "regulator-order": "A regulator ordered it to end.",
        "court-order": "A court ordered it to end.",
        "safeguarding": "It was ended to keep somebody safe.",  # ROLE_DEACTIVATED_SAFEGUARDING
        "person-deceased": "The person it was about has died.",  # ROLE_DEACTIVATED_PATIENT_DECEASED
        "authority-ended": "Whoever gave it may no longer decide.",  # ROLE_DEACTIVATED_CHANGE_IN_RELATIONSHIP
        "capacity-regained": "The person can decide for themselves again.",
        "age-review": "The person has reached an age at which they must be asked themselves.",
    },
    Kind.INVALIDATED: {
        "coercion": "It was not given freely.",
        "wrong-person": "It was recorded for the wrong person.",
        "no-authority": "Whoever gave it was not allowed to decide.",  # APPLICATION_REJECTED_NO_LEGAL_BASIS
        "no-capacity": "Whoever gave it could not decide.",  # APPLICATION_REJECTED_PROXY_LACKS_CAPACITY
        "not-informed": "The words that were shown were wrong.",
        "recorded-in-error": "It was recorded by mistake.",
        "request-cancelled": "The organisation took its question back.",
    },
    Kind.SUPERSEDED: {
        "agreement-widened": "The agreement would now share more, so you are asked again.",
        "agreement-retired": "The agreement has ended.",
    },
    Kind.CARRIED_OVER: {
        "agreement-narrowed": "The agreement now shares less than you agreed to.",
        "wording-changed": "The words of the agreement changed, and not what is shared.",
    },
    Kind.OBJECTION_UPHELD: {
        "no-compelling-grounds": "There is no reason that outweighs yours.",
        "unlawful": "The sharing should not have taken place.",
    },
    Kind.OBJECTION_OVERRIDDEN: {
        "compelling-grounds": "There are reasons for the sharing that outweigh yours.",
        "legal-claims": "The sharing is needed for a legal claim.",
    },
    Kind.AUTHORITY_ENDED: {
        "end-date-reached": "It ran out.",  # ROLE_DEACTIVATED_END_DATE_REACHED
        "revoked-by-person": "The person ended it.",
        "relationship-changed": "The relationship changed.",
        "court-order": "A court ended it.",
        "safeguarding": "It was ended to keep somebody safe.",
        "capacity-regained": "The person can decide for themselves again.",
        "age-reached": "The person has reached an age at which they decide for themselves.",
        "person-deceased": "The person has died.",
        "holder-deceased": "Whoever held it has died.",  # ROLE_DEACTIVATED_PROXY_DECEASED
        "holder-lacks-capacity": "Whoever held it can no longer decide.",  # ROLE_DEACTIVATED_PROXY_LACKS_CAPACITY
        "no-authority": "It was never there.",  # APPLICATION_REJECTED_NO_LEGAL_BASIS
        "ground-established": "Another one took its place, whose ground is known.",
        "misuse": "It was misused.",  # ROLE_DEACTIVATED_MISUSE_OF_SYSTEM
    },
}
"""Kind → reason code → sentence. A kind that is not here carries no reason."""

OPTIONAL = frozenset({Kind.WITHDRAWN})
"""Kinds that need no reason: nobody has to say why they withdraw. The other kinds of REASONS must say one."""


def sentence(kind: Kind, code: str) -> str:
    """What a citizen is told of the reason; empty for none. Raises KeyError for a code the kind does not have."""
    return REASONS[kind][code] if code else ""
