# SPDX-License-Identifier: Apache-2.0
"""Who asked about a citizen, when, why and what they got: read out of the access log, for the citizen.

Nobody has to report a use: an answer cannot leave without its entry. What is shown is what the citizen may know:
which organisation and which of its systems, never which member of staff; names of fields, never values. A question
that was refused is shown as such, without what was asked that the asker itself was not told of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

from gateway.audit.disclosure import CITIZEN
from gateway.audit.log import Log, StoredEntry
from gateway.errors import NotFound
from gateway.policy.vocabulary import Vocabulary

PAGE = 50

Outcome = Literal["disclosed", "refused", "asked-without-data", "not-delivered", "consent-looked-up"]

OUTCOMES: dict[str, Outcome] = {
    "access.disclosed": "disclosed",
    "access.refused": "refused",
    "access.previewed": "asked-without-data",
    "access.failed": "not-delivered",
    "consent.looked-up": "consent-looked-up",
}
"""Type of entry → what it was to the citizen; the entry before each of them, `access.intended`, says nothing
more."""


class Got(Struct, frozen=True):
    """What one source gave of one kind of information."""

    category: str
    title: str
    source: str
    fields: tuple[str, ...]
    items: int


class Use(Struct, frozen=True, kw_only=True):
    """One question about the citizen. `at_ms`: milliseconds since 1970. `because`: why it was allowed, a
    sentence for each ground. `place`: where to go on; `erased`: what it was about was erased, and only the
    entry is left."""

    id: str
    place: int
    at_ms: int
    outcome: Outcome
    organisation: str
    organisation_name: str
    purpose: str
    purpose_title: str
    reason: str
    agreement: str
    agreement_title: str
    because: tuple[str, ...]
    got: tuple[Got, ...]
    erased: bool


class Uses:
    """Reads the log: call it from a thread. `deferred` says whether the citizen is not yet to be told of an
    override (its id, seconds since 1970): what was seen under it is not shown till then."""

    def __init__(
        self, log: Log, vocabulary: Callable[[], Vocabulary], deferred: Callable[[str, int], bool]
    ) -> None:
        self._log = log
        self._vocabulary = vocabulary
        self._deferred = deferred

    def newest(self, person: str, before: int = 1 << 62, limit: int = PAGE) -> list[Use]:
        """The newest uses from the place before `before` on, at most `limit`."""
        found: list[Use] = []
        while len(found) < limit:
            entries = self._log.of_person(person, before=before, limit=limit)
            hidden = self._log.reader.hidden([one.id for one in entries], int(time.time()))
            found += [
                self._use(one)
                for one in entries
                if one.type in OUTCOMES and one.id not in hidden and not self._put_off(one.id)
            ]
            if len(entries) < limit:
                break
            before = entries[-1].place
        return found[:limit]

    def proof(self, person: str, id: str) -> str:
        """That a use stands in the log, as a C2SP `.tlog-proof` file that shows what the citizen may know of it.
        Raises NotFound for one that is not about the person, or is withheld."""
        entry = self._log.entry_by_id(id)
        mine = self._log.of_person(person, before=entry.place + 1, limit=1) if entry else []
        if not mine or mine[0].id != id or self._log.reader.hidden([id], int(time.time())):
            raise NotFound
        if self._put_off(id):
            raise NotFound
        return self._log.proof(mine[0], CITIZEN).text

    def _put_off(self, id: str) -> bool:
        """Whether it happened under an override of which two officers put off the telling."""
        groups = self._groups(id)
        witnessed = groups.get("result", {}).get("decision", "")
        request = (self._groups(str(witnessed)) if witnessed else groups).get("request", {})
        cited = request.get("override", "")
        return bool(cited) and self._deferred(str(cited), int(time.time()))

    def _use(self, entry: StoredEntry) -> Use:
        law = self._vocabulary()
        groups = self._groups(entry.id)
        result = groups.get("result", {})
        asked = self._groups(str(result["decision"])) if "decision" in result else groups
        request = asked.get("request", {})
        basis = result.get("basis") or asked.get("basis", {})
        agreement = law.agreements.get(basis.get("agreement", ""))
        names = {party.organisation: party.name for party in agreement.parties} if agreement else {}
        purpose = law.purposes.get(entry.purpose)
        got = tuple(_got(law, one) for one in result.get("released", ()))
        return Use(
            id=entry.id,
            place=entry.place,
            at_ms=entry.at_ms,
            outcome=OUTCOMES[entry.type],
            organisation=entry.org,
            organisation_name=names.get(entry.org, entry.org),
            purpose=entry.purpose,
            purpose_title=purpose.title if purpose else entry.purpose,
            reason=request.get("reason", ""),
            agreement=basis.get("agreement", ""),
            agreement_title=agreement.title if agreement else basis.get("agreement", ""),
            because=_because(law, basis, got),
            got=got,
            erased=not groups,
        )

    def _groups(self, id: str) -> dict[str, dict[str, Any]]:
        return {name: opened.value for name, opened in self._log.open_groups(id).items() if name != "actor"}


def _got(law: Vocabulary, released: dict[str, Any]) -> Got:
    category = law.categories.get(released["category"])
    return Got(
        category=released["category"],
        title=category.title if category else released["category"],
        source=released["source"],
        fields=tuple(released["fields"]),
        items=released["items"],
    )


def _because(law: Vocabulary, basis: dict[str, Any], got: tuple[Got, ...]) -> tuple[str, ...]:
    """The sentences of the lawful bases on which something was released."""
    released = {(one.category, one.source) for one in got}
    codes = [
        verdict.get("lawful_basis", "")
        for verdict in basis.get("verdicts", ())
        if verdict["allow"] and (verdict["category"], verdict["source"]) in released
    ]
    return tuple(law.lawful_bases[code].sentence for code in dict.fromkeys(codes) if code in law.lawful_bases)
