# SPDX-License-Identifier: Apache-2.0
"""`python -m connectors.sandbox.nhs --data DIR --port N`: the GP record service until SIGTERM."""

from __future__ import annotations

import sys

from connectors.sandbox.http import serve
from connectors.sandbox.nhs.server import BASE, make
from connectors.sandbox.process import options, require


def main() -> int:
    """Serves until told to stop."""
    found = options("nhs")
    require(found, (found.data / "store.db").exists())
    twin, close = make(found.data)
    try:
        return serve(twin, found, BASE)
    finally:
        close()


if __name__ == "__main__":
    sys.exit(main())
