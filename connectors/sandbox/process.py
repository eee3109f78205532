# SPDX-License-Identifier: Apache-2.0
"""What every twin does as a process: its arguments, its ready line, and its end.

A twin says `ready ADDRESS` on its standard output when it answers, and nothing else there. SIGTERM and SIGINT end
it with status 0. With `--with-parent` it also ends when its standard input closes, so that a demo that is
killed leaves nothing running.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path


class Options(argparse.Namespace):
    """The arguments of one twin."""

    data: Path
    port: int
    port_file: Path | None
    with_parent: bool


def options(name: str, arguments: list[str] | None = None) -> Options:
    """Reads the arguments and, if asked to, ties the process to its parent."""
    parser = argparse.ArgumentParser(prog=f"python -m connectors.sandbox.{name}", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that the population was written to")
    parser.add_argument("--port", type=int, default=0, help="TCP port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--port-file", type=Path, help="file to write the port to, once it answers")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input closes")
    found = parser.parse_args(arguments, Options())
    if found.with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    return found


def require(found: Options, present: bool) -> None:
    """Ends the process with a sentence when the data folder holds no population."""
    if not present:
        sys.exit(f"{found.data} holds no population: run `commons sandbox populate`")


def announce(found: Options, address: str, port: int) -> None:
    """Tells whoever waits that the twin answers."""
    if found.port_file:
        found.port_file.write_text(str(port))
    sys.stdout.write(f"ready {address}\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
