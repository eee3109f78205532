# SPDX-License-Identifier: Apache-2.0
"""The values of the ledger cannot be changed."""

from __future__ import annotations

import pytest
from msgspec import Struct

from consent import chain, model, rules
from consent.model import Conditions, Frequency, ObjectionStanding, ObjectionState, Standing
from consent.words import Unit
from tests.consent.decisions import NOON, PLAN, after, given, withdrawn

YES = given()
STANDING = Standing(2, after(YES, withdrawn(fields=("support.plan/goal",))))
VALUES = [
    YES,
    YES.provision,
    STANDING,
    STANDING.by_category[PLAN][0],
    STANDING.by_category[PLAN][0].holes[0],
    rules.held(STANDING, PLAN, "crm", NOON),
    Conditions(roles=("social-worker",)),
    Frequency(1, 1, Unit.DAY),
    ObjectionStanding((PLAN,), ObjectionState.PENDING),
    chain.START,
    chain.Verified(chain.START),
    chain.Broken(1, "an event is missing"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_does_not_change(value: Struct) -> None:
    with pytest.raises(AttributeError):
        setattr(value, value.__struct_fields__[0], None)


def test_every_value_is_tried() -> None:
    values = [one for one in vars(model).values() if isinstance(one, type) and issubclass(one, Struct)]
    assert {one for one in values if one is not Struct} <= {type(value) for value in VALUES}
