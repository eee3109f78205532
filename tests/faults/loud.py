# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.faults.loud DATA PORT`: one more worker, with every library's log at DEBUG on standard error.

Only the server's access log stays off, as in the product: it writes addresses, and a caller can put anything there.
"""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

import uvicorn

from gateway.app import create_app
from gateway.settings import load


def main() -> None:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(message)s %(args)s")
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    app = create_app(load(Path(sys.argv[1])))
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.DEBUG)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_config=None, log_level="debug", access_log=False)


if __name__ == "__main__":
    main()
