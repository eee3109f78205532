# SPDX-License-Identifier: Apache-2.0
"""What an agreement asks for beside its terms: hours, frequency, relationship, reasons, sensitivity, break-glass.

Every member has a default that asks for nothing, or, for what would open a door, allows nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from gateway.model import DeclaredReason

Code = Annotated[str, Meta(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$", max_length=64)]
Sentence = Annotated[str, Meta(min_length=1, max_length=600)]
Sensitivity = Literal["personal", "location", "financial", "special", "third-party"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]

WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LABELS: tuple[Sensitivity, ...] = ("personal", "location", "financial", "special", "third-party")
DAY_S = 86400


class Hours(Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """When somebody may ask, by the clocks of Europe/London: from `from` (HH:MM) until before `until` (24:00 is the
    end of the day), on these `weekdays`. For hours over midnight write the agreement without hours."""

    since: TimeOfDay
    until: TimeOfDay
    weekdays: Annotated[tuple[Weekday, ...], Meta(min_length=1)]


class Frequency(Struct, frozen=True, forbid_unknown_fields=True):
    """How often one organisation may see one person for one purpose: at most `times` answers in any `days` days."""

    times: Annotated[int, Meta(ge=1, le=10_000)]
    days: Annotated[int, Meta(ge=1, le=366)]


class OptOut(Struct, frozen=True, forbid_unknown_fields=True):
    """Why the national data opt-out does not stop a term (National data opt-out policy, section 6), and the
    document that says so. Specific consent and a legal requirement need no exemption: the rule knows them.
    `overriding-public-interest` needs the term's `public_interest` beside it."""

    exemption: Literal["overriding-public-interest", "anonymised", "granted"]
    reference: Sentence


class PublicInterest(Struct, frozen=True, forbid_unknown_fields=True):
    """That the public interest in sharing outweighs the duty of confidence: `test` tells why in a sentence,
    `approved_by` who decided it (a Caldicott guardian or data protection officer)."""

    test: Sentence
    approved_by: Sentence


class Conditions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must be so beside the terms. All that is left out asks for nothing, but `overrides`.

    `hours`: when somebody may ask. `frequency`: how often one organisation may see one person for one purpose.
    `relationships`: kinds of legitimate relationship of which the register must know one, for terms that rest on
    implied consent for direct care; none named: a role of care is enough.
    `declared_reasons`: codes of the reasons that terms on vital interests, or under a safeguarding purpose, accept;
    where any is named, the request must declare one of them.
    `sensitivity`: role → the labels of the fields that it sees here, where that is less than the role sees by
    `roles.yaml`; it never widens.
    `overrides`: codes of the reasons for which break-glass may lift what can be lifted; none named: it lifts
    nothing.
    `suppress_counts_below`: numbers made from what was received are not shown to others where they count fewer
    people than this; 0: the agreement asks for no such care.
    """

    hours: Hours | None = None
    frequency: Frequency | None = None
    relationships: tuple[Code, ...] = ()
    declared_reasons: tuple[DeclaredReason, ...] = ()
    sensitivity: dict[Code, tuple[Sensitivity, ...]] = {}
    overrides: tuple[DeclaredReason, ...] = ()
    suppress_counts_below: Annotated[int, Meta(ge=0, le=1000)] = 0


NONE = Conditions()
"""An agreement that asks for nothing beside its terms."""


def minute(time: str) -> int:
    """The minute of the day of HH:MM."""
    return int(time[:2]) * 60 + int(time[3:])


def compiled(conditions: Conditions) -> dict[str, Any]:
    """The conditions as the rules read them, but for `sensitivity`, which is spelled out with the vocabulary; every
    member is always there, so that none can be undefined."""
    hours, frequency = conditions.hours, conditions.frequency
    return {
        "hours_asked": hours is not None,
        "hours_from": minute(hours.since) if hours else 0,
        "hours_until": minute(hours.until) if hours else 0,
        "weekdays": [WEEKDAYS.index(day) for day in hours.weekdays] if hours else [],
        "times": frequency.times if frequency else 0,
        "window_s": frequency.days * DAY_S if frequency else 0,
        "relationship_asked": bool(conditions.relationships),
        "relationships": dict.fromkeys(sorted(conditions.relationships), True),
        "reason_asked": bool(conditions.declared_reasons),
        "reasons": dict.fromkeys(sorted(conditions.declared_reasons), True),
        "overrides": dict.fromkeys(sorted(conditions.overrides), True),
        "suppress_counts_below": conditions.suppress_counts_below,
    }
