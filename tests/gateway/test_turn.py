# SPDX-License-Identifier: Apache-2.0
"""SQLite's write lock is handed on in turn: a change of consent gets through a log that never stops writing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gateway.db import Turn


def test_who_waits_for_the_lock_is_seen_by_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    with Turn(log) as mine, Turn(log) as theirs:
        assert mine.is_free()
        with theirs.held():
            assert not mine.is_free()
        assert mine.is_free()


def test_a_process_that_dies_holds_up_nobody(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    script = (
        "import os, sys, pathlib\n"
        "from gateway.db import Turn\n"
        "turn = Turn(pathlib.Path(sys.argv[1]))\n"
        "with turn.held():\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(log)], check=False, timeout=30)
    with Turn(log) as turn:
        assert turn.is_free()
