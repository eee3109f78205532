# SPDX-License-Identifier: Apache-2.0
"""RFC 9457 problem details: the one error shape of every route outside the standard faces.

A reply never holds a value that came in, nor the text of an exception we did not write. An unforeseen fault is
logged by class and place (file, line), without its message, since messages carry data.
"""

from __future__ import annotations

import inspect
import logging
import traceback
import uuid
from collections.abc import Mapping
from typing import Any, get_args

import msgspec
import uuid_utils
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consent.errors import ConsentError, EventRefused, MalformedEvent
from gateway.attempts import Attempts, Kind
from gateway.errors import (
    CommonsError,
    ConsentStoreUnavailable,
    DecisionRefused,
    FieldFault,
    InternalFault,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    StepUpNeeded,
)
from gateway.identity.assertions import Slug
from gateway.model import Caller

log = logging.getLogger("commons.problems")
MEDIA_TYPE = "application/problem+json"
_TURNED_AWAY = (401, 403, 404)
_TELLING = frozenset({"value_error", "assertion_error", "json_invalid"})
"""Kinds of fault whose message may quote what came in."""
_ASSERTION = (
    "{code} (401, client)\n\nThe client assertion (RFC 7523) did not pass this check; `error_description` says "
    "what was expected and, where it is safe to, what came. The rules stand in docs/reference/oauth.md.\n"
)


def body(error: CommonsError, public_url: str, instance: str) -> bytes:
    """The problem as JSON. `instance` is the request id (never a path, which could hold what came in)."""
    problem: dict[str, Any] = {
        "type": f"{public_url}/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "layer": error.layer,
        "retryable": error.retryable,
        "trace_id": instance,
    }
    if error.detail:
        problem["detail"] = error.detail
    if error.retry_after_s is not None:
        problem["retry_after_s"] = error.retry_after_s
    if error.errors:
        problem["errors"] = [
            {"pointer": fault.pointer, "code": fault.code, "expected": fault.expected} for fault in error.errors
        ]
    return msgspec.json.encode(problem | error.extensions)


def headers(error: CommonsError) -> dict[str, str]:
    """Headers that go with the problem (RFC 6750 challenge, RFC 9110 Retry-After)."""
    found = {"content-type": MEDIA_TYPE, "cache-control": "no-store", "gateway-error-layer": error.layer}
    if error.retry_after_s is not None:
        found["retry-after"] = str(error.retry_after_s)
    if error.status == 401:
        kind = "insufficient_user_authentication" if isinstance(error, StepUpNeeded) else "invalid_token"
        found["www-authenticate"] = f'Bearer error="{kind}", error_description="{error.code}"{_wanted(error)}'
    return found


def _wanted(error: CommonsError) -> str:
    """What a step-up must reach (RFC 9470 §3), where that is what is missing."""
    return "".join(
        f', {name}="{error.extensions[name]}"' for name in ("acr_values", "max_age") if name in error.extensions
    )


def unforeseen(error: BaseException, instance: str) -> InternalFault:
    """Log an error of a kind we did not foresee, without its message, and give the fault to show instead."""
    frames = " < ".join(
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        for frame in reversed(traceback.extract_tb(error.__traceback__)[-6:])
    )
    log.error("unforeseen %s at %s (request %s)", type(error).__name__, frames, instance)
    return InternalFault("The fault is in our log under the trace id.")


def note(request: Request, status: int, code: str) -> None:
    """Count an attempt on something that is not the caller's to see."""
    attempts: Attempts | None = getattr(request.app.state, "attempts", None)
    route = request.scope.get("route")
    if attempts is None or status not in _TURNED_AWAY or not isinstance(route, Route):
        return
    who: Caller | None = getattr(request.state, "caller", None)
    known = (who.organisation, who.system) if who else ("", "")
    attempts.note(Kind(code, route.path, *known))


def install(app: FastAPI, public_url: str) -> None:
    """Make every route of `app` answer errors as problems."""

    def reply(request: Request, error: CommonsError) -> Response:
        instance = request.state.request_id
        return Response(body(error, public_url, instance), error.status, headers(error))

    @app.exception_handler(CommonsError)
    async def _ours(request: Request, error: CommonsError) -> Response:
        note(request, error.status, error.code)
        return reply(request, error)

    @app.exception_handler(ConsentError)
    async def _consent(request: Request, error: ConsentError) -> Response:
        return reply(request, _of_ledger(error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [
            FieldFault("/" + "/".join(str(step) for step in fault["loc"][1:]), fault["type"], _expected(fault))
            for fault in error.errors()
        ]
        return reply(request, Invalid(errors=faults))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return reply(request, NotFound() if error.status_code == 404 else _status(error.status_code))

    app.add_middleware(_Unforeseen, public_url=public_url)


def _expected(fault: Mapping[str, Any]) -> str:
    """What was expected, as pydantic says it: those of its messages that could hold what came in are not passed
    on."""
    return "see the reference" if fault["type"] in _TELLING else str(fault["msg"])


def _of_ledger(error: ConsentError) -> CommonsError:
    """What the ledger refused, as a problem: its sentence is one for citizens, and holds no value that came in."""
    reason = {"reason": error.code}
    if isinstance(error, MalformedEvent):
        return Invalid(error.sentence, extensions=reason)
    if isinstance(error, EventRefused):
        return DecisionRefused(error.sentence, extensions=reason)
    return ConsentStoreUnavailable()


class _Unforeseen:
    """Gives every request its id, and answers what no handler foresaw. No handler of Starlette's does: it raises
    the error again, and the server would write its message down."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, instance = False, request_id(scope)
        scope.setdefault("state", {})["request_id"] = instance

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            fault = unforeseen(error, instance)
            if begun:
                raise fault from None  # the server cuts the reply off, so that nobody takes it for whole
            said = body(fault, self._public_url, instance)
            await Response(said, fault.status, headers(fault))(scope, receive, send)


def request_id(scope: Scope) -> str:
    """The id by which a reply is found again in our log: the caller's X-Request-ID where that is a UUID, else a new
    one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and len(value) == 36:
            try:
                return str(uuid.UUID(value.decode("ascii")))
            except ValueError:
                break
    return str(uuid_utils.uuid7())


def router() -> APIRouter:
    """The pages that a problem's `type` and an OAuth error's `error_uri` lead to."""
    routes = APIRouter(prefix="/problems", tags=["problems"], include_in_schema=False)

    @routes.get("/{code}")
    def page(code: str) -> PlainTextResponse:
        if code in get_args(Slug):
            return PlainTextResponse(_ASSERTION.format(code=code))
        for kind in _kinds(CommonsError):
            if kind.code == code:
                about = f"{kind.title}.\n\n{inspect.getdoc(kind)}"
                return PlainTextResponse(f"{code} ({kind.status}, {kind.layer})\n\n{about}\n")
        raise NotFound

    return routes


def _kinds(root: type[CommonsError]) -> list[type[CommonsError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in _kinds(child))]


def _status(status: int) -> CommonsError:
    return MethodNotAllowed() if status == 405 else Malformed()
