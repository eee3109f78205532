# SPDX-License-Identifier: Apache-2.0
"""All sources of one query at once, under one deadline. Whatever a source does, an envelope comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from connectors.base import Envelope, Read, ReadError, Reason
from connectors.landing import Effort, refused
from connectors.registry import Registry, Source

_log = logging.getLogger(__name__)
_GRACE_S: Final = 0.02  # engines keep the deadline themselves; this is for one that does not


async def gather(registry: Registry, reads: Sequence[Read], deadline: float) -> list[Envelope]:
    """One envelope per (source, category) asked, in the order asked. `deadline` is on the event loop's clock
    (seconds) and holds for every read, whatever its own says. Raises nothing; cancelling it cancels the upstream
    calls."""
    if len(reads) == 1:
        return await _within(registry, reads[0], deadline)
    if not reads:
        return []
    tasks = [asyncio.ensure_future(_within(registry, read, deadline)) for read in reads]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
    return [envelope for task in tasks for envelope in task.result()]


async def _within(registry: Registry, read: Read, deadline: float) -> list[Envelope]:
    """One source behind its gate. Whatever goes wrong becomes envelopes."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    source = registry.source(read.source)
    if source is None:
        return _unknown(read)
    try:
        _usable(source, read)
        source.gate.enter(started)
    except ReadError as error:
        return refused(source.manifest, source.mapping, read, error, Effort(started), started)
    if read.deadline > deadline:
        read = msgspec.structs.replace(read, deadline=deadline)
    envelopes: list[Envelope] = []
    try:
        envelopes = await _asked(source, read, read.deadline + _GRACE_S, started)
    finally:
        source.gate.leave(envelopes, started, loop.time())
    return envelopes


async def _asked(source: Source, read: Read, deadline: float, started: float) -> list[Envelope]:
    loop = asyncio.get_running_loop()
    if source.context is None:
        raise AssertionError("a usable source has a context")
    try:
        async with asyncio.timeout_at(deadline):
            return await source.engine.read(source.context, read)
    except TimeoutError:
        error = ReadError(Reason.SOURCE_TIMEOUT)
    except Exception as fault:
        # A fault of an engine is one source's outcome, not the query's end. An exception's text may hold what a
        # source sent: its type is all that is told.
        _log.error(
            "engine %s failed on source %s: %s", source.manifest.engine.name, read.source, type(fault).__name__
        )
        error = ReadError(Reason.ENGINE_FAULT)
    return refused(source.manifest, source.mapping, read, error, Effort(started, calls=1), loop.time())


def _usable(source: Source, read: Read) -> None:
    if source.context is None:
        raise ReadError(source.why)
    if read.identifier_system not in source.manifest.identifiers.accepts or not read.identifier:
        raise ReadError(Reason.NOT_SERVED)


def _unknown(read: Read) -> list[Envelope]:
    return [
        Envelope(
            source=read.source,
            category=category,
            outcome=ReadError(Reason.NOT_SERVED).outcome,
            reason=Reason.NOT_SERVED,
        )
        for category in read.wants
    ]
