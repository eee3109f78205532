# SPDX-License-Identifier: Apache-2.0
"""What a citizen can decide and what follows from it, as frozen values.

The words are those of ISO/IEC TS 27560:2023 and of the Data Privacy Vocabulary (DPV 2.3); each field names its
counterpart. Times are integers: seconds since 1970-01-01T00:00:00Z. A stored event must read the same for ever:
later versions may add optional members (left out of the canonical form while they hold their default) and new
kinds, and never rename, retype or remove what is here. Defaults are single objects ("", 0, (), None, False, a
member of an enumeration), since msgspec leaves a member out when it *is* its default.
"""

from __future__ import annotations

from msgspec import Struct

from consent.conditions import ANY, Conditions, Frequency
from consent.words import (
    DPV,
    DPV_STATUS,
    VALID_FOR_PROCESSING,
    AccessMode,
    By,
    Channel,
    ConsentType,
    Kind,
    ObjectionState,
    State,
)

__all__ = [
    "DPV", "DPV_STATUS", "VALID_FOR_PROCESSING", "AccessMode", "By", "CategoryStanding", "Channel", "Conditions",
    "ConsentType", "Event", "Frequency", "Held", "Kind", "ObjectionStanding", "ObjectionState", "Provision",
    "Recorded", "Scope", "Standing", "State",
]  # fmt: skip


