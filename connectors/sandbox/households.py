# SPDX-License-Identifier: Apache-2.0
"""Who lives together: the families of Examplebury, before anybody has a record anywhere."""

from __future__ import annotations

from msgspec import Struct

from connectors.sandbox.days import ago, born
from connectors.sandbox.draw import Draw
from connectors.sandbox.names import FAMILY, GIVEN_FEMALE, GIVEN_MALE


class Member(Struct, frozen=True, gc=False):
    """One member of a household. `birth_order` is 1 or 2 for a twin, else 0."""

    given: str
    middle: str
    family: str
    former_family: str
    title: str
    gender: str
    birth_date: str
    adult: bool
    birth_order: int = 0


KINDS: tuple[tuple[float, str], ...] = (
    (0.17, "alone"),
    (0.15, "alone-older"),
    (0.18, "couple"),
    (0.14, "couple-older"),
    (0.24, "family"),
    (0.08, "lone-parent"),
    (0.04, "sharers"),
)


def members(draw: Draw, kind: str) -> list[Member]:
    """The people of one household of that kind, adults first."""
    family = draw.pick(FAMILY)
    if kind == "alone":
        return [_adult(draw, family, 20, 64)]
    if kind == "alone-older":
        return [_adult(draw, family, 65, 98)]
    if kind == "couple":
        return _couple(draw, family, 22, 64)
    if kind == "couple-older":
        return _couple(draw, family, 62, 95)
    if kind == "sharers":
        return [_adult(draw, draw.pick(FAMILY), 18, 32) for _ in range(draw.between(2, 4))]
    parents = _couple(draw, family, 28, 50) if kind == "family" else [_adult(draw, family, 24, 50)]
    return parents + _children(draw, family)


def _couple(draw: Draw, family: str, youngest: int, oldest: int) -> list[Member]:
    first = _adult(draw, family, youngest, oldest)
    if draw.chance(0.25):  # two names in one home
        return [first, _adult(draw, draw.pick(FAMILY), youngest, oldest)]
    other = "male" if first.gender == "female" and draw.chance(0.94) else "female"
    former = draw.pick(FAMILY) if draw.chance(0.35) else ""
    return [first, _adult(draw, family, youngest, oldest, gender=other, former=former)]


def _children(draw: Draw, family: str) -> list[Member]:
    if draw.chance(0.06):
        return _twins(draw, family)
    return [_child(draw, family, born(draw, 0, 17)) for _ in range(draw.weighted(((5, 1), (4, 2), (1, 3))))]


def _twins(draw: Draw, family: str) -> list[Member]:
    """Two children of one day; half of them of the same gender, where only the given name tells them apart."""
    day = born(draw, 0, 17)
    gender = draw.pick(("female", "male"))
    other = gender if draw.chance(0.5) else "female" if gender == "male" else "male"
    first = _child(draw, family, day, gender=gender, order=1)
    second = _child(draw, family, day, gender=other, order=2)
    while second.given == first.given:
        second = _child(draw, family, day, gender=other, order=2)
    return [first, second]


def _adult(draw: Draw, family: str, youngest: int, oldest: int, *, gender: str = "", former: str = "") -> Member:
    gender = gender or draw.weighted(((0.497, "female"), (0.495, "male"), (0.005, "other"), (0.003, "unknown")))
    given, middle = _given(draw, gender)
    title = "Dr" if draw.chance(0.03) else {"female": "Ms", "male": "Mr"}.get(gender, "Mx")
    return Member(
        given=given,
        middle=middle,
        family=family,
        former_family="" if former == family else former,
        title=title,
        gender=gender,
        birth_date=born(draw, youngest, oldest),
        adult=True,
    )


def _child(draw: Draw, family: str, day: str, *, gender: str = "", order: int = 0) -> Member:
    gender = gender or draw.pick(("female", "male"))
    given, middle = _given(draw, gender)
    return Member(
        given=given,
        middle=middle,
        family=family,
        former_family="",
        title="",
        gender=gender,
        birth_date=min(day, ago(1)),
        adult=False,
        birth_order=order,
    )


def _given(draw: Draw, gender: str) -> tuple[str, str]:
    names = GIVEN_FEMALE if gender == "female" or (gender != "male" and draw.chance(0.5)) else GIVEN_MALE
    return draw.pick(names), draw.pick(names) if draw.chance(0.6) else ""
