# SPDX-License-Identifier: Apache-2.0
"""A citizen at the API, over HTTP: for the demo and the command line of a sandbox, whose provider signs anybody
in."""

from __future__ import annotations

from typing import Any

import aiohttp

from connectors.sandbox.sign_in.provider import Provider
from gateway.errors import Unavailable


class VisitRefused(Exception):  # noqa: N818  # a condition of the gateway, told as the reader meets it
    """The gateway did not do what was asked of it. The text is the problem's title."""


class Visitor:
    """One citizen. `http` has the gateway's base URL."""

    def __init__(self, http: aiohttp.ClientSession, provider: Provider, nhs_number: str) -> None:
        self._http = http
        self._provider = provider
        self._nhs_number = nhs_number
        self.session_token = ""

    async def sign_in(self) -> None:
        """Begin at the gateway, prove who they are at the provider, end at the gateway. Raises VisitRefused,
        Unavailable."""
        begun = await self._call("POST", "/v1/sign-ins")
        id_token = self._provider.id_token(self._nhs_number, begun["nonce"])
        opened = await self._call("POST", "/v1/sessions", {"id_token": id_token})
        self.session_token = opened["session_token"]

    async def records(self) -> list[dict[str, Any]]:
        """What may be shared about them."""
        found: list[dict[str, Any]] = (await self._call("GET", "/v1/consent/records"))["records"]
        return found

    async def give(self, record: str, categories: tuple[str, ...]) -> dict[str, Any]:
        """Read the words and agree."""
        words = (await self._call("GET", f"/v1/consent/records/{record}"))["notice"]
        wanted = {"record": record, "decision": "give", "categories": categories, "notice_hash": words["hash"]}
        return await self._call("POST", "/v1/consent/decisions", wanted)

    async def withdraw(self, record: str) -> dict[str, Any]:
        """Take it back."""
        return await self._call("POST", f"/v1/consent/records/{record}/withdraw")

    async def receipt(self, href: str) -> dict[str, Any]:
        """A receipt, signed and in plain words."""
        return await self._call("GET", href)

    async def uses(self) -> list[dict[str, Any]]:
        """Who asked about them."""
        found: list[dict[str, Any]] = (await self._call("GET", "/v1/consent/uses"))["uses"]
        return found

    async def sign_out(self) -> None:
        """End the session."""
        await self._call("DELETE", "/v1/sessions/current")

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.session_token}"} if self.session_token else {}
        try:
            async with self._http.request(method, path, json=body, headers=headers) as reply:
                answer: dict[str, Any] = await reply.json(content_type=None) if reply.status != 204 else {}
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unavailable("The gateway does not answer: start it with `make demo`.") from error
        if reply.status >= 400:
            raise VisitRefused(str(answer.get("title", "the gateway refused")))
        return answer
