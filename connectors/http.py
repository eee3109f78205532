# SPDX-License-Identifier: Apache-2.0
"""The only way out over HTTP: bound to one origin, with the source's credential, caps and error table.

An engine never sees the credential, never names a host and never gets bytes that were not checked: the status,
the media type, the encoding, the size, the depth and the JSON itself are judged here.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import re
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from uuid_utils import uuid4

from connectors.base import Outcome, ReadError, Reason
from connectors.manifest import ErrorSign, Manifest
from connectors.templates import Filling
from connectors.wire import Answer, Call, Origin, WireError

_HEADER_SAFE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")
_RETRY_MOST_S: Final = 3600


class ConfigError(ValueError):
    """A secret is not of the form it must have; the message names the secret, never what it holds."""


class Exchange:
    """One kind of request, compiled: everything that does not change is joined already."""

    __slots__ = ("_body", "_content_type", "_head")

    def __init__(
        self, way: HttpWay, method: str, body: Callable[[Filling], bytes] | None = None, content_type: str = ""
    ) -> None:
        self._head = f"{method} {way.base_path}"
        self._body = body
        self._content_type = f"Content-Type: {content_type}\r\n" if content_type else ""

    def at(self, way: HttpWay, target: str, filling: Filling, correlation: str = "") -> bytes:
        """The request as sent; `target` is path and query below the base URL, already percent-encoded.

        Each call has an X-Request-ID of its own, which upstreams de-duplicate by; `correlation` is the header line
        that names the query.
        """
        head = f"{self._head}{target} HTTP/1.1\r\n{way.headers}{correlation}X-Request-ID: {uuid4()}\r\n"
        if self._body is None:
            return f"{head}\r\n".encode("ascii")
        body = self._body(filling)
        return f"{head}{self._content_type}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body


def correlation(request_id: str) -> str:
    """The header line with the query's request id, or nothing if that is not one."""
    return f"X-Correlation-ID: {request_id}\r\n" if _REQUEST_ID.fullmatch(request_id) else ""


class HttpWay:
    """One source's HTTP client. `headers` and `base_path` are the fixed part of every request."""

    def __init__(self, manifest: Manifest, secret: Callable[[str], str]) -> None:
        """`secret` gives a secret by name. Raises `ConfigError`."""
        connect, limits = manifest.connect, manifest.limits
        url = urlsplit(secret(connect["base_url"]))
        name = connect["base_url"]
        if (
            url.scheme not in ("http", "https")
            or not url.hostname
            or url.query
            or url.fragment
            or "@" in url.netloc
        ):
            raise ConfigError(f"the secret {name} is not a plain base URL (https://host/path)")
        if url.scheme == "http" and not _is_loopback(url.hostname):
            raise ConfigError(f"the secret {name} is http to another machine; only https is spoken there")
        try:
            port = url.port or (443 if url.scheme == "https" else 80)
        except ValueError:
            raise ConfigError(f"the port in the secret {name} is not a number") from None
        authorities = secret(connect["ca_file"]) if "ca_file" in connect else None
        tls = _tls(authorities, connect.get("ca_file", "")) if url.scheme == "https" else None
        self._limits = limits
        self._errors = manifest.errors
        self._media: dict[bytes, bool] = {}
        self._accept = str(connect.get("accept", "application/json"))
        self.base_path = url.path.rstrip("/")
        self.origin = f"{url.scheme}://{url.netloc}"
        self.headers = self._fixed_headers(url.netloc, connect, secret)
        if not self.base_path.isascii() or re.search(r"\s", self.base_path):
            raise ConfigError(f"the path in the secret {name} must be percent-encoded")
        self._origin = Origin(
            url.hostname,
            port,
            tls,
            connections=limits.connections or limits.concurrency,
            max_bytes=limits.max_bytes,
        )

    def __repr__(self) -> str:
        return "HttpWay(…)"

    def _fixed_headers(self, host: str, connect: Mapping[str, Any], secret: Callable[[str], str]) -> str:
        lines = {"Host": host, "Accept": self._accept, "Accept-Encoding": "identity"} | connect.get("headers", {})
        auth = connect.get("auth", {"kind": "none"})
        if auth["kind"] != "none":
            value = secret(auth["secret"])
            if not _HEADER_SAFE.fullmatch(value):
                raise ConfigError(f"the secret {auth['secret']} cannot stand in a header")
            if auth["kind"] == "bearer":
                value = f"Bearer {value}"
            elif auth["kind"] == "basic":
                value = "Basic " + base64.b64encode(value.encode()).decode()
            lines[auth.get("header", "Authorization")] = value
        return "".join(f"{key}: {value}\r\n" for key, value in lines.items())

    def send(self, request: bytes) -> Call:
        """Starts a call; `answer()` awaits it."""
        return self._origin.send(request)

    async def answer(self, call: Call) -> Answer:
        """The checked answer of status 200, or `ReadError` with the outcome that the status and codes mean."""
        with contextlib.suppress(WireError):
            await call.future
        return self.judged(call.future)

    def judged(self, future: asyncio.Future[Answer]) -> Answer:
        """As `answer`, of a call that is done."""
        try:
            answer = future.result()
        except WireError as error:
            reason = Reason.TOO_LARGE if str(error) == "too-large" else Reason.SOURCE_ERROR
            raise ReadError(reason) from None
        if answer.status != 200:
            raise self._meaning(answer)
        return answer

    def document(self, answer: Answer) -> Any:
        """The JSON of an answer. Raises `ReadError` garbage or too-large.

        A member that stands twice keeps its last value, for the echo check and the fields alike, since both read
        this one parse.
        """
        if not self._is_json(answer):
            raise ReadError(Reason.GARBAGE)
        body = _decoded(answer, self._limits.max_bytes)
        try:
            document = orjson.loads(body)  # refuses NaN, bad UTF-8, and nesting over 1024
        except orjson.JSONDecodeError:
            raise ReadError(Reason.GARBAGE) from None
        if too_deep(body, document, self._limits.max_depth):
            raise ReadError(Reason.TOO_LARGE)
        return document

    def fault(self, codes: frozenset[str], status: int = 200) -> ReadError | None:
        """What the manifest's error table says of these signs."""
        for sign in self._errors:
            if _fits(sign, status, codes):
                outcome = Outcome(sign.outcome)
                return ReadError(
                    Reason.SOURCE_ERROR if outcome is Outcome.UNAVAILABLE else Reason.NONE, outcome=outcome
                )
        return None

    def _meaning(self, answer: Answer) -> ReadError:
        status = answer.status
        codes, readable = frozenset[str](), False
        if self._is_json(answer):
            try:
                codes, readable = codes_of(orjson.loads(_decoded(answer, self._limits.max_bytes))), True
            except (orjson.JSONDecodeError, ReadError):
                readable = False
        if (fault := self.fault(codes, status)) is not None:
            if fault.outcome is Outcome.UNAVAILABLE:
                fault.retry_after_s = retry_after(answer.headers)
            return fault
        if status == 204:
            return ReadError(Reason.NONE, outcome=Outcome.NONE)
        if status in (404, 410) and readable:  # a wrong path also gives 404, but seldom with a JSON body
            return ReadError(Reason.NONE, outcome=Outcome.NONE)
        if status in (429, 503):
            return ReadError(Reason.SOURCE_BUSY, retry_after_s=retry_after(answer.headers))
        if status in (401, 403, 407):
            return ReadError(Reason.SOURCE_AUTH)
        return ReadError(Reason.SOURCE_ERROR)

    def _is_json(self, answer: Answer) -> bool:
        said = answer.headers.get(b"content-type", b"")
        known = self._media.get(said)
        if known is None:
            media = said.split(b";", 1)[0].strip().lower().decode("latin-1")
            known = media in (self._accept, "application/json") or media.endswith("+json")
            if len(self._media) < 32:
                self._media[said] = known
        return known

    async def close(self) -> None:
        """Closes the connections."""
        await self._origin.close()


