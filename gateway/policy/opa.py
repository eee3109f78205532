# SPDX-License-Identifier: Apache-2.0
"""The judge beside the process: a real OPA server that loads the same signed bundle.

Spoken to through opa-python-client's AsyncOpaClient. Where it falls short, `_Client` adds the least that is needed:
it has no Unix socket (one connector is given in place of another), and it repeats a question for seconds after a
502 or a lost connection (`retries=0`: a decision has a budget, and whoever asked may ask again). Its answers are
read by `judge.read`, as strictly as those of the engine in the process.

Every answer says which bundle it was judged by (OPA's provenance). One that was judged by another law than the one
in force here is no verdict: OPA itself does not know that a bundle was rolled back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from opa_client.opa_async import AsyncOpaClient

from gateway.errors import PolicyUnavailable
from gateway.model import Decision
from gateway.policy import canaries
from gateway.policy.encoding import checked, encode
from gateway.policy.facts import Facts
from gateway.policy.judge import read
from gateway.policy.law import Law
from gateway.policy.packing import BundleRefusedError

PACKAGE, RULE = "commons.access", "decision"
CONNECTIONS = 64
"""Open connections to OPA; kept alive and used again. A query that finds none free waits within its timeout."""


AT_ONCE = 4
"""Canaries asked side by side: more would make OPA too slow for the queries of citizens."""


REMEMBERED_S = 5
"""Seconds for which a decision of OPA is used again: when OPA is gone, what it allowed is soon allowed no more."""


class _Client(AsyncOpaClient):  # type: ignore[misc]  # the package has no types
    """AsyncOpaClient with a bounded pool and, where a path is given, a Unix socket."""

    socket = ""
    _session: aiohttp.ClientSession

    async def _init_session(self) -> None:
        await super()._init_session()
        if self.socket or not self.ssl:
            await self._session.close()
            self._connector = (
                aiohttp.UnixConnector(self.socket, limit=CONNECTIONS)
                if self.socket
                else aiohttp.TCPConnector(limit=CONNECTIONS)
            )
            timeout = aiohttp.ClientTimeout(total=self.timeout)
            plain = {"Accept-Encoding": "identity"}  # nothing is won by compressing for the same machine
            self._session = aiohttp.ClientSession(connector=self._connector, timeout=timeout, headers=plain)

    @contextlib.asynccontextmanager
    async def _request(self, method: str, url: str, **given: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Only 200 is an answer; the client takes whatever is below 400, and would follow OPA elsewhere."""
        async with super()._request(method, url, allow_redirects=False, **given) as response:
            if response.status != 200:
                raise aiohttp.ClientResponseError(response.request_info, (), status=response.status)
            yield response


class Opa:
    """One OPA server. Open it in the event loop that will ask it."""

    def __init__(self, url: str, *, timeout_ms: int) -> None:
        parts = urlsplit(url)
        self._timeout_s = timeout_ms / 1000
        self._client = _Client(
            parts.hostname or "localhost",
            parts.port or 8181,
            ssl=parts.scheme == "https",
            retries=0,
            timeout=self._timeout_s,
        )
        self._client.socket = parts.path if parts.scheme == "unix" else ""

    async def __aenter__(self) -> Opa:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, where)

    async def ask(self, text: bytes) -> tuple[bytes, str]:
        """The decision about facts in JSON, as JSON, and the revision it was judged by. Raises PolicyUnavailable
        when OPA is down, too slow, without a bundle or says anything but a decision."""
        try:
            async with asyncio.timeout(self._timeout_s):
                said = await self._client.query_rule(
                    msgspec.json.decode(text), PACKAGE, RULE, {"provenance": "true"}
                )
            return msgspec.json.encode(said["result"]), _revision(said)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, TypeError, LookupError) as error:
            raise PolicyUnavailable from error

    async def healthy(self) -> bool:
        """Whether OPA answers and has loaded its bundle (`/health?bundles`)."""
        return bool(await self._client.check_health({"bundles": "true"}))


def _revision(said: dict[str, Any]) -> str:
    """Raises ValueError unless it is judged by exactly one bundle: a second one could add rules."""
    [bundle] = said["provenance"]["bundles"].values()
    return str(bundle["revision"])


class OpaJudge:
    """Judges by the bundle of one revision, as loaded by an OPA server.

    `coming`: the revision that was activated and that OPA may have loaded a moment before this gateway: what is
    judged by it is judged by law in force, and the decision says so.
    """

    def __init__(self, opa: Opa, revision: str) -> None:
        self._opa = opa
        self._revision = revision
        self.coming = ""

    @property
    def revision(self) -> str:
        """See Judge."""
        return self._revision

    async def judge(self, facts: Facts) -> Decision:
        """See Judge."""
        try:
            text = encode(facts)
            given = checked(text)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise PolicyUnavailable from error
        answer, revision = await self._opa.ask(text)
        if revision != self._revision and (not self.coming or revision != self.coming):
            raise PolicyUnavailable
        return read(answer, given, revision)


class OpaJudges:
    """The judges on one OPA server, each given when OPA has loaded its law (see Judges)."""

    lasting_s: int | None = REMEMBERED_S

    def __init__(self, opa: Opa, *, wait_s: float = 10.0) -> None:
        self._opa = opa
        self._wait_s = wait_s
        self._last: OpaJudge | None = None

    async def of(self, law: Law) -> OpaJudge:
        """The judge of `law`, after OPA refused every canary under it. Raises PolicyUnavailable when OPA has not
        loaded it in time, BundleRefusedError (`allows-canary`); then the judge before goes on."""
        if self._last is not None:
            self._last.coming = law.revision
        await self._loaded(law.revision)
        judge = OpaJudge(self._opa, law.revision)
        for some in _batched(canaries.questions(law.vocabulary), AT_ONCE):
            decisions = await asyncio.gather(*[judge.judge(facts) for _, facts in some])
            for (what, _), decision in zip(some, decisions, strict=True):
                if any(verdict.allow for verdict in decision.verdicts):
                    self._forget()
                    raise BundleRefusedError("allows-canary", f"OPA allows what must be refused: {what}")
        self._last = judge
        return judge

    async def healthy(self) -> bool:
        """See Judges."""
        return await self._opa.healthy()

    def _forget(self) -> None:
        """OPA judges by something that must not be served: the judge before takes none of it."""
        if self._last is not None:
            self._last.coming = ""

    async def _loaded(self, revision: str) -> None:
        probe = encode(Facts())
        try:
            async with asyncio.timeout(self._wait_s):
                while True:
                    with contextlib.suppress(PolicyUnavailable):
                        if (await self._opa.ask(probe))[1] == revision:
                            return
                    await asyncio.sleep(0.1)
        except TimeoutError as error:
            raise PolicyUnavailable("OPA has not loaded the law that is in force.") from error


def _batched(questions: Iterable[tuple[str, Facts]], size: int) -> Iterator[list[tuple[str, Facts]]]:
    left = iter(questions)
    while some := list(islice(left, size)):
        yield some
