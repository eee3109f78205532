# SPDX-License-Identifier: Apache-2.0
"""One thread beside the event loop, for the calls that wait on the disk.

Cheaper than an executor, since it does one thing at a time for one loop; what that saves stands in
docs/decisions/the-log-commits-beside-the-loop.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Job(Generic[T]):
    """A call, and the future that its end resolves."""

    def __init__(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self._loop = loop
        self.done: asyncio.Future[T] = loop.create_future()

    def run(self) -> None:
        try:
            result = self._call()
        except BaseException as error:
            self._tell(self._fail, error)
        else:
            self._tell(self._succeed, result)

    def _tell(self, resolve: Callable[..., None], value: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody listens any more
            self._loop.call_soon_threadsafe(resolve, value)

    def _succeed(self, result: T) -> None:
        if not self.done.done():
            self.done.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Apart:
    """Runs calls one after the other on a thread of its own."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job[object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, call: Callable[[], T]) -> T:
        """The call's result, or its exception. A cancelled wait does not stop the call."""
        job = _Job(call, asyncio.get_running_loop())
        self._jobs.put(job)  # type: ignore[arg-type]  # the thread gives each job its own kind of result
        return await job.done

    def stop(self) -> None:
        """Let the thread end after what it was given. It is not waited for: its disk may hang."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
