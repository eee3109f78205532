# SPDX-License-Identifier: Apache-2.0
"""The `commons` command: parse, call one function, print. Exit status 0 done, 1 refused with a sentence, 2 usage.

`--data DIR` names the folder of one gateway; all else comes from the settings (`COMMONS_…`). The modules of a
command are read when that command is asked for: most need a fraction of the program, and reading all of it takes
longer than what they do.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import MappingProxyType
from typing import Any

import typer
from typer.core import TyperGroup

from gateway.cli.shared import err

PLACES = MappingProxyType({
    "serve": ("serving:serve",),
    "migrate": ("setting_up:migrate_",),
    "token": ("setting_up:token",),
    "demo": ("sandbox:demo_",),
    "keys": ("setting_up:keys",),
    "organisation": ("registering:organisation",),
    "system": ("registering:system",),
    "consent": ("consent:group",),
    "authority": ("authority:group",),
    "webhook": ("webhook:group",),
    "receipt": ("receipt:group",),
    "person": ("officers:person",),
    "override": ("officers:override",),
    "audit": ("audit:group", "auditing"),
    "policy": ("policy:group", "authoring", "rehearsing"),
    "agreement": ("agreement:group",),
    "erasure": ("erasing:group",),
    "sandbox": ("sandbox:people",),
    "witness": ("witnessing:group",),
    "embargo": ("embargoing:group",),
})  # fmt: skip
"""Where each command or group of commands stands in this folder, and which modules add to it."""


class Commands(TyperGroup):
    """The commands of PLACES, each read from its module when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, in the order in which help shows them."""
        return list(PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, None if there is none."""
        if cmd_name not in PLACES:
            return None
        first, *more = PLACES[cmd_name]
        module, _, name = first.partition(":")
        found = getattr(_module(module), name)
        for other in more:
            _module(other)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            group.name = cmd_name
            return group
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(found)
        return typer.main.get_command(alone)


def _module(name: str) -> Any:
    return import_module(f"gateway.cli.{name}")


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def commons() -> None:
    """Set up and run a commons gateway, and check its access log.

    `--data DIR` names the folder of one gateway. Settings are variables `COMMONS_…`, in the environment or in
    `DIR/commons.env`. Exit status: 0 done, 1 refused with a sentence, 2 wrong usage.
    """


def main() -> None:
    """Entry point: our own errors become one sentence and exit status 1."""
    try:
        app()
    except Exception as error:
        told = _module("sentences").sentence(error)
        if not told:
            raise
        err.print(told, style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
