# SPDX-License-Identifier: Apache-2.0
"""One family of errors; each refusal has a stable code and a sentence that a citizen can be shown.

    ConsentError
    ├── EventRefused                 nothing was recorded
    │   ├── MalformedEvent           whatever the ledger says, this cannot be an event
    │   │   ├── MemberMissing, ProvisionEmpty, FieldOutsideProvision
    │   │   ├── ExpiryMissing, ExpiryPassed, ExpiryMisplaced
    │   │   ├── NoticeMissing, PredecessorMisplaced, MemberMisplaced
    │   │   ├── ReasonMissing, AuthoriserMissing, PartiesIncomplete
    │   │   └── ConditionsImpossible
    │   ├── TransitionRefused        it does not follow from how things stand
    │   │   ├── NothingGiven, NothingGivenButRefused, AlreadyWithdrawn, AlreadyExpired
    │   │   ├── AlreadyRefused, GivenWithdrawInstead
    │   │   ├── one for each other cell that is a no, made in `consent/transitions.py`
    │   │   ├── RefusalStands, WiderThanAsked, WiderThanGiven
    │   │   ├── AgreementRevised, RequestNotOpen, TargetUnknown
    │   │   └── ErasureStands, ErasureIsOrdered
    │   └── EventIdReused
    └── LedgerUnavailable            what cannot be read is never an empty standing
        └── LedgerCorrupt            the stored bytes are not what was written

No message ever carries a person, an identifier or a value that came in.
"""

from __future__ import annotations

from typing import ClassVar


class ConsentError(Exception):
    """Root of the family."""

    code: ClassVar[str] = "consent-error"
    sentence: ClassVar[str] = "The consent ledger could not do this."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.sentence)


class EventRefused(ConsentError):
    """The event was not recorded; the ledger is as it was."""

    code = "event-refused"
    sentence = "This decision was not recorded."


class MalformedEvent(EventRefused):
    """The event contradicts itself."""

    code = "malformed-event"
    sentence = "This decision is not complete."


class MemberMissing(MalformedEvent):
    """An id, the person, the recipient, the purpose, the agreement, the actor or the time is empty or too long."""

    code = "member-missing"
    sentence = "A decision names the person, the organisation, the purpose, the agreement, who did it and when."


class ProvisionEmpty(MalformedEvent):
    """No category is named, or a name is empty: an empty list would otherwise be read as everything."""

    code = "provision-empty"
    sentence = "A decision names at least one kind of information."


class FieldOutsideProvision(MalformedEvent):
    """A field is not written `<category>/<field>` with a category of the same provision."""

    code = "field-outside-provision"
    sentence = "A decision names only details of the kinds of information it is about."


class ExpiryMissing(MalformedEvent):
    """Consent without an end is not informed consent."""

    code = "expiry-missing"
    sentence = "Consent needs an end date."


class ExpiryPassed(MalformedEvent):
    """`expires_at` is not later than `at`."""

    code = "expiry-passed"
    sentence = "The end date of a consent lies after the day it is given."


class ExpiryMisplaced(MalformedEvent):
    """Only consent ends by time; a refusal or withdrawal does not run out."""

    code = "expiry-misplaced"
    sentence = "A refusal or a withdrawal has no end date."


class NoticeMissing(MalformedEvent):
    """Consent is to words that were shown in some language."""

    code = "notice-missing"
    sentence = "Consent needs the words that were shown, and their language."


class PredecessorMisplaced(MalformedEvent):
    """Only a giving can take the place of an earlier no."""

    code = "predecessor-misplaced"
    sentence = "Only a new consent can take the place of an earlier decision."


class MemberMisplaced(MalformedEvent):
    """A member is set that this kind of event does not carry."""

    code = "member-misplaced"
    sentence = "This decision says something that does not belong to it."


class ReasonMissing(MalformedEvent):
    """This kind of event needs a reason, or has none of that code."""

    code = "reason-missing"
    sentence = "This needs one of the reasons that are listed for it."


