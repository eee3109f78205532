# SPDX-License-Identifier: Apache-2.0
"""One family of errors; each class knows its status, stable code, layer and public sentence.

    CommonsError
    ├── Malformed 400            the request cannot be read
    │   ├── MissingRequestId
    │   ├── UnknownPurpose, UnknownCategory, UnknownSource, UnknownReason, ReasonNotPlain
    │   ├── MethodNotAllowed 405, BodyTooLarge 413, LengthRequired 411, UnsupportedMediaType 415
    │   └── Invalid 422          it can be read, but a field is wrong
    ├── Unauthenticated 401      TokenMissing, TokenInvalid, TokenExpired, SessionInvalid, CitizenTokenInvalid,
    │                            StepUpNeeded
    ├── Refused 403              DeniedByPolicy, NoConsent, NoAgreement, SystemDisabled, IdentityTooWeak,
    │                            CitizenNotLinked, OverrideNotPermitted
    ├── OverrideNotInForce 403
    ├── NotFound 404
    ├── IdempotencyMismatch 409, NoticeChanged 409, DecisionRefused 409
    ├── CompletenessNotMet 422
    └── Unavailable 503          AuditUnavailable, PolicyUnavailable, ConsentStoreUnavailable,
                                 DatabaseUnavailable, Busy; AllSourcesFailed 502; InternalFault 500

Rendered as RFC 9457 `application/problem+json` by `gateway/web/problems.py`. No error ever carries a value
that came in: `detail` is a sentence of ours, `errors` point at the member (RFC 6901) and say what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Layer = Literal["client", "gateway", "policy", "source"]


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One wrong member of a request: `pointer` (RFC 6901), a stable `code`, and what was `expected`."""

    pointer: str
    code: str
    expected: str


class CommonsError(Exception):
    """Root of the family. `extensions` are further problem members; they must never hold request values."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-fault"
    title: ClassVar[str] = "The gateway failed"
    layer: ClassVar[Layer] = "gateway"
    retryable: ClassVar[bool] = False
    retry_after_s: ClassVar[int | None] = None

    def __init__(
        self, detail: str = "", *, errors: Sequence[FieldFault] = (), extensions: dict[str, Any] | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = tuple(errors)
        self.extensions = extensions or {}


class InternalFault(CommonsError):
    """A fault of ours. The reason stands in our own log under the trace id, never in the reply."""


class Malformed(CommonsError):
    """The request cannot be read as what this route takes."""

    status = 400
    code = "malformed"
    title = "The request could not be read"
    layer: ClassVar[Layer] = "client"


class MissingRequestId(Malformed):
    """`X-Request-ID` (a UUID, the same one on a retry) is absent or not a UUID."""

    code = "missing-request-id"
    title = "X-Request-ID must be a UUID"


class UnknownPurpose(Malformed):
    """The purpose is not in the published code list."""

    code = "unknown-purpose"
    title = "The purpose is not in the code list at /v1/catalogue/purposes"


class UnknownCategory(Malformed):
    """A category or field is not in the published vocabulary."""

    code = "unknown-category"
    title = "A category is not in the vocabulary at /v1/catalogue/categories"


class UnknownSource(Malformed):
    """A source named in the request is not connected."""

    code = "unknown-source"
    title = "A source is not in the catalogue at /v1/catalogue/sources"


class UnknownReason(Malformed):
    """A declared reason is not in the closed list of the reference."""

    code = "unknown-reason"
    title = "The declared reason is not one of the codes in the reference"


class ReasonNotPlain(Malformed):
    """`case.reason` is shown to the citizen and must be a plain sentence."""

    code = "reason-not-plain"
    title = "The reason must be a plain sentence that the citizen can read"


class MethodNotAllowed(Malformed):
    """RFC 9110 §15.5.6."""

    status = 405
    code = "method-not-allowed"
    title = "This address does not take that method"


class LengthRequired(Malformed):
    """RFC 9110 §15.5.12."""

    status = 411
    code = "length-required"
    title = "Send the body with a Content-Length"


class BodyTooLarge(Malformed):
    """RFC 9110 §15.5.14."""

    status = 413
    code = "body-too-large"
    title = "The body is larger than this route takes"


class UnsupportedMediaType(Malformed):
    """RFC 9110 §15.5.16."""

    status = 415
    code = "unsupported-media-type"
    title = "Send application/json"


class Invalid(Malformed):
    """The body is JSON of the right outline, but a member is wrong; `errors` points at it."""

    status = 422
    code = "invalid"
    title = "A member of the request is wrong"


class Unauthenticated(CommonsError):
    """RFC 6750 §3.1."""

    status = 401
    code = "token-invalid"
    title = "The access token is not valid here"
    layer: ClassVar[Layer] = "client"


class TokenMissing(Unauthenticated):
    """No bearer token was sent."""

    code = "token-missing"
    title = "Send an access token from /oauth2/token as Authorization: Bearer"


class TokenInvalid(Unauthenticated):
    """The access token fails a check; `detail` says which, and what was expected."""


class TokenExpired(Unauthenticated):
    """The access token's `exp` has passed."""

    code = "token-expired"
    title = "The access token has expired: ask /oauth2/token for a new one"


