# SPDX-License-Identifier: Apache-2.0
"""What a citizen can decide and what follows from it, as frozen values.

The words are those of ISO/IEC TS 27560:2023 and of the Data Privacy Vocabulary (DPV 2.3); each field names its
counterpart. Times are integers: seconds since 1970-01-01T00:00:00Z. A stored event must read the same for ever:
later versions may add optional members (left out of the canonical form while they hold their default) and new
kinds, and never rename, retype or remove what is here.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

DPV = "https://w3id.org/dpv#"


class Kind(StrEnum):
    """What happened. ISO 27560 `event_type`."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class State(StrEnum):
    """How one piece of data stands at one instant. ISO 27560 `event_state`, DPV `ConsentStatus`.

    `expired` is never stored: it is `given` whose end has passed, judged when the question is asked.
    """

    NONE = "none"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


DPV_STATUS: dict[State, str] = {
    State.NONE: DPV + "ConsentUnknown",
    State.GIVEN: DPV + "ConsentGiven",
    State.REFUSED: DPV + "ConsentRefused",
    State.WITHDRAWN: DPV + "ConsentWithdrawn",
    State.EXPIRED: DPV + "ConsentExpired",
}
"""State → DPV status IRI (`dpv:hasConsentStatus`)."""

VALID_FOR_PROCESSING = frozenset({State.GIVEN})
"""The states that DPV calls `ConsentStatusValidForProcessing`; every other one must deny."""


class Channel(StrEnum):
    """How the citizen said it. ISO 27560 `collection_method`, DPV `hasIndicationMethod`."""

    WEB = "web"
    PHONE = "phone"
    PAPER = "paper"
    IN_PERSON = "in-person"


class Provision(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What a decision is about.

    `categories` (ISO `pii_type`, DPV `hasPersonalData`): one or more codes of the shared vocabulary.
    `fields`: full ids, `<category>/<field>`; a category of which no field is listed is meant whole.
    `sources` (DPV `hasDataSource`): ids of connected systems; none listed means any.
    """

    categories: tuple[str, ...]
    fields: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


class Event(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that was decided; written once, never changed. ISO 27560 `event`.

    `id`: UUIDv7, from the caller, so that a retry is the same event.
    `person` (ISO `pii_principal_id`): opaque; no identifier of the citizen stands in the ledger.
    `organisation` (DPV `hasRecipient`), `purpose` (DPV `hasPurpose`): who would receive it, and what for.
    `agreement` (ISO `privacy_notice`, DPV `hasNotice`): the agreement whose terms the citizen was shown.
    `at` (ISO `event_time`); `expires_at` (ISO `validity_duration`, DPV `dct:valid`): the first second at which a
    consent is no longer in force, so it must be set for `given` and only for it.
    `notice_hash`, `language` (ISO `language`, BCP 47): SHA-256 (hexadecimal) of the words shown, and their
    language; both must be set for `given`, since consent is to what was read.
    `actor` (ISO `entity_id`, DPV `isIndicatedBy`): opaque id of whoever did it: the citizen or staff assisting.
    `predecessor`: id of the earlier decision that this giving takes the place of, empty for none. A refusal or
    withdrawal that is named so no longer counts against what is given.
    """

    id: str
    kind: Kind
    person: str
    organisation: str
    purpose: str
    agreement: str
    provision: Provision
    at: int
    actor: str
    channel: Channel
    expires_at: int = 0
    notice_hash: str = ""
    language: str = ""
    predecessor: str = ""


class Scope(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A rectangle of one category's data: these `fields` (bare names) from these `sources`; () means all."""

    fields: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def has(self, field: str, source: str) -> bool:
        """Whether this field from this source lies inside."""
        return _has(self.fields, field) and _has(self.sources, source)

    def covers(self, other: Scope) -> bool:
        """Whether all of `other` lies inside."""
        return _covers(self.fields, other.fields) and _covers(self.sources, other.sources)

    def meets(self, other: Scope) -> bool:
        """Whether the two share anything."""
        return _meets(self.fields, other.fields) and _meets(self.sources, other.sources)

    def finer(self, other: Scope) -> bool:
        """Whether this one picks out fields or sources where `other` speaks of all of them."""
        return bool(self.fields and not other.fields) or bool(self.sources and not other.sources)


def _has(names: tuple[str, ...], name: str) -> bool:
    return not names or name in names


def _covers(outer: tuple[str, ...], inner: tuple[str, ...]) -> bool:
    return not outer or (bool(inner) and set(inner) <= set(outer))


def _meets(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or not other or not set(one).isdisjoint(other)


class CategoryStanding(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One statement that still counts about one category, and the event that made it.

    `state` is `given`, `refused` or `withdrawn`. `until`: a given one is in force while now < until (0 for the
    others). `fields` are bare names, `sources` ids; () means all. `holes` are the parts of it that a later event,
    or an earlier refusal, took out: what lies in a hole is not stated. Statements that say no and statements
    that say yes never overlap, so a reader may let either speak first; `rules.held` does the reading.
    """

    category: str
    state: State
    until: int
    event: str
    fields: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    agreement: str = ""
    holes: tuple[Scope, ...] = ()

    @property
    def scope(self) -> Scope:
        """The rectangle as decided, holes not taken out."""
        return Scope(self.fields, self.sources)

    def says(self, field: str, source: str) -> bool:
        """Whether this statement speaks of this field from this source."""
        if not _has(self.fields, field) or not _has(self.sources, source):
            return False
        return not self.holes or not any(hole.has(field, source) for hole in self.holes)


class Standing(Struct, frozen=True):
    """What the ledger says about person × organisation × purpose at one sequence number.

    `seq` is the person's, over all organisations; 0 means that they never decided anything. Not folded with the
    time: expiry is judged at decision time from `until`. Cached values are shared: do not change the dict.
    """

    seq: int
    by_category: dict[str, tuple[CategoryStanding, ...]]


class Held(Struct, frozen=True):
    """The answer to: how does this category stand, from this source, at this instant?

    `fields` () means all, `fields_except` are taken out of them; both empty unless `state` is `given`. `until` is
    the first instant at which the answer could differ by the passing of time alone, 0 if it cannot.
    """

    state: State
    fields: tuple[str, ...] = ()
    fields_except: tuple[str, ...] = ()
    until: int = 0
    events: tuple[str, ...] = ()


class Recorded(Struct, frozen=True):
    """Where an event stands: its sequence number and SHA-256 hash (hexadecimal) in the person's chain."""

    seq: int
    hash: str