class Provision(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What a decision is about.

    `categories` (ISO `pii_type`, DPV `hasPersonalData`): one or more codes of the shared vocabulary.
    `fields`: full ids, `<category>/<field>`; a category of which no field is listed is meant whole.
    `sources` (DPV `hasDataSource`): ids of connected systems; none listed means any.
    `conditions`: who at the recipient, which records, how, how often, until when kept; None narrows nothing.
    """

    categories: tuple[str, ...]
    fields: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    conditions: Conditions | None = None


class Event(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One thing that was decided; written once, never changed. ISO 27560 `event`. What each kind must and may say
    is checked by `wellformed.check`.

    `id`: UUIDv7, from the caller, so that a retry is the same event.
    `person` (ISO `pii_principal_id`): opaque; no identifier of the citizen stands in the ledger.
    `organisation` (DPV `hasRecipient`), `purpose` (DPV `hasPurpose`): who would receive it, and what for. Empty for
    what is about the whole person (opt-outs, authority); an objection without a purpose is to all of them.
    `agreement` (ISO `privacy_notice`, DPV `hasNotice`): the agreement whose terms the citizen was shown;
    `revision`: SHA-256 (hexadecimal) of the revision of it.
    `at` (ISO `event_time`); `expires_at` (ISO `validity_duration`, DPV `dct:valid`): the first second at which a
    consent, a request or an authority is no longer in force.
    `notice_hash`, `language` (ISO `language`, BCP 47): SHA-256 (hexadecimal) of the words shown, and their
    language; both must be set for a consent, since it is to what was read.
    `actor` (ISO `entity_id`, DPV `isIndicatedBy`): opaque id of whoever did it: the citizen or staff assisting.
    `channel`; `read_back`: staff read it back and heard a yes; `evidence`: SHA-256 of the paper or recording.
    `predecessor`: id of the earlier decision that this giving takes the place of, empty for none. A refusal or
    withdrawal that is named so no longer counts against what is given.
    `request`: id of the `requested` event that this answers.
    `target`: id of the event that this is about: the consent invalidated or revoked, the objection decided, the
    authority ended.
    `by` (FHIR `performer`): in which right it was decided; `authoriser` (DPV `isIndicatedBy`): opaque id of who
    decided, empty for the person themself; `authority`: id of the `authority-given` event that allows them to.
    `parties`: opaque ids of all who must give, the person among them; empty if whoever gives is enough.
    `reason` (a code of `consent/reasons.py`); `consent_type`; `code`: of an opt-out.
    `lawful_basis`, `confidentiality_basis`: the two grounds of the sharing as they were when this was recorded;
    several, where it rests on several, with ", " between them.
    `erased`: in an erasure, `chain.commitment` to the hashes of all the events before it, whose content is gone;
    its `parties` are the opaque ids of those who had said a no that still bound.
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
    revision: str = ""
    read_back: bool = False
    evidence: str = ""
    request: str = ""
    target: str = ""
    by: By = By.SELF
    authoriser: str = ""
    authority: str = ""
    parties: tuple[str, ...] = ()
    reason: str = ""
    consent_type: ConsentType = ConsentType.EXPLICIT
    code: str = ""
    lawful_basis: str = ""
    confidentiality_basis: str = ""
    erased: str = ""

    @property
    def party(self) -> str:
        """Who decided, as `parties` names them."""
        return self.authoriser or self.person


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

    `state` is any but `none` and `expired`. `until`: one that is given, awaiting or asked is in force while
    now < until (0 for the others). `fields` are bare names, `sources` ids; () means all. `holes` are the parts of
    it that a later event, or an earlier refusal, took out: what lies in a hole is not stated. A citizen's no and a
    permit never overlap, so a reader may let either speak first; `rules.held` does the reading. `by`, `authoriser`,
    `authority`: who decided and in which right, as in the event. `parties`, `party`: who must give, and who of them
    gave; only in one that is awaiting the others.
    """

    category: str
    state: State
    until: int
    event: str
    fields: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    agreement: str = ""
    holes: tuple[Scope, ...] = ()
    by: By = By.SELF
    authoriser: str = ""
    authority: str = ""
    conditions: Conditions | None = None
    parties: tuple[str, ...] = ()
    party: str = ""

    @property
    def scope(self) -> Scope:
        """The rectangle as decided, holes not taken out."""
        return Scope(self.fields, self.sources)

    def says(self, field: str, source: str) -> bool:
        """Whether this statement speaks of this field from this source."""
        if not _has(self.fields, field) or not _has(self.sources, source):
            return False
        return not self.holes or not any(hole.has(field, source) for hole in self.holes)


class ObjectionStanding(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An objection that was not taken back. `categories` () means all that goes to the recipient; `event`: the
    objection."""

    categories: tuple[str, ...]
    state: ObjectionState
    event: str = ""


class Standing(Struct, frozen=True):
    """What the ledger says about person × organisation × purpose at one sequence number.

    `seq` is the person's, over all organisations; 0 means that they never decided anything. Not folded with the
    time: expiry is judged at decision time from `until`. Cached values are shared: do not change the dict.
    `objections`: those to this organisation that are about this purpose. `opt_outs`: codes, for the whole person.
    """

    seq: int
    by_category: dict[str, tuple[CategoryStanding, ...]]
    objections: tuple[ObjectionStanding, ...] = ()
    opt_outs: tuple[str, ...] = ()


class Held(Struct, frozen=True):
    """The answer to: how does this category stand, from this source, at this instant?

    `fields` () means all, `fields_except` are taken out of them; both empty unless `state` is `given`. `until` is
    the first instant at which what is given could end by the passing of time alone, 0 if nothing is given.
    `by`: in which right it was decided. `conditions`: what narrows it beside.
    """

    state: State
    fields: tuple[str, ...] = ()
    fields_except: tuple[str, ...] = ()
    until: int = 0
    events: tuple[str, ...] = ()
    by: By = By.SELF
    conditions: Conditions = ANY

    @property
    def period(self) -> tuple[str, str]:
        """ISO 8601 dates between which a record must be dated; empty for no bound."""
        return self.conditions.period

    @property
    def access_modes(self) -> tuple[AccessMode, ...]:
        """What the recipient may do with it; () means all."""
        return self.conditions.access_modes

    @property
    def frequency(self) -> Frequency | None:
        """How often it may be asked for."""
        return self.conditions.frequency

    @property
    def erase_by(self) -> int:
        """The second by which the recipient must have erased it; 0 for none beside the agreement's."""
        return self.conditions.erase_by


class Recorded(Struct, frozen=True):
    """Where an event stands: its sequence number and SHA-256 hash (hexadecimal) in the person's chain."""

    seq: int
    hash: str
