# SPDX-License-Identifier: Apache-2.0
"""What narrows a consent beside its categories and fields, as a body says it.

No postponed annotations here: FastAPI reads them.
"""

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from consent import conditions as narrowing
from consent.words import AccessMode, Unit
from gateway.errors import FieldFault, Invalid
from gateway.policy.vocabulary import Vocabulary


class Often(BaseModel):
    """At most so many times in any window of so many days."""

    model_config = ConfigDict(extra="forbid")

    times: int = Field(ge=1, le=10_000)
    days: int = Field(ge=1, le=3650)


class Conditions(BaseModel):
    """What is left out narrows nothing."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"period_from": "2026-01-01", "access_modes": ["view"]}]}
    )

    period_from: datetime.date | None = Field(default=None, description="Only records dated on that day or later.")
    period_to: datetime.date | None = Field(default=None, description="Only records dated on that day or before.")
    access_modes: list[Literal["view", "store", "query", "stream"]] = Field(default_factory=list, max_length=4)
    frequency: Often | None = None
    roles: list[Annotated[str, Field(max_length=80)]] = Field(
        default_factory=list, max_length=20, description="Only for people in these roles."
    )

    def narrowed(self, law: Vocabulary, categories: tuple[str, ...]) -> narrowing.Conditions | None:
        """The conditions of a consent to these categories; None where nothing is narrowed. Raises Invalid."""
        faults = [
            FieldFault(f"/conditions/roles/{n}", "unknown-code", ", ".join(law.roles))
            for n, code in enumerate(self.roles)
            if code not in law.roles
        ]
        if self.period_from and self.period_to and self.period_from > self.period_to:
            faults.append(FieldFault("/conditions/period_to", "before-its-start", "period_from, or a later day"))
        undated = [code for code in categories if code in law.categories and not law.categories[code].dated_by]
        if (self.period_from or self.period_to) and undated:
            expected = f"no period: records of {', '.join(undated)} have no date of their own"
            faults.append(FieldFault("/conditions/period_from", "not-dated", expected))
        if faults:
            raise Invalid(errors=faults)
        often = self.frequency
        found = narrowing.Conditions(
            roles=tuple(sorted(set(self.roles))),
            period_from=self.period_from.isoformat() if self.period_from else "",
            period_to=self.period_to.isoformat() if self.period_to else "",
            access_modes=tuple(AccessMode(mode) for mode in dict.fromkeys(self.access_modes)),
            frequency=narrowing.Frequency(often.times, often.days, Unit.DAY) if often else None,
        )
        return None if found == narrowing.ANY else found
