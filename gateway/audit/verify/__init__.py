# SPDX-License-Identifier: Apache-2.0
"""Check an access log without trusting whoever runs it. One folder: needs Python 3.11 and `cryptography`, and
nothing of the gateway, so that an auditor can read it, copy it and run it alone.

    python -m verify --vkey KEY --log https://gateway.example/log/2026     a whole log
    python -m verify --vkey KEY --log FOLDER --since checkpoint.old        … and that it only grew since then
    python -m verify --vkey KEY --log FOLDER --range 5000:6000             some of its entries
    python -m verify --vkey KEY --log 2025/ --log 2026/                    years of a log, chained
    python -m verify --vkey KEY --proof receipt.tlog-proof                 one receipt, with what it shows
    python -m verify --vkey KEY --growth proof --since checkpoint.old      two checkpoints
    python -m verify --policy policy.txt …                                 … and that witnesses have seen it

KEY is the log's verifier key, which must come from somewhere else than the log. Formats: C2SP tlog-tiles,
tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-proof, signed-note; hashes: RFC 6962 §2.1. Exit status 0: it
verifies; 1: it does not.
"""

from __future__ import annotations

from .command import main
from .growth import growth
from .notes import Finding, Head, Trust
from .policy import Policy
from .proofs import complete, proof, read_proof
from .report import Report
from .whole import log

__all__ = [
    "Finding",
    "Head",
    "Policy",
    "Report",
    "Trust",
    "complete",
    "growth",
    "log",
    "main",
    "proof",
    "read_proof",
]
