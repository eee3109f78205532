# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.faults.unguarded FAULT serve …`: a gateway with a fault planted in it, for tests of the tests.

    guard   the seal is written without looking at the consent sequence again
    stale   that, and a standing under which something is given is remembered for ever

The product has no switch for this: the fault is put in from here, into this process alone.
"""

from __future__ import annotations

import sys
from typing import Any

from consent import live
from consent.model import Standing, State
from gateway.audit.log import Log
from gateway.cli.command import main

_append = Log.append


async def _unguarded(self: Log, event: Any, *, guard: object = None, **more: Any) -> Any:
    return await _append(self, event, **more)


def _remembering(kind: type[Any]) -> None:
    reads = kind.standing

    held: dict[tuple[str, ...], Any] = {}

    async def standing(self: Any, *key: str, at_least: int = 0) -> Any:
        if key in held:
            return held[key]
        standing: Standing = await reads(self, *key)
        if any(one.state == State.GIVEN for said in standing.by_category.values() for one in said):
            held[key] = standing  # one that gives nothing could release nothing, however stale
        return standing

    kind.standing = standing


if __name__ == "__main__":
    fault = sys.argv.pop(1)
    Log.append = _unguarded  # type: ignore[method-assign,assignment]
    if fault == "stale":
        for one in (live.SqliteLedger, live.PostgresLedger):
            _remembering(one)
    main()
