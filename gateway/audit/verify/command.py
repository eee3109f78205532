# SPDX-License-Identifier: Apache-2.0
"""The command: `python -m verify`, and `commons audit verify`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .growth import growth
from .notes import is_decimal
from .proofs import complete, proof
from .report import Report
from .whole import log


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; gives its exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.growth and len(given.since) != 1:
        parser.error("--growth needs the one earlier checkpoint, as --since")
    if not given.vkey and not given.policy:
        parser.error("the log's verifier key is needed: --vkey, or a --policy that has it")
    try:
        report = _check(given)
    except OSError as error:
        report = Report((f"{error.filename}: {error.strerror}",))
    for finding in report.findings:
        sys.stdout.write(f"WRONG  {finding}\n")
    if report.ok:
        read = f"{report.entries} entries read" if report.entries else "entries not read"
        seen = f", cosigned by {', '.join(report.witnesses)}" if report.witnesses else ""
        sys.stdout.write(f"OK     {report.origin}, size {report.size}, root {report.root}, {read}{seen}\n")
        if report.shown:
            sys.stdout.write(f"{report.shown}\n")
    return 0 if report.ok else 1


def _check(given: argparse.Namespace) -> Report:
    policy = given.policy.read_text() if given.policy else ""
    since = [path.read_text(errors="replace") for path in given.since]
    if given.growth:
        return growth(given.growth.read_text(errors="replace"), since[0], given.vkey, policy)
    if given.proof:
        texts = [path.read_text(errors="replace") for path in given.proof]
        if given.complete or len(texts) > 1:
            return complete(texts, given.vkey, policy)
        return proof(texts[0], given.vkey, policy)
    token = Path(given.token[1:]).read_text().strip() if given.token.startswith("@") else given.token
    return log(given.log, given.vkey, policy=policy, token=token, since=since, only=given.range)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check an access log (C2SP tlog) without trusting who runs it.")
    parser.add_argument("--vkey", default="", help="the log's verifier key")
    parser.add_argument("--policy", type=Path, help="a policy file (C2SP tlog-policy): logs, witnesses, quorum")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--log", action="append", help="folder or base URL; several: years, oldest first")
    what.add_argument("--proof", type=Path, action="append", help="a .tlog-proof file; several: without a gap")
    what.add_argument("--growth", type=Path, help="a consistency proof from the checkpoint given as --since")
    parser.add_argument("--complete", action="store_true", help="a single proof, too, must be number 1 of its kind")
    parser.add_argument("--range", type=_range, help="only these entries of the log: START:END")
    parser.add_argument("--since", type=Path, action="append", default=[], help="a checkpoint kept from earlier")
    parser.add_argument("--token", default="", help="bearer token for entry bundles; @FILE reads it from a file")
    return parser


def _range(text: str) -> tuple[int, int]:
    start, _, end = text.partition(":")
    if not is_decimal(start) or not is_decimal(end):
        raise argparse.ArgumentTypeError("two numbers with a colon between them")
    return int(start), int(end)
