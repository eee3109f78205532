# SPDX-License-Identifier: Apache-2.0
"""For whom somebody who has signed in acts: themself, or whoever an authority of theirs is about.

No postponed annotations here: FastAPI reads them.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Query

from gateway.identity.citizens import Citizen
from gateway.web.consent.parts import Parts
from gateway.web.session import session

Acting = tuple[str, str]
"""(the person it is about, the person who acts), opaque ids; mostly the same."""


def acting(parts: Parts) -> Callable[..., Acting]:
    """A dependency that gives the Acting; an authority that is not theirs is one that does not exist."""

    def whom(
        who: Annotated[Citizen, Depends(session(parts.citizens))],
        authority: Annotated[
            str, Query(max_length=36, description="Id of your authority, where you act for somebody else.")
        ] = "",
    ) -> Acting:
        return (parts.desk.answering.acts_for(who.person, authority) if authority else who.person), who.person

    return whom
