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
    n: int
    allow: bool
    fields: tuple[str, ...]
    grounds: tuple[str, ...]
    broken: tuple[str, ...]
    reason: str
    fields_refused: tuple[str, ...]
    lawful_basis: str
    confidentiality_basis: str
    disclosure: Disclosure


class _Duty(Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    at: str = ""


class _Answer(Struct, frozen=True, forbid_unknown_fields=True):
    verdicts: tuple[_Verdict, ...]
    obligations: tuple[_Duty, ...]
    valid_until: int


_DECODER = msgspec.json.Decoder(_Answer, strict=True)
_REASONS = frozenset(WithheldReason)


def read(answer: str | bytes, facts: Facts, revision: str) -> Decision:
    """The decision in a judge's JSON answer to `facts`.

    Raises PolicyUnavailable when the answer is undefined, has another shape or type, does not have exactly one
    verdict for each pair in order, or contradicts itself.
    """
    try:
        said = _DECODER.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PolicyUnavailable from error
    if [verdict.n for verdict in said.verdicts] != [pair.n for pair in facts.pairs]:
        raise PolicyUnavailable
    if said.valid_until <= facts.now:
        raise PolicyUnavailable
    for verdict, pair in zip(said.verdicts, facts.pairs, strict=True):
        if not _coherent(verdict, pair.fields):
            raise PolicyUnavailable
    return Decision(
        revision,
        tuple([Verdict(*msgspec.structs.astuple(verdict)) for verdict in said.verdicts]),
        tuple([Obligation(duty.type, duty.at) for duty in said.obligations]),
        said.valid_until,
    )


def _coherent(verdict: _Verdict, asked: tuple[str, ...]) -> bool:
    if not verdict.allow:
        return verdict.reason in _REASONS and not verdict.fields and not verdict.grounds
    within = not asked or set(asked).issuperset(verdict.fields)
    return bool(verdict.fields and verdict.grounds and within) and not (verdict.broken or verdict.reason)
