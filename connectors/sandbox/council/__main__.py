# SPDX-License-Identifier: Apache-2.0
"""`python -m connectors.sandbox.council --data DIR --port N`: the council's database until SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from connectors.sandbox.council.binaries import CouncilError
from connectors.sandbox.council.cluster import DATABASE, Cluster
from connectors.sandbox.process import announce, options, require


def main() -> int:
    """Runs the server; the exit status is 1 when it ended without being told to."""
    found = options("council")
    told = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        told.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    cluster = Cluster(found.data)
    require(found, cluster.ready_to_start())
    try:
        port = cluster.start(found.port)
        announce(found, f"postgresql://127.0.0.1:{port}/{DATABASE}", port)
        while cluster.running and not told.wait(0.2):
            pass
    except CouncilError as error:
        sys.exit(str(error))
    finally:
        cluster.stop()
    return 0 if told.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
