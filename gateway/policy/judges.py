# SPDX-License-Identifier: Apache-2.0
"""Who judges under one law after another, since a law changes while a gateway runs."""

from __future__ import annotations

from typing import Protocol

from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.judge import Judge
from gateway.policy.law import Law


class Judges(Protocol):
    """Gives the judge of each law in turn. `lasting_s`: for how many seconds at most a decision may be remembered;
    None as long as it is valid."""

    lasting_s: int | None

    async def of(self, law: Law) -> Judge:
        """The judge of a law that may be served. Raises PolicyUnavailable while it cannot be had, and
        BundleRefusedError when it would allow what must be refused."""
        ...

    async def healthy(self) -> bool:
        """Whether questions can be answered just now."""
        ...


class EmbeddedJudges:
    """Judges in the process, in the thread that asks for them."""

    lasting_s: int | None = None

    async def of(self, law: Law) -> Judge:
        """See Judges. The canaries were asked when the law was examined (`law.prove`)."""
        return EmbeddedJudge.of(law.bundle)

    async def healthy(self) -> bool:
        """See Judges."""
        return True
