# SPDX-License-Identifier: Apache-2.0
"""Seeded draws that give the same people on every machine and every later Python.

Only `Random.random()` is used: the library promises that its sequence stays the same for a seed, and promises
that of no other method.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of draws from one seed. Not safe to share between threads."""

    __slots__ = ("_random",)

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def chance(self, probability: float) -> bool:
        """True with `probability` (0 to 1)."""
        return self._random() < probability

    def below(self, count: int) -> int:
        """A whole number from 0 to `count` - 1."""
        return int(self._random() * count)

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, values: Sequence[T]) -> T:
        """One of `values`, each as likely."""
        return values[int(self._random() * len(values))]

    def weighted(self, values: Sequence[tuple[float, T]]) -> T:
        """One of `values`, each as likely as its weight; the weights need not add up to one."""
        at = self._random() * sum(weight for weight, _ in values)
        for weight, value in values:
            at -= weight
            if at < 0:
                return value
        return values[-1][1]

    def few(self, values: Sequence[T], count: int) -> list[T]:
        """`count` different ones of `values`, or all of them when there are no more."""
        pool = list(values)
        return [pool.pop(int(self._random() * len(pool))) for _ in range(min(count, len(pool)))]
