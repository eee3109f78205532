# SPDX-License-Identifier: Apache-2.0
"""`python -m gateway.cli`: the `commons` command."""

from gateway.cli.command import main

if __name__ == "__main__":
    main()
