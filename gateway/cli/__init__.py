# SPDX-License-Identifier: Apache-2.0
"""The `commons` command, a file for each group of commands; `command` joins them."""

from gateway.cli.command import main

__all__ = ["main"]
