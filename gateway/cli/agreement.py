# SPDX-License-Identifier: Apache-2.0
"""`commons agreement`: check an agreement, read it, and see what a new version of it would let whom see.

An agreement is named by its id in the policies folder, or by its file. A law is a folder of policies or a bundle.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.shared import Folder, out
from gateway.policy import packing
from gateway.policy.agreements import Agreement
from gateway.policy.difference import Access, Difference, compared
from gateway.policy.documents import PolicyFolderError, read
from gateway.policy.mistakes import near
from gateway.policy.reading import explained
from gateway.policy.vocabulary import Vocabulary, load, wrong_with

WIDENED = 3
"""Exit status of `diff` when somebody may now see what they could not, or more easily."""

group = typer.Typer(no_args_is_help=True, help="Check, read and compare data-sharing agreements.")


@group.command("check")
def check(
    files: Annotated[list[Path], typer.Argument(help="YAML files of agreements.")],
    policies: Folder = None,
) -> None:
    """Check agreements against their schema and the vocabularies. Status 1 when one is wrong; each is named."""
    vocabulary, wrong = load(policies), 0
    for file in files:
        try:
            found = read(file, Agreement)
            faults = list(dict.fromkeys(wrong_with(found, vocabulary)))
            faults += [] if found.id == file.stem else ["the id must be the name of the file"]
        except PolicyFolderError as error:
            faults = [str(error).removeprefix(f"{file.name}: ")]
        wrong += bool(faults)
        for fault in faults or ["right"]:
            out.print(f"{file.name}: {fault}", soft_wrap=True, markup=False, highlight=False)
    sys.exit(1 if wrong else 0)


@group.command("explain")
def explain(
    agreement: Annotated[str, typer.Argument(help="Id of the agreement, or its YAML file.")],
    policies: Folder = None,
) -> None:
    """Print an agreement as an officer would read it."""
    vocabulary = load(policies)
    for line in explained(_one(agreement, vocabulary), vocabulary):
        out.print(_hanging(line) if out.is_terminal else line, soft_wrap=True, markup=False, highlight=False)


@group.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(help="YAML file, policies folder or bundle: what is so now.")],
    new: Annotated[Path, typer.Argument(help="The same of what shall be so.")],
    policies: Folder = None,
) -> None:
    """Print what a new version changes: who may now see what that they could not, and which conditions are looser
    or tighter. Status 0 when nothing is wider than before, 3 when something is."""
    (before, was), (after, now) = _law(old, policies), _law(new, policies)
    widens = False
    for id_ in sorted(before.keys() | after.keys()):
        found = compared(before.get(id_), after.get(id_), was.below, now.below)
        widens = widens or found.widens
        for line in _told(id_, found):
            out.print(line, soft_wrap=True, markup=False, highlight=False)
    out.print("Wider than before." if widens else "Nothing is wider than before.")
    sys.exit(WIDENED if widens else 0)


def _hanging(line: str) -> str:
    """A line as wide as the terminal; what goes on below stands further in than what begins."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(line, out.width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _told(id_: str, found: Difference) -> Iterator[str]:
    if not (found.gained or found.lost or found.changes):
        return
    yield id_
    for sign, title, some in (("+", "may now see", found.gained), ("-", "may no longer see", found.lost)):
        for (who, purpose, source, category, ground), fields in groupby(some, key=_place):
            names = ", ".join(sorted(access.field for access in fields))
            yield f"  {sign} {who} {title}, for {purpose}, from {source}: {category} ({names}), on {ground}"
    for change in found.changes:
        yield f"  {'+' if change.way == 'loosened' else '-'} {change.way}: {change.what}"


def _place(access: Access) -> tuple[str, str, str, str, str]:
    return access.recipient, access.purpose, access.source, access.category, access.ground


def _one(named: str, vocabulary: Vocabulary) -> Agreement:
    if (known := vocabulary.agreements.get(named)) is not None:
        return known
    if not Path(named).is_file():
        meant = near(named, vocabulary.agreements)
        raise PolicyFolderError(f"there is no agreement {named}, nor a file of that name; {meant}")
    found = read(Path(named), Agreement)
    if wrong := list(wrong_with(found, vocabulary)):
        raise PolicyFolderError(f"{named}: {'; '.join(wrong)}")
    return found


def _law(named: Path, policies: Path | None) -> tuple[Mapping[str, Agreement], Vocabulary]:
    """The agreements in a file, folder or bundle by id, and the vocabulary they are read with. The signature of a
    bundle is not asked for here: nothing is activated."""
    if named.is_dir():
        vocabulary = load(named)
        return vocabulary.agreements, vocabulary
    if named.suffix == ".gz":
        vocabulary = packing.words(packing.unpack(named.read_bytes()).bundle)
        return vocabulary.agreements, vocabulary
    vocabulary = load(policies)
    found = _one(str(named), vocabulary)
    return {found.id: found}, vocabulary
