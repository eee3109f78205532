# SPDX-License-Identifier: Apache-2.0
"""What requests, objections and decisions for others are refused with; of the family in `gateway/errors.py`.

CommonsError
├── RequestOpen, RequestRefusedLately, RequestClosed 409
├── ObjectionNotAdmitted 409
├── DecisionNotYours, AssistanceNotAllowed 403
└── RateLimited 429
"""

from __future__ import annotations

from typing import ClassVar

from gateway.errors import CommonsError, Layer


class RequestOpen(CommonsError):
    """At most one request for consent is open for one person and service; `request` is the id of that one."""

    status = 409
    code = "request-open"
    title = "You are asking this person for this service already"
    layer: ClassVar[Layer] = "client"


class RequestRefusedLately(CommonsError):
    """The person said no to this, or to a part of it, and is not asked again before `not_before` (epoch
    seconds)."""

    status = 409
    code = "request-refused-lately"
    title = "The person said no to this lately and is left in peace"
    layer: ClassVar[Layer] = "client"


class RequestClosed(CommonsError):
    """The request was answered, was taken back or has run out."""

    status = 409
    code = "request-closed"
    title = "This request is no longer open"
    layer: ClassVar[Layer] = "client"


class ObjectionNotAdmitted(CommonsError):
    """What was objected to does not rest on public task or legitimate interests (UK GDPR Article 21(1)); `detail`
    says why, `instead` (withdraw, contact-controller, cannot-stop, nothing-shared) what can be done."""

    status = 409
    code = "objection-not-admitted"
    title = "One cannot object to this"
    layer: ClassVar[Layer] = "policy"


class DecisionNotYours(CommonsError):
    """Whoever decided may not decide this just now; `reason` says why (docs/reference/authority.md)."""

    status = 403
    code = "decision-not-yours"
    title = "You may not decide this just now"
    layer: ClassVar[Layer] = "policy"


class AssistanceNotAllowed(CommonsError):
    """Whoever writes down a citizen's decision is named by the access token, in a role that the agreement
    allows."""

    status = 403
    code = "assistance-not-allowed"
    title = "Only staff named by a token, in a role of the agreement, record what a citizen says"
    layer: ClassVar[Layer] = "policy"


class RateLimited(CommonsError):
    """The organisation asks more often than it may; `detail` says how often that is."""

    status = 429
    code = "rate-limited"
    title = "You are asking too often: wait, and ask again"
    layer: ClassVar[Layer] = "client"
    retryable = True
    retry_after_s: ClassVar[int | None] = 60
