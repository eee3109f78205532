# SPDX-License-Identifier: Apache-2.0
"""Every bundle that was ever activated, kept as files so that a past decision can be judged again.

A file is found by the revision of what it holds, and that revision is computed from its content: a file that was
edited is not found, whoever wrote it.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway.policy.bundle import Bundle
from gateway.policy.packing import BundleRefusedError, Packed, unpack

_REVISION = re.compile(r"^[0-9a-f]{64}$")

IN_FORCE = "in-force.tar.gz"
"""Name of the bundle in force, for OPA servers."""


class Archive:
    """The bundles in `folder`, each as `SEQUENCE-REVISION.tar.gz`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, revision: str) -> Bundle | None:
        """The bundle of a revision (64 hexadecimal digits), None when it is not here or not what it was."""
        if not _REVISION.match(revision):
            return None
        for path in sorted(self._folder.glob(f"*-{revision}.tar.gz"), reverse=True):
            try:
                packed = unpack(path.read_bytes())
            except BundleRefusedError:
                continue
            if packed.revision == revision:
                return packed.bundle
        return None

    def keep(self, packed: Packed, raw: bytes) -> Path:
        """Keep an activated bundle; gives its file. What is kept already is left as it is."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{packed.release.sequence:010d}-{packed.revision}.tar.gz"
        if not path.exists() or path.read_bytes() != raw:
            _write(path, raw)
        return path

    def in_force(self) -> bytes | None:
        """The bundle that OPA servers of this gateway are given."""
        try:
            return (self._folder / IN_FORCE).read_bytes()
        except FileNotFoundError:
            return None

    def put_in_force(self, raw: bytes) -> None:
        """Give the OPA servers of this gateway a bundle to load."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / IN_FORCE
        if not path.exists() or path.read_bytes() != raw:
            _write(path, raw)

    def __iter__(self) -> Iterator[Path]:
        """The kept files, the newest last."""
        return iter(sorted(self._folder.glob("*-*.tar.gz")))


def _write(path: Path, raw: bytes) -> None:
    """Whole or not at all: a reader never sees half a bundle."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    with os.fdopen(fd, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    Path(name).chmod(0o644)
    Path(name).replace(path)
