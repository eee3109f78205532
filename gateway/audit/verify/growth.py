# SPDX-License-Identifier: Apache-2.0
"""Two checkpoints: that the later one has all that the earlier one had.

The proof has the form of a request to a witness (C2SP tlog-witness, add-checkpoint): `old` and a size, the hashes
of the consistency proof, an empty line, the later checkpoint.
"""

from __future__ import annotations

from .notes import Finding, Trust, is_decimal, unbase64
from .policy import Policy
from .report import Report, report
from .trees import is_consistent

MOST_HASHES = 63


def growth(text: str, since: str, vkey: str = "", policy: str = "") -> Report:
    """Check a proof against the earlier checkpoint that was kept."""
    head = None
    try:
        trust = Trust([vkey] if vkey else [], Policy.parse(policy) if policy else None)
        before, _, note = text.partition("\n\n")
        first, *lines = before.split("\n")
        if not first.startswith("old ") or not is_decimal(first[4:]) or len(lines) > MOST_HASHES:
            raise Finding("growth: it must begin with the old size, and have at most 63 hashes")
        path = [unbase64(line, "growth: a hash") for line in lines]
        old = trust.open(since, witnessed=False)
        head = trust.open(note)
        if (old.origin, old.size) != (head.origin, int(first[4:])):
            raise Finding(f"growth: the proof is not from the checkpoint of {old.origin} for {old.size} entries")
        if not is_consistent(old.size, head.size, old.root, head.root, path):
            raise Finding(f"history: the log was rewritten since its checkpoint for size {old.size}")
        return report(head, [])
    except Finding as finding:
        return report(head, [str(finding)])
