# SPDX-License-Identifier: Apache-2.0
"""How a twin misbehaves: for everybody or about one citizen, built in or told over HTTP.

    PUT /__sandbox/faults   {"mode": "slow", "identifier": "9990000018", "delay_ms": 700}
    GET /__sandbox/faults   what is in force
    DELETE /__sandbox/faults   back to what is built in

`identifier` left out means everybody. A citizen's own fault goes before everybody's; mode `none` ends one.
The documented test citizens have faults built in, which `none` for everybody does not end.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Struct


class Mode(StrEnum):
    """What goes wrong."""

    NONE = "none"
    SLOW = "slow"  # answers well, `delay_ms` late
    FAIL = "fail"  # answers with an error of the server
    HANG = "hang"  # takes the question and never answers
    LIE = "lie"  # answers well, about somebody else
    GARBAGE = "garbage"  # answers 200 with what is no record
    DRIP = "drip"  # answers well, one byte each `delay_ms`
    THROTTLE = "throttle"  # answers 429 with Retry-After


class Fault(Struct, frozen=True):
    """One fault; `identifier` empty means everybody."""

    mode: Mode
    identifier: str = ""
    delay_ms: int = 0


class Faults:
    """The faults of one twin. Used from its event loop alone."""

    def __init__(self, built_in: Mapping[str, Fault]) -> None:
        self._built_in = dict(built_in)
        self._told: dict[str, Fault] = {}

    def about(self, identifier: str) -> Fault | None:
        """The fault to show when asked about that identifier, None for none."""
        if not self._told and not self._built_in:
            return None
        fault = self._told.get(identifier) or self._built_in.get(identifier) or self._told.get("")
        return None if fault is None or fault.mode is Mode.NONE else fault

    def tell(self, body: bytes) -> None:
        """Sets the fault of a PUT. Raises msgspec.ValidationError or DecodeError when it cannot be read."""
        fault = msgspec.json.decode(body, type=Fault)
        if fault.mode is Mode.NONE and not fault.identifier:
            self._told.pop("", None)
        else:
            self._told[fault.identifier] = fault

    def forget(self) -> None:
        """Back to what is built in."""
        self._told.clear()

    def in_force(self) -> bytes:
        """All of them as JSON."""
        return msgspec.json.encode([*self._built_in.values(), *self._told.values()])
