# SPDX-License-Identifier: Apache-2.0
"""What a mapping could not read and what it does not read, counted by name: how a changed upstream is noticed.

Only names are kept, never values; and because a hostile upstream could put values where names stand, only what
looks like a name of a member, and only so many of them.
"""

from __future__ import annotations

import re
from typing import Any, Final

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}[0-9]{0,2}")  # no identifier can pass for a name
_MOST: Final = 64
_EVERY: Final = 64  # one record in so many is looked over for members that no rule reads


class Census:
    """Counts of one category at one source, in one process."""

    def __init__(self, read: frozenset[str]) -> None:
        """`read`: the outermost members that the mapping reads."""
        self._read = read
        self._records = 0
        self.unmapped: dict[str, int] = {}
        self.unread: dict[str, int] = {}

    def count(self, item: Any, unmapped: tuple[str, ...]) -> None:
        """One record was mapped; `unmapped` are the vocabulary's fields whose value could not be read."""
        for field in unmapped:
            self.unmapped[field] = self.unmapped.get(field, 0) + 1
        if self._records % _EVERY == 0 and isinstance(item, dict):
            for name in item.keys() - self._read:
                known = name in self.unread
                if known or (len(self.unread) < _MOST and isinstance(name, str) and _NAME.fullmatch(name)):
                    self.unread[name] = self.unread.get(name, 0) + 1
        self._records += 1
