# SPDX-License-Identifier: Apache-2.0
"""Showing some groups of an entry while the others stay closed, with proof. Pure.

In a C2SP `.tlog-proof` file `extra` is the entry; each line after it opens one group: its name, its salt in base64,
its canonical JSON. Who has the file computes the commitment and finds it in the entry, and the entry in the log; a
group that is not there stays what its commitment says: nothing. `gateway.audit.verify` checks it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping

import orjson

from gateway.audit import leaf
from gateway.audit.leaf import Opened

CITIZEN = ("subject", "request", "result")
"""What a citizen is shown: all but who it was at the agency, whose name is due only where it is indispensable (UK
GDPR Article 15; CJEU C-579/21)."""

AGENCY = ("actor", "subject", "request", "result")
"""What an agency is shown of its own: not the basis and the facts, which tell of sources it must not know of."""

HEADER = "c2sp.org/tlog-proof@v1"


class NotCommitted(ValueError):  # noqa: N818  named as the condition
    """A group is not the one that the entry commits to."""


def showable(groups: Mapping[str, Opened], allowed: Collection[str]) -> tuple[str, ...]:
    """Which groups of an entry may be shown, of those `allowed`. A result that holds the law of a new decision
    stays closed as that law does."""
    inner = groups["result"].value.keys() if "result" in groups else ()
    return tuple(
        name for name in allowed if name in groups and not (name == "result" and {"basis", "facts"} & set(inner))
    )


def carried(entry: bytes, groups: Mapping[str, Opened], show: Collection[str] = ()) -> bytes:
    """What a proof carries of an entry: its bytes, and the groups to be shown that can be opened. Raises
    NotCommitted when one is not what the entry commits to, so that no false proof is handed out."""
    commitments = orjson.loads(entry)["c"] if groups else {}
    lines = [entry]
    for name in sorted(groups.keys() & set(show)):
        opened = groups[name]
        digest = b64encode(leaf.commitment(name, opened.salt, opened.content)).decode()
        if commitments.get(name) != digest:
            raise NotCommitted("a sealed group is not the one the entry commits to")
        lines.append(b" ".join([name.encode(), b64encode(opened.salt), opened.content]))
    return b"\n".join(lines)


def proof_text(extra: bytes, index: int, siblings: Iterable[bytes], note: str) -> str:
    """A C2SP tlog-proof file: what it carries, the entry's index, the path leaf level upwards, the signed note."""
    lines = [HEADER, f"extra {b64encode(extra).decode()}", f"index {index}"]
    lines += [b64encode(sibling).decode() for sibling in siblings]
    return "\n".join(lines) + "\n\n" + note
