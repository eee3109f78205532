# SPDX-License-Identifier: Apache-2.0
"""`commons policy test`, `new`, `ask`: for whoever writes the law. None of them touches a gateway or its data."""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.circumstances import LONDON, local
from gateway.cli.policy import group
from gateway.cli.shared import Folder, out
from gateway.policy import generate, templates
from gateway.policy.asking import Answered, Question, answer, unknown
from gateway.policy.bundle import build
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.proofs import Failure, find_opa, prove
from gateway.policy.vocabulary import find, load


@group.command("test")
def proofs_(
    policies: Folder = None,
    opa: Annotated[Path | None, typer.Option(help="The OPA to use. Default: that on the PATH.")] = None,
) -> None:
    """Run the tests of every rule, and measure which lines they reach. Exit status 1 unless all pass and all lines
    are reached."""
    found = prove(find(policies), find_opa(opa))
    for one in found.failures:
        sys.stdout.write(_told(one))
    if found.failures:
        out.print(f"{len(found.failures)} of {found.tests} tests failed.")
        raise typer.Exit(1)
    for file, rows in found.uncovered.items():
        out.print(f"{file}: no test reaches line {', '.join(map(str, rows))}", highlight=False, soft_wrap=True)
    out.print(f"{found.tests} tests pass and reach {found.coverage:g} % of all lines.", highlight=False)
    if not found.passes:
        raise typer.Exit(1)


def _told(one: Failure) -> str:
    facts = f"\nThe facts:\n{one.facts}\n" if one.facts else ""
    return (
        f"FAILED  {one.sentence}  ({one.file}:{one.row})\n\nExpected:\n{one.says}\n{facts}\nFound:\n{one.found}\n\n"
        + "-" * 80
        + "\n"
    )


@group.command("new")
def new(
    kind: Annotated[str, typer.Argument(help="limit, ground or obligation.")],
    name: Annotated[str, typer.Argument(help="Lower-case words joined by _.")],
    category: Annotated[str, typer.Option(help="The category the new limit is about.")] = "identity.demographics",
    policies: Folder = None,
) -> None:
    """Write a rule and its test, with everything a rule needs, ready to be changed; and list it in the manifest."""
    folder = find(policies)
    if kind not in ("limit", "ground", "obligation"):
        raise typer.BadParameter("limit, ground or obligation", param_hint="KIND")
    if category not in load(folder).categories:
        raise typer.BadParameter("a category of the vocabulary", param_hint="--category")
    chosen: templates.Kind = "limit" if kind == "limit" else "ground" if kind == "ground" else "obligation"
    for path in templates.write(folder, chosen, name, category):
        out.print(f"Wrote {path.relative_to(folder)}", highlight=False, soft_wrap=True)
    for path in generate.stale(folder):
        if path.is_relative_to(folder):  # the reference page beside it is `make docs`'s
            path.write_bytes(generate.files(folder)[path])


@group.command("ask")
def ask(
    organisation: Annotated[str, typer.Argument(help="Who: an organisation, as uk/nhs/XZZ01.")],
    category: Annotated[str, typer.Argument(help="What: a category, as health.allergies.")],
    purpose: Annotated[str, typer.Argument(help="Why: a purpose, as direct-care.discharge-planning.")],
    role: Annotated[str, typer.Option(help="The role of the user, assured by a token.")] = "",
    source: Annotated[str, typer.Option(help="From which source. Default: every one that could.")] = "",
    agreement: Annotated[str, typer.Option(help="Under which agreement. Default: every one that could.")] = "",
    consent: Annotated[bool, typer.Option(help="The citizen has agreed.")] = False,
    relationship: Annotated[str, typer.Option(help="A relationship the register knows, as referral.")] = "",
    declared_reason: Annotated[str, typer.Option(help="A reason that is declared, as vital-interests.")] = "",
    training: Annotated[list[str] | None, typer.Option(help="What the user is trained in; repeat it.")] = None,
    at: Annotated[
        str, typer.Option(help="When, in ISO 8601; without an offset by UK clocks. Default: today, Wednesday noon.")
    ] = "",
    policies: Folder = None,
) -> None:
    """May X see Y for P? Answered from the law alone, in the position that the options describe; about somebody
    without restriction, objection or opt-out. Exit status 1 when the answer is no everywhere."""
    vocabulary = load(policies)
    now = _instant(at) if at else int(time.time())
    minute, weekday = local(now) if at else (12 * 60, 2)
    question = Question(
        organisation, category, purpose, role, source, agreement, consent, relationship, declared_reason,
        tuple(training or ()), minute, weekday,
    )  # fmt: skip
    for name in unknown(question, vocabulary):
        raise typer.BadParameter(name.sentence)
    found = answer(question, vocabulary, EmbeddedJudge.of(build(vocabulary)), now)
    if not found:
        out.print("No: no agreement lets this organisation see that.")
        raise typer.Exit(1)
    for one in found:
        out.print(_line(one), highlight=False, markup=False, soft_wrap=True)
        for sentence in one.sentences:
            out.print(f"    {sentence}", highlight=False, markup=False, soft_wrap=True)
    if not any(one.allow for one in found):
        raise typer.Exit(1)


@group.command("manifest")
def manifest(policies: Folder = None) -> None:
    """Write the manifest and schemas of a policies folder anew, after a rule was added, renamed or taken away."""
    folder = find(policies)
    current = [path for path in generate.stale(folder) if path.is_relative_to(folder)]
    made = generate.files(folder)
    for path in current:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made[path])
        out.print(f"Wrote {path.relative_to(folder)}", highlight=False, soft_wrap=True)
    if not current:
        out.print("All of it is current.")


def _instant(text: str) -> int:
    try:
        found = datetime.datetime.fromisoformat(text)
        return int((found if found.tzinfo else found.replace(tzinfo=LONDON)).timestamp())
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "write it as 2026-04-01T21:30 or 2026-04-01T20:30:00Z", param_hint="--at"
        ) from None


def _line(one: Answered) -> str:
    if one.allow:
        return f"Yes, from {one.source} under {one.agreement}: {', '.join(one.fields)}."
    return f"No, not from {one.source} under {one.agreement}."
