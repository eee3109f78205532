# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench.profiled FILE serve …`: the `commons` command under cProfile, from SIGUSR1 to the end.

So its start is not in the profile; only the thread of the event loop is. End it with SIGINT: SIGTERM ends a
process before it could write anything.
"""

from __future__ import annotations

import cProfile
import signal
import sys

from gateway import cli


def main(file: str) -> None:
    """Run the command and write the profile when it ends."""
    profile = cProfile.Profile()
    signal.signal(signal.SIGUSR1, lambda *_: profile.enable())
    try:
        cli.main()
    finally:
        profile.disable()
        profile.dump_stats(file)


if __name__ == "__main__":
    main(sys.argv.pop(1))