class AuthoriserMissing(MalformedEvent):
    """Decided for somebody else without saying by whom and under which authority; or the other way round."""

    code = "authoriser-missing"
    sentence = "Whoever decides for somebody else says who they are and what allows them to."


class PartiesIncomplete(MalformedEvent):
    """`parties` are fewer than two, or whoever gives is none of them."""

    code = "parties-incomplete"
    sentence = "Where several people must agree, whoever agrees is one of them."


class ConditionsImpossible(MalformedEvent):
    """No record could ever meet the conditions, or they cannot be read."""

    code = "conditions-impossible"
    sentence = "The conditions of this consent contradict each other."


class TransitionRefused(EventRefused):
    """The event does not follow from how things stand."""

    code = "transition-refused"
    sentence = "This does not follow from what was decided before."


class NothingGiven(TransitionRefused):
    """none → withdrawn."""

    code = "nothing-given"
    sentence = "There is no consent to withdraw."


class NothingGivenButRefused(TransitionRefused):
    """refused → withdrawn."""

    code = "nothing-given-but-refused"
    sentence = "This was refused, so there is no consent to withdraw."


class AlreadyWithdrawn(TransitionRefused):
    """withdrawn → withdrawn."""

    code = "already-withdrawn"
    sentence = "This consent has already been withdrawn."


class AlreadyExpired(TransitionRefused):
    """expired → withdrawn."""

    code = "already-expired"
    sentence = "This consent has already run out."


class AlreadyRefused(TransitionRefused):
    """refused → refused."""

    code = "already-refused"
    sentence = "This has already been refused."


class GivenWithdrawInstead(TransitionRefused):
    """given → refused: a no to a question about data already shared would end that sharing unasked."""

    code = "given-withdraw-instead"
    sentence = "There is consent for this: withdraw it to stop the sharing."


class RefusalStands(TransitionRefused):
    """A giving that would change nothing, because a wider refusal beats it and is not named as `predecessor`."""

    code = "refusal-stands"
    sentence = "A wider refusal stands; a new consent must name the refusal it takes the place of."


class WiderThanAsked(TransitionRefused):
    """An answer may narrow what was asked, in every respect, and never widen it."""

    code = "wider-than-asked"
    sentence = "A yes can be to less than what was asked, and not to more."


class WiderThanGiven(TransitionRefused):
    """A renewal may narrow what is in force, and never widen it."""

    code = "wider-than-given"
    sentence = "A renewal can be of less than what was given, and not of more."


class AgreementRevised(TransitionRefused):
    """A yes to an agreement of which another revision is announced: `revision` is not the newest."""

    code = "agreement-revised"
    sentence = "What would be shared is being changed: read the new words as soon as they are there, then agree."


class RequestNotOpen(TransitionRefused):
    """`request` names no question that is open: it was answered, ran out, or never was."""

    code = "request-not-open"
    sentence = "There is no open question to answer."


class TargetUnknown(TransitionRefused):
    """`target` names no event of this person of which this could be said."""

    code = "target-unknown"
    sentence = "There is nothing recorded that this could be about."


class ErasureStands(TransitionRefused):
    """What the person had said before was erased, a no to this perhaps; the first giving about it since must name
    the erasure as its `predecessor`."""

    code = "erasure-stands"
    sentence = "What was decided before was erased; a new consent must name the erasure it follows."


class ErasureIsOrdered(TransitionRefused):
    """An erasure takes content out of the ledger; it cannot be recorded as if it were a decision."""

    code = "erasure-is-ordered"
    sentence = "An erasure is ordered by officers and not recorded like a decision."


class EventIdReused(EventRefused):
    """The id belongs to a different event."""

    code = "event-id-reused"
    sentence = "This decision carries the number of another one."


class LedgerUnavailable(ConsentError):
    """The ledger could not be read. Whoever gets this must not disclose anything that rests on consent."""

    code = "ledger-unavailable"
    sentence = "The consent ledger could not be read."


class LedgerCorrupt(LedgerUnavailable):
    """Stored bytes cannot be read as what the ledger writes, or come from a newer version of it."""

    code = "ledger-corrupt"
    sentence = "The consent ledger holds something that this version cannot read."
