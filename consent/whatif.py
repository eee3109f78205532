# SPDX-License-Identifier: Apache-2.0
"""How things would stand if a decision were made: nothing is recorded, and nothing is fetched. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from consent import rules, wellformed, wide
from consent.model import Event, Standing
from consent.rules import ByCategory
from consent.wide import Wide
from consent.words import CONSENT


class Ledger(Struct, frozen=True):
    """All that stands about one person: (organisation, purpose) → statements, and what holds beside consent."""

    seq: int
    standings: Mapping[tuple[str, str], ByCategory]
    wide: Wide

    def standing(self, organisation: str, purpose: str) -> Standing:
        """As the live reader would give it."""
        found = self.standings.get((organisation, purpose), {})
        return Standing(self.seq, found, self.wide.about(organisation, purpose), self.wide.opt_outs)


def of(events: Sequence[Event]) -> Ledger:
    """What one person's events come to."""
    return Ledger(len(events), rules.fold(events), wide.fold(events))


def suppose(events: Sequence[Event], decision: Event) -> Ledger:
    """What they would come to with one decision more. Raises the EventRefused that recording it would raise."""
    wellformed.check(decision)
    before = of(events)
    if decision.kind in CONSENT:
        about = (decision.organisation, decision.purpose)
        earlier = [one for one in events if (one.organisation, one.purpose) == about]
        rules.admit(before.standings.get(about, {}), decision, earlier)
    else:
        wide.admit(before.wide, decision)
    return of([*events, decision])
