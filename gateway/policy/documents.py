# SPDX-License-Identifier: Apache-2.0
"""Reading the data files of the law: YAML without its surprises, then typed.

A key that stands twice, a date that turns into an object, an anchor or a tag would each let a reader and the
machine see different agreements; so all four are refused or switched off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from gateway.policy import mistakes

T = TypeVar("T")


class PolicyFolderError(ValueError):
    """The policies folder cannot be used as it stands; the message names the file and what to correct."""


class _Strict(yaml.SafeLoader):
    """YAML 1.1 core without timestamps, aliases and repeated keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise PolicyFolderError("an alias (*name) is used: write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise PolicyFolderError(f"line {node.start_mark.line + 1}: {twice[0]} stands twice")
        return super().construct_mapping(node, deep)


_Strict.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> Any:
    """The value of one YAML text. Raises PolicyFolderError."""
    try:
        return yaml.load(text, _Strict)  # noqa: S506  # _Strict is a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise PolicyFolderError(f"{where}this is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise PolicyFolderError(" ".join(str(error).split())) from error


def read(path: Path, kind: type[T]) -> T:
    """The file at `path` as a `kind`. Raises PolicyFolderError, naming the file and the member that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        value = parse(text)
    except OSError as error:
        raise PolicyFolderError(f"{path.name}: it cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, PolicyFolderError) as error:
        raise PolicyFolderError(f"{path.name}: {error}") from error
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        root = yaml.compose(text, yaml.SafeLoader)
        raise PolicyFolderError(f"{path.name}: {mistakes.told(error, root, kind)}") from error
