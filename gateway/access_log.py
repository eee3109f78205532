# SPDX-License-Identifier: Apache-2.0
"""Opening the access log of one gateway: what it is compared with first, and what publishes it then."""

from __future__ import annotations

import contextlib
import functools
import signal

from sqlalchemy import Engine

from gateway.audit import shards
from gateway.audit.folder import Folder
from gateway.audit.log import Log
from gateway.audit.publishing import Publisher
from gateway.audit.seen import Seen
from gateway.audit.witnesses import Witnesses, read_policy
from gateway.keyring import Keyring
from gateway.settings import Settings

_end = functools.partial(signal.raise_signal, signal.SIGTERM)
"""What waits is answered, and the process ends; whoever supervises it starts another, which reads the disk anew."""


async def opened(
    settings: Settings, keys: Keyring, engine: Engine, stack: contextlib.AsyncExitStack
) -> tuple[Log, Publisher]:
    """The log, started, and its publisher, not yet started; `stack` closes both. Our own files and the witnesses
    are asked what they saw of it, so that an older state is not continued. Raises LogRefused, AuditUnavailable."""
    seen = Seen(settings.log_seen)
    known = seen.read()
    witnesses = None
    if settings.log_policy is not None:
        witnesses = Witnesses(read_policy(settings.log_policy))
        known += await witnesses.newest([shards.this_year(settings.log_origin)])
    deadline_ms = settings.log_commit_deadline_ms
    log = Log(
        engine, keys, settings.log_origin, deadline_ms=deadline_ms, folder=settings.log_seat, seen=known, lost=_end
    )
    folder = Folder(settings.log_folder, bundles=settings.log_folder_entries) if settings.log_folder else None
    publisher = Publisher(engine, log.reader, seen, witnesses, folder)
    stack.push_async_callback(publisher.close)
    await log.start()
    stack.push_async_callback(log.close)
    return log, publisher
