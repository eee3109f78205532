# SPDX-License-Identifier: Apache-2.0
"""Replay: a past decision judged again from its facts, under the law of its day. The verdict must be the same."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from gateway.audit.reader import Reader
from gateway.errors import NotFound, PolicyUnavailable
from gateway.evidence import Judged
from gateway.model import Verdict
from gateway.policy.archive import Archive
from gateway.policy.embedded import EmbeddedJudge
from gateway.rehearsing.past import TYPES, Past, past

OBLIGATIONS = "obligations"

Outcome = Literal["same", "differs", "facts-erased", "facts-unknown", "bundle-missing", "judge-failed"]

SENTENCES: dict[Outcome, str] = {
    "same": "The same facts under the same law give the same verdicts.",
    "differs": "The same facts under the same law give other verdicts: log, archive or engine was changed.",
    "facts-erased": "The facts of this decision were erased; that it was made, and when, is still proved.",
    "facts-unknown": "The facts are of a form that this version of the gateway does not know.",
    "bundle-missing": "The law of that day is not in the archive, or its file was changed.",
    "judge-failed": "The law of that day cannot be judged by this engine.",
}


class Replayed(Struct, frozen=True):
    """What a replay found. `differing`: source and category of each verdict that is another one, and OBLIGATIONS
    where other duties would go with the answer."""

    id: str
    at_ms: int
    outcome: Outcome
    revision: str = ""
    verdicts: tuple[Judged, ...] = ()
    differing: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        return SENTENCES[self.outcome]


def replay(reader: Reader, archive: Archive, decision: str) -> Replayed:
    """Judge one decision again; `decision` as agencies know it (`dec_…`), or its entry's id. Raises NotFound."""
    id_ = decision.removeprefix("dec_")
    stored = reader.entry_by_id(id_)
    if stored is None or stored.type not in TYPES | {"access.disclosed"}:
        raise NotFound("There is no decision of that id.")
    groups = reader.open_groups(id_)
    try:
        found = past(groups)
    except msgspec.ValidationError:
        return Replayed(id_, stored.at_ms, "facts-unknown")
    if found is None:
        if "result" in groups:
            raise NotFound("This entry is of an answer; its decision stands in the entry that it names.")
        return Replayed(id_, stored.at_ms, "facts-erased")
    return _judged(id_, stored.at_ms, found, archive)


def _judged(id_: str, at_ms: int, found: Past, archive: Archive) -> Replayed:
    bundle = archive.find(found.revision)
    if bundle is None:
        return Replayed(id_, at_ms, "bundle-missing", found.revision, found.verdicts)
    try:
        decision = EmbeddedJudge.of(bundle).decide(found.facts)
    except PolicyUnavailable:
        return Replayed(id_, at_ms, "judge-failed", found.revision, found.verdicts)
    differing = tuple(
        f"{before.source} {before.category}"
        for before, after in zip(found.verdicts, decision.verdicts, strict=True)
        if not same(before, after, anew=found.anew)
    )
    if not found.anew and found.obligations != decision.obligations:
        differing += (OBLIGATIONS,)
    return Replayed(id_, at_ms, "differs" if differing else "same", found.revision, found.verdicts, differing)


def same(before: Judged, after: Verdict, *, anew: bool) -> bool:
    """Whether a verdict in the log is what was judged again, member for member. Where the decision was made anew,
    what had been refused before stayed refused, whatever the later facts allow."""
    if anew and not before.allow:
        return True
    return all(getattr(before, name) == getattr(after, name) for name in _COMPARED)


_COMPARED = (
    "allow", "fields", "fields_refused", "grounds", "broken", "reason", "lawful_basis", "confidentiality_basis",
    "disclosure", "hidden", "override",
)  # fmt: skip
