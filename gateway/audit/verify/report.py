# SPDX-License-Identifier: Apache-2.0
"""What a check found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .notes import Head


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked. `size` and `root` are the checkpoint's; `entries` is how many were read and hashed (0 when
    they are not served to us: tiles and root then still verify); `witnesses` cosigned the checkpoint, of those the
    policy names; `findings` is empty exactly if all holds. `shown` says what a proof shows of its entry."""

    findings: tuple[str, ...]
    origin: str = ""
    size: int = 0
    root: str = ""
    entries: int = 0
    witnesses: tuple[str, ...] = ()
    shown: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything that was checked holds."""
        return not self.findings


def report(head: Head | None, findings: Sequence[str], entries: int = 0, shown: str = "") -> Report:
    """The report of a check; `head` is None when no checkpoint could be opened."""
    found = tuple(findings)
    if head is None:
        return Report(found)
    return Report(found, head.origin, head.size, head.root.hex(), entries, head.witnesses, shown)
