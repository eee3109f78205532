# SPDX-License-Identifier: Apache-2.0
"""Secrets of the connected systems, by name: addresses, keys and passwords that no manifest holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[a-z0-9_]{3,64}")


class Vault:
    """A folder with one file per secret, or a mapping in tests. Never shows what it holds."""

    def __init__(self, source: Mapping[str, str] | Path) -> None:
        """`source`: where the secrets stand; a folder's files are read when asked for."""
        self._source = source

    def __repr__(self) -> str:
        return "Vault(…)"

    def get(self, name: str) -> str | None:
        """The secret without surrounding white space, or None when there is none of that name."""
        if not _NAME.fullmatch(name):
            return None
        if isinstance(self._source, Mapping):
            value = self._source.get(name)
        else:
            try:
                value = (self._source / name).read_text(encoding="utf-8")
            except (FileNotFoundError, NotADirectoryError):
                return None
        value = (value or "").strip()
        return value or None
