# SPDX-License-Identifier: Apache-2.0
"""Asking the witnesses of a policy for cosignatures (C2SP tlog-witness), all at once."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from pathlib import Path

import aiohttp

from gateway.audit.checkpoint import DASH, Checkpoint, NoteError, parse, split
from gateway.audit.integrity import LogRefused
from gateway.audit.verify import Finding, Policy
from gateway.audit.verify import notes as reading
from gateway.audit.verify.policy import Witness

log = logging.getLogger("commons.audit.witnesses")

ASK_S = 1.0
"""Seconds a witness may take: a release never waits for one, but the published checkpoint does."""

Growth = Callable[[int], Awaitable[Sequence[bytes] | None]]
"""Old size → consistency proof to the size that is asked about; None when the log has no such size."""


def read_policy(file: Path) -> Policy:
    """The policy in a file. Raises LogRefused."""
    try:
        return Policy.parse(file.read_text())
    except (OSError, UnicodeDecodeError, Finding) as error:
        raise LogRefused(f"COMMONS_LOG_POLICY: {file} cannot be used: {error}") from error


class Witnesses:
    """The witnesses of one policy, and how far each is with each log."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._sizes: dict[tuple[str, str], int] = {}
        self._refused: set[str] = set()
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def cosigned(self, note: str, growth: Growth) -> tuple[str, frozenset[str]]:
        """A signed note with the cosignatures that could be had within a second, and the names of who made them."""
        body, _ = split(note)
        head = parse(body)
        asked = [one for one in self.policy.witnesses.values() if one.url]
        lines = await asyncio.gather(*[self._ask(one, head, body, note, growth) for one in asked])
        named = frozenset(one.name for one, line in zip(asked, lines, strict=True) if line)
        return note + "".join(lines), named

    async def newest(self, origins: Sequence[str]) -> list[Checkpoint]:
        """The newest checkpoints of these logs that witnesses cosigned, of those that can be reached."""
        asked = [(one, origin) for one in self.policy.witnesses.values() if one.url for origin in origins]
        found = await asyncio.gather(*[self._newest(one, origin) for one, origin in asked])
        return [one for one in found if one is not None]

    async def _ask(self, witness: Witness, head: Checkpoint, body: str, note: str, growth: Growth) -> str:
        """The cosignature line of one witness; empty when it cannot be had."""
        key = (witness.name, head.origin)
        try:
            async with asyncio.timeout(ASK_S):
                for _ in range(2):  # it may be elsewhere than we think; then it says where
                    old = self._sizes.get(key, 0)
                    path = await growth(old)
                    if path is None:
                        self._blame(witness, head, "has seen more entries than the log has")
                        return ""
                    status, answer = await self._post(witness, request(old, path, note))
                    if status == 409 and reading.is_decimal(answer.strip()):
                        self._sizes[key] = int(answer)
                        continue
                    break
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError):
            return ""
        if status == 422:
            self._blame(witness, head, "has seen another history of the log")
        if status != 200:
            return ""
        try:
            made = witness.key.cosigned(body, reading.signature_lines(answer))
        except Finding:
            return ""
        if made is None:
            return ""
        self._sizes[key] = head.size
        self._refused.discard(witness.name)
        return f"{DASH}{witness.key.name} {b64encode(made[1]).decode()}\n"

    async def _post(self, witness: Witness, body: bytes) -> tuple[int, str]:
        async with self._session().post(f"{witness.url}/add-checkpoint", data=body) as reply:
            return reply.status, (await reply.content.read(64 * 1024)).decode()

    async def _newest(self, witness: Witness, origin: str) -> Checkpoint | None:
        try:
            async with asyncio.timeout(ASK_S):
                address = f"{witness.url}/{sha256(origin.encode()).hexdigest()}/checkpoint"
                async with self._session().get(address) as reply:
                    note = (await reply.content.read(64 * 1024)).decode() if reply.status == 200 else ""
            body, signatures = reading.split(note)
            made = witness.key.cosigned(body, signatures)
            return parse(body) if made is not None and body.startswith(f"{origin}\n") else None
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError, Finding, NoteError):
            return None

    def _blame(self, witness: Witness, head: Checkpoint, what: str) -> None:
        """Say it once: somebody must find out which of the two is the log that was."""
        if witness.name not in self._refused:
            self._refused.add(witness.name)
            log.error("the witness %s %s (%s, size %d)", witness.name, what, head.origin, head.size)

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(headers={"User-Agent": "commons-gateway"})
        return self._http


def request(old: int, path: Sequence[bytes], note: str) -> bytes:
    """A request to a witness (C2SP tlog-witness), which is also how auditors are given a consistency proof."""
    lines = [f"old {old}", *(b64encode(hash_).decode() for hash_ in path)]
    return ("\n".join(lines) + "\n\n" + note).encode()