def too_deep(body: bytes, document: Any, most: int) -> bool:
    """Whether a JSON text nests deeper than `most`. Its brackets are collapsed pair by pair, at C speed; text with
    brackets in its strings falls back to a walk."""
    brackets = body.translate(None, _NOT_BRACKETS)
    if len(brackets) <= 2 * most:
        return False
    for _ in range(most):
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if not brackets:
            return False
        if len(brackets) == before:
            break
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > most + 1:
            return True
        level = [
            member
            for value in level
            for member in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
        ]
    return False


def codes_of(document: Any) -> frozenset[str]:
    """The codes an error body carries: of an OperationOutcome's issues, or `code` and `error` of an object."""
    if not isinstance(document, dict):
        return frozenset()
    found = [document.get("code"), document.get("error")]
    issues = document.get("issue")
    for issue in issues if isinstance(issues, list) else ():
        if isinstance(issue, dict):
            found.append(issue.get("code"))
            details = issue.get("details")
            codings = details.get("coding") if isinstance(details, dict) else None
            found += [coding.get("code") for coding in codings or () if isinstance(coding, dict)]
    return frozenset(code for code in found if isinstance(code, str))


def retry_after(headers: Mapping[bytes, bytes]) -> int | None:
    """Seconds of Retry-After in either form (RFC 9110 §10.2.3), at most an hour; None if it cannot be read."""
    value = headers.get(b"retry-after", b"").decode("latin-1").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), _RETRY_MOST_S)
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0, min(round(moment - time.time()), _RETRY_MOST_S))


def _fits(sign: ErrorSign, status: int, codes: frozenset[str]) -> bool:
    return sign.when.get("status", status) == status and ("code" not in sign.when or sign.when["code"] in codes)


def _decoded(answer: Answer, most: int) -> bytes:
    """The body without its content encoding, never more than `most` bytes."""
    encoding = answer.headers.get(b"content-encoding", b"").strip().lower()
    body = answer.body
    if encoding in (b"gzip", b"x-gzip"):  # not asked for, but some send it all the same
        inflater = zlib.decompressobj(wbits=31)
        try:
            body = inflater.decompress(body, most + 1)
        except zlib.error:
            raise ReadError(Reason.GARBAGE) from None
        if len(body) <= most and not inflater.eof:
            raise ReadError(Reason.GARBAGE)
    elif encoding not in (b"", b"identity"):
        raise ReadError(Reason.GARBAGE)
    if len(body) > most:
        raise ReadError(Reason.TOO_LARGE)
    return body


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(authorities: str | None, name: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=authorities)  # checks chain and host name
    except ssl.SSLError:
        raise ConfigError(f"the secret {name} is not a PEM of certificate authorities") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