class SessionInvalid(Unauthenticated):
    """No citizen's session has this token, or it has ended."""

    code = "session-invalid"
    title = "You are not signed in, or you have been signed out: sign in again"


class CitizenTokenInvalid(Unauthenticated):
    """The ID token (OpenID Connect Core §3.1.3.7) fails a check; `detail` says which, and what was expected."""

    code = "id-token-invalid"
    title = "The ID token is not valid here"


class StepUpNeeded(Unauthenticated):
    """RFC 9470: the user must have signed in again just now, in a stronger way, and the token must say so (`acr`,
    `auth_time`)."""

    code = "insufficient-user-authentication"
    title = "The user must sign in again, strongly, and the token must say so"


class Refused(CommonsError):
    """The whole request is refused; the refusal itself is in the log."""

    status = 403
    code = "denied-by-policy"
    title = "The policy of the commons does not allow this"
    layer: ClassVar[Layer] = "policy"


class NoConsent(Refused):
    """Every category rests on consent and the citizen has not given it."""

    code = "no-consent"
    title = "The citizen's consent is needed and is not there"


class NoAgreement(Refused):
    """No valid data-sharing agreement covers the request."""

    code = "no-agreement"
    title = "No valid data-sharing agreement covers this request"


class SystemDisabled(Refused):
    """The organisation or the client system is not active."""

    code = "system-disabled"
    title = "This organisation or system is not active in the commons"


class IdentityTooWeak(Refused):
    """The provider is not sure enough of who signed in."""

    code = "identity-too-weak"
    title = "Prove your identity with the provider before you sign in here"
    layer: ClassVar[Layer] = "client"


class CitizenNotLinked(Refused):
    """The identity is proven, and no record of the commons belongs to it."""

    code = "citizen-not-linked"
    title = "The commons holds nothing under your identifier, so there is nothing to decide or to see"
    layer: ClassVar[Layer] = "client"


class OverrideNotPermitted(Refused):
    """Break-glass is opened by a user, whom the token names, of a system and organisation that are active."""

    code = "override-not-permitted"
    title = "An override cannot be opened with this token"


class OverrideNotInForce(CommonsError):
    """The override that is cited is over, or was opened for another person, organisation or user."""

    status = 403
    layer: ClassVar[Layer] = "policy"
    code = "override-not-in-force"
    title = "The override is not in force for this user and this person"


class NotFound(CommonsError):
    """Not there, or not yours: the two are told apart to nobody."""

    status = 404
    code = "not-found"
    title = "There is nothing here that you may see"
    layer: ClassVar[Layer] = "client"


class IdempotencyMismatch(CommonsError):
    """The same Idempotency-Key was used for another request."""

    status = 409
    code = "idempotency-mismatch"
    title = "This Idempotency-Key was already used for a different request"
    layer: ClassVar[Layer] = "client"


class NoticeChanged(CommonsError):
    """Consent is to what was read, and what was read is no longer what would be agreed to."""

    status = 409
    code = "notice-changed"
    title = "The words have changed since you read them: read the record again, then decide"
    layer: ClassVar[Layer] = "client"


class DecisionRefused(CommonsError):
    """The consent ledger did not take the decision; `reason` is its code, `detail` its sentence."""

    status = 409
    code = "decision-refused"
    title = "This decision does not follow from how things stand"
    layer: ClassVar[Layer] = "client"


class CompletenessNotMet(CommonsError):
    """The caller asked to fail rather than to get a partial answer (`on_shortfall=fail`)."""

    status = 422
    code = "completeness-not-met"
    title = "The answer would not be as complete as you asked"
    layer: ClassVar[Layer] = "source"


class Unavailable(CommonsError):
    """Fail closed: a part without which nothing may be disclosed did not answer."""

    status = 503
    code = "unavailable"
    title = "The gateway cannot answer just now; nothing was disclosed"
    retryable = True
    retry_after_s: ClassVar[int | None] = 1


class AuditUnavailable(Unavailable):
    """No log entry, no data."""

    code = "audit-unavailable"
    title = "The access log could not be written, so nothing was disclosed"


class PolicyUnavailable(Unavailable):
    """No verdict is a no."""

    code = "policy-unavailable"
    title = "The policy could not be judged, so nothing was disclosed"


class ConsentStoreUnavailable(Unavailable):
    """Consent that cannot be read is consent that is not there."""

    code = "consent-store-unavailable"
    title = "Consent could not be read, so nothing was disclosed"


class DatabaseUnavailable(Unavailable):
    """The database of record did not answer."""

    code = "database-unavailable"
    title = "The database did not answer, so nothing was disclosed"


class Busy(Unavailable):
    """More requests are in flight than this worker takes."""

    code = "busy"
    title = "This gateway is at its limit"


class AllSourcesFailed(Unavailable):
    """Every source that was allowed failed to answer."""

    status = 502
    code = "all-sources-failed"
    title = "None of the sources answered"
    layer: ClassVar[Layer] = "source"
