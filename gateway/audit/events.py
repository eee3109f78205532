# SPDX-License-Identifier: Apache-2.0
"""What may be written into the log: every type of event by its name, and the value an event is.

A name, once used, keeps its meaning for ever, since old entries are never rewritten: a retired name stays in
the list. The form of an entry grows by new members with a default only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct


class EventType(Struct, frozen=True):
    """One type: its `name` (subject.verb) and what an entry of it says, in one sentence."""

    name: str
    sentence: str


TYPES: tuple[EventType, ...] = (
    EventType("log.started", "A log begins under this origin."),
    EventType("log.closed", "A year of the log ends; the next one has this origin."),
    EventType("log.continued", "A year of the log begins, after the one whose final checkpoint this entry holds."),
    EventType("access.intended", "A query was decided and is about to be gathered; nothing has been fetched."),
    EventType("access.refused", "A query was refused as a whole; nothing was released."),
    EventType("access.previewed", "A decision was asked for without data."),
    EventType("access.disclosed", "An answer with these fields is about to be released."),
    EventType("access.failed", "A query that was to be gathered ended without an answer; nothing was released."),
    EventType("attempt.refused", "Somebody was turned away without a decision, so many times."),
    EventType("connector.alarm", "A source answered with something that must not be believed; it was dropped."),
    EventType("override.opened", "A user broke the glass for a citizen: what is lifted, why, and until when."),
    EventType("override.reviewed", "The data protection officer looked at an override and said what it was."),
    EventType("override.deferred", "Two officers put off the day from which the citizen is told of an override."),
    EventType("person.noted", "An officer recorded a month of birth or a death."),
    EventType("person.restricted", "An officer entered a restriction on a citizen's record."),
    EventType("person.unrestricted", "An officer lifted a restriction."),
    EventType("person.related", "An officer recorded that an organisation has a relationship with a citizen."),
    EventType("person.unrelated", "An officer recorded that a relationship is over."),
    EventType("session.started", "A citizen signed in."),
    EventType("session.ended", "A citizen signed out."),
    EventType("policy.activated", "A law was put in force."),
    EventType("policy.refused", "A law was not put in force; the one before stays."),
    EventType("consent.given", "A citizen agreed to a sharing."),
    EventType("consent.refused", "A citizen was asked to agree and said no."),
    EventType("consent.withdrawn", "A citizen took a consent back."),
    EventType("consent.looked-up", "An organisation asked how a citizen's consent to it stands."),
    EventType("notice.acknowledged", "A recipient said that it has stopped."),
    EventType("notice.erased", "A recipient said that it has erased what it got."),
    EventType("consent.requested", "An organisation asked a citizen to agree to a sharing."),
    EventType("consent.deferred", "A citizen put off an answer; nothing is shared meanwhile."),
    EventType("consent.renewed", "A citizen prolonged a consent."),
    EventType("consent.revoked", "A consent was ended by somebody other than the citizen."),
    EventType("consent.invalidated", "A consent was found never to have been valid."),
    EventType("consent.superseded", "A consent was ended by a change of its agreement."),
    EventType("consent.carried-over", "A consent stands under a narrower or reworded agreement."),
    EventType("consent.objected", "A citizen objected to a sharing that does not rest on consent."),
    EventType("consent.objection-upheld", "An objection was upheld; the sharing stays stopped."),
    EventType("consent.overridden", "An objection was overridden by compelling legitimate grounds."),
    EventType("consent.objection-ended", "A citizen took an objection back."),
    EventType("consent.opted-out", "A citizen opted out, for all organisations."),
    EventType("consent.opted-in", "A citizen ended an opt-out."),
    EventType("consent.authority-given", "Somebody may decide for a citizen."),
    EventType("consent.authority-ended", "Somebody may no longer decide for a citizen."),
    EventType("consent.erased", "What a citizen decided before was erased; a new yes must name this."),
    EventType("authority.reviewed", "Somebody looked at an authority over a citizen: it goes on, or it rests."),
    EventType("capacity.assessed", "Somebody found whether a citizen can decide a matter themself."),
    EventType("authority.restricted", "A court took away from whoever acts for a citizen, or gave back."),
    EventType("consent.revealed", "Something is no longer kept from those who act for a citizen."),
    EventType("consent.concealed", "Something is kept from those who act for a citizen."),
    EventType("audit.searched", "An auditor searched the log, for this and for this reason."),
    EventType("audit.opened", "An auditor opened what one entry committed to, for this reason."),
    EventType("audit.exported", "An auditor took these entries out into a file of this digest, for this reason."),
    EventType("payload.erased", "What these entries committed to was deleted; the entries and their proofs stay."),
    EventType("ledger.erased", "What a citizen decided was taken out of the consent ledger; hashes and noes stay."),
    EventType("proof.opened", "Officers opened the sealed proof of decisions that had been erased."),
    EventType("embargo.set", "Entries are withheld from their citizen until a date; they stand in the log."),
    EventType("embargo.lifted", "What an embargo withheld is shown before its date."),
    EventType("hold.set", "What was sealed about a person must not be erased for the time being."),
    EventType("hold.lifted", "What was sealed about a person may be erased again."),
    EventType("key.rotated", "The key that wraps the data keys was changed, and the one before it destroyed."),
    EventType("key.restored", "The data keys were put back from their own backup, those erased since left out."),
)

GROUPS = ("actor", "subject", "request", "basis", "result", "facts")
"""The groups an entry commits to, each with a salt of its own, so that one can be shown without the others."""

Verdict = Literal["permit", "deny", "break_glass", ""]


class Entry(Struct, frozen=True):
    """One event before it is an entry.

    The members up to `subjects` stand in the clear and must not be personal. `groups` maps names of GROUPS to
    objects of strings, integers, lists and objects; they are committed to with salts, and sealed under the key of
    `subject_key` (an opaque person; empty for none) and, for `actor`, of the organisation's staff. `previous` is
    the final checkpoint of the year before, in the entry that continues it.
    """

    id: str
    type: str
    at_ms: int
    org: str
    svc: str
    purpose: str
    decision: Verdict
    policy: str
    subjects: int
    groups: Mapping[str, dict[str, Any] | Struct]
    subject_key: str = ""
    previous: str = ""


NAMES = frozenset(kind.name for kind in TYPES)
