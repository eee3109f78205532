# SPDX-License-Identifier: Apache-2.0
"""Delivers notices from the outbox, beside whatever else a worker does. Any number of workers may: what one has
taken, the others leave alone until its lease is over.

A failure here touches nothing else: withdrawing, deciding and answering need no receiver.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from sqlalchemy import Engine, select

from gateway import db
from gateway.errors import DatabaseUnavailable
from gateway.notices import endpoints, outbox
from gateway.notices.endpoints import SecretKeys
from gateway.notices.outbox import Waiting
from gateway.notices.post import Post
from gateway.notices.signing import KIND, NOTICE, SIGNATURE, sign
from gateway.notices.tables import notice, webhook

log = logging.getLogger("commons.notices")

POLL_S = 0.5
"""How often the outbox is looked into: one indexed read."""


class Courier:
    """The delivering task of one worker. Belongs to one event loop. `clock`: epoch seconds."""

    def __init__(
        self, engine: Engine, keys: SecretKeys, post: Post, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._post = post
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run(), name="notices")

    async def close(self) -> None:
        """Stop; what was being delivered will be delivered again by whoever comes next."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._post.close()

    async def round(self) -> int:
        """Deliver what is due now, all at once; gives how many were tried. Raises DatabaseUnavailable."""
        taken = await asyncio.to_thread(self._take)
        if taken:
            statuses = await asyncio.gather(*(self._deliver(one, secrets) for one, secrets in taken))
            await asyncio.to_thread(self._settle, [one for one, _ in taken], statuses)
        return len(taken)

    async def _run(self) -> None:
        while True:
            try:
                tried = await self.round()
            except DatabaseUnavailable:
                tried = 0
            except InvalidTag:
                log.error("a webhook secret does not open: its row was changed or moved, or the seal key is wrong")
                tried = 0
            except Exception as error:  # whatever it was, the other notices still have to go out
                log.error("notices could not be delivered: %s", type(error).__name__)
                tried = 0
            if not tried:
                await asyncio.sleep(POLL_S)

    def _take(self) -> list[tuple[Waiting, tuple[str, ...]]]:
        now_ms = int(self._clock() * 1000)
        if not self._any(now_ms):
            return []
        with db.write(self._engine) as connection:
            taken = outbox.take(connection, now_ms)
            held = {
                system: endpoints.secrets(connection, self._keys, system, now_ms // 1000)
                for system in {one.system for one in taken}
            }
        return [(one, held[one.system]) for one in taken]

    def _any(self, now_ms: int) -> bool:
        """Whether anything is due, without the lock that writing takes."""
        due = (
            select(notice.c.id)
            .join(webhook, webhook.c.system == notice.c.system)
            .where(
                notice.c.state == "waiting",
                notice.c.due_ms <= now_ms,
                webhook.c.active,
                webhook.c.rest_until_ms <= now_ms,
            )
            .limit(1)
        )
        with db.read(self._engine) as connection:
            return connection.execute(due).first() is not None

    async def _deliver(self, one: Waiting, secrets: tuple[str, ...]) -> int:
        signature = sign(one.payload, secrets, int(self._clock()))
        headers = {SIGNATURE: signature, NOTICE: one.id, KIND: one.kind}
        return await self._post.send(one.url, one.payload, headers)

    def _settle(self, taken: list[Waiting], statuses: list[int]) -> None:
        now_ms = int(self._clock() * 1000)
        with db.write(self._engine) as connection:
            for one, status in zip(taken, statuses, strict=True):
                if 200 <= status < 300:
                    outbox.delivered(connection, one, status, now_ms)
                else:
                    outbox.failed(connection, one, status, now_ms)
