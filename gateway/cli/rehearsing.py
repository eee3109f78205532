# SPDX-License-Identifier: Apache-2.0
"""`commons policy replay`, `rehearse`: past decisions under the law of their day, and under one that is not yet."""

from __future__ import annotations

import contextlib
import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine

from gateway import db, keyring
from gateway.audit.reader import Reader
from gateway.audit.sealing import SealKey
from gateway.audit.stream import Stream
from gateway.cli.policy import group
from gateway.cli.shared import Data, err, out, read, writable
from gateway.policy.archive import Archive
from gateway.policy.bundle import Bundle, build
from gateway.policy.comparison import Expected
from gateway.policy.documents import PolicyFolderError, parse
from gateway.policy.packing import BundleRefusedError, unpack
from gateway.policy.vocabulary import load as load_policies
from gateway.rehearsing import page, rehearsal, report
from gateway.rehearsing.replay import OBLIGATIONS, replay
from gateway.settings import Settings, load

Form = Literal["text", "json", "html"]


@group.command("replay")
def replay_(
    data: Data,
    decision: Annotated[str, typer.Option(help="Id of the decision, dec_….")],
) -> None:
    """Judge a past decision again, from its own facts under the law of its day. Exit status 1 unless the verdicts
    are the same."""
    settings = load(data)
    with _log(settings) as (engine, seal_key):
        found = replay(Reader(engine, settings.log_origin, seal_key), Archive(settings.policy_archive), decision)
    out.print(f"dec_{found.id}, revision {found.revision or 'unknown'}", soft_wrap=True, highlight=False)
    for one in found.verdicts:
        why = ", ".join(one.grounds) if one.allow else one.reason
        mark = "  DIFFERS" if f"{one.source} {one.category}" in found.differing else ""
        said = "shared" if one.allow else "refused"
        glass = f" (break-glass, {one.override})" if one.override else ""
        line = f"  {said:8}{one.category} of {one.source or 'no source'}: {why}{glass}{mark}"
        out.print(line, highlight=False, soft_wrap=True)
    if OBLIGATIONS in found.differing:
        out.print(f"  {OBLIGATIONS}  DIFFERS", highlight=False)
    out.print(found.sentence, soft_wrap=True)
    if found.outcome != "same":
        raise typer.Exit(1)


@group.command("rehearse")
def rehearse_(
    data: Data,
    bundle: Annotated[Path, typer.Option(help="The law to try: a file of `commons policy build`, or a folder.")],
    since: Annotated[datetime.datetime, typer.Option(formats=["%Y-%m-%d"], help="From this day on (UTC).")],
    form: Annotated[Form, typer.Option("--format", help="How to report.")] = "text",
    to: Annotated[
        Path | None, typer.Option("--out", help="File for the report. Default: print it.", callback=writable)
    ] = None,
    expect: Annotated[
        list[str] | None, typer.Option(help="A widening that is meant, as category=health,agency=uk/nhs/XZZ01.")
    ] = None,
    expect_file: Annotated[Path | None, typer.Option(help="YAML list of such widenings.")] = None,
) -> None:
    """Judge past decisions again under another law and report what would flip. Exit status 1 when an access widens
    that is not expected, or the law fails to answer, so that a change can be gated by it."""
    settings = load(data)
    law, meant = _bundle(bundle), _expected(expect or [], expect_file)
    since_ms = int(since.replace(tzinfo=datetime.UTC).timestamp() * 1000)
    columns = (TextColumn("{task.description}"), BarColumn(40), TextColumn("{task.percentage:>3.0f} %"))
    bar = Progress(*columns, TimeRemainingColumn(), console=err)
    with _log(settings) as (engine, seal_key), bar:
        stream = Stream(engine, settings.log_origin, seal_key, since_ms=since_ms, types=rehearsal.TYPES)
        task = bar.add_task("Past decisions", total=None)
        found = rehearsal.rehearse(
            stream,
            law,
            since_ms=since_ms,
            expected=meant,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    said = _said(found, form)
    if to is None:
        sys.stdout.write(said)
    else:
        to.write_text(said, encoding="utf-8")
        out.print(f"{report.verdict(found)} See {to}.", soft_wrap=True)
    if not found.passes:
        raise typer.Exit(1)


def _said(found: rehearsal.Rehearsed, form: Form) -> str:
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(report.document(found)), indent=2).decode() + "\n"
    return page.page(found) if form == "html" else report.text(found) + "\n"


def _bundle(path: Path) -> Bundle:
    """The law in a bundle's file or in a folder. Not asked: who signed it, since it is not put in force."""
    if path.is_dir():
        return build(load_policies(path))
    try:
        return unpack(path.read_bytes()).bundle
    except OSError:
        raise BundleRefusedError("malformed", f"{path} cannot be read") from None


def _expected(said: list[str], file: Path | None) -> tuple[Expected, ...]:
    wanted = [dict(part.partition("=")[::2] for part in one.split(",")) for one in said]
    try:
        listed = msgspec.convert(parse(read(file)) if file else [], list[Expected])
        meant = (*msgspec.convert(wanted, tuple[Expected, ...]), *listed)
    except (msgspec.ValidationError, PolicyFolderError):
        raise typer.BadParameter("agency, purpose, category and rule may be named", param_hint="--expect") from None
    if any(not value for one in wanted for value in one.values()) or Expected() in meant:
        raise typer.BadParameter(
            "what is meant must be named: nothing would mean everything", param_hint="--expect"
        )
    return meant


@contextlib.contextmanager
def _log(settings: Settings) -> Iterator[tuple[Engine, SealKey]]:
    keys = keyring.load(settings.keys)
    engine = db.connect(settings.url)
    try:
        yield engine, SealKey(keys.seal, keys.wrap.read)
    finally:
        engine.dispose()
