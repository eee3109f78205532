# SPDX-License-Identifier: Apache-2.0
"""The interface of a judge, and how its word is read: strictly, since any doubt is a no."""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec import Struct

from gateway.errors import PolicyUnavailable
from gateway.model import Decision, Disclosure, Obligation, Verdict, WithheldReason
from gateway.policy.facts import Facts


class Judge(Protocol):
    """Judges all pairs of one query at once."""

    @property
    def revision(self) -> str:
        """SHA-256 of the rules and data that are judged by."""
        ...

    async def judge(self, facts: Facts) -> Decision:
        """The decision. Raises PolicyUnavailable on any doubt."""
        ...


class _Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    allow: bool
    fields: tuple[str, ...]
    grounds: tuple[str, ...]
    broken: tuple[str, ...]
    reason: str
    fields_refused: tuple[str, ...]
    lawful_basis: str
    confidentiality_basis: str
    disclosure: Disclosure
    hidden: tuple[str, ...]
    override: str


class _Duty(Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    at: str = ""
    below: int = 0


class _Answer(Struct, frozen=True, forbid_unknown_fields=True):
    pairs: tuple[int, ...]  # for each pair asked, in order, which of the verdicts is its own
    verdicts: tuple[_Verdict, ...]
    obligations: tuple[_Duty, ...]
    valid_until: int


_DECODER = msgspec.json.Decoder(_Answer, strict=True)
_REASONS = frozenset(WithheldReason)


def read(answer: str | bytes, facts: Facts, revision: str) -> Decision:
    """The decision in a judge's JSON answer to `facts`.

    Raises PolicyUnavailable when the answer is undefined, has another shape or type, does not give each
    pair its verdict, or contradicts itself.
    """
    try:
        said = _DECODER.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PolicyUnavailable from error
    if len(said.pairs) != len(facts.pairs) or said.valid_until <= facts.now:
        raise PolicyUnavailable
    if said.pairs and not 0 <= min(said.pairs) <= max(said.pairs) < len(said.verdicts):
        raise PolicyUnavailable
    if len({pair.n for pair in facts.pairs}) != len(facts.pairs):  # no number stands for two pairs
        raise PolicyUnavailable
    known = [(verdict, msgspec.structs.astuple(verdict)) for verdict in said.verdicts]
    verdicts = []
    for pair, position in zip(facts.pairs, said.pairs, strict=True):
        verdict, members = known[position]
        if not _coherent(verdict, pair.fields):
            raise PolicyUnavailable
        verdicts.append(Verdict(pair.n, *members))
    return Decision(
        revision,
        tuple(verdicts),
        tuple([Obligation(duty.type, duty.at, duty.below) for duty in said.obligations]),
        said.valid_until,
    )


def _coherent(verdict: _Verdict, asked: tuple[str, ...]) -> bool:
    if not verdict.allow:
        return verdict.reason in _REASONS and not (verdict.fields or verdict.grounds or verdict.override)
    within = not asked or set(asked).issuperset(verdict.fields)
    return bool(verdict.fields and verdict.grounds and within) and not (
        verdict.broken or verdict.hidden or verdict.reason
    )
