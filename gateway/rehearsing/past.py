# SPDX-License-Identifier: Apache-2.0
"""A past decision as the log holds it: the facts it was made from, and its verdicts."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from gateway.audit.leaf import Opened
from gateway.evidence import Basis, Judged
from gateway.model import Obligation
from gateway.policy.encoding import EncodedFacts, whole
from gateway.policy.facts import Facts

TYPES = frozenset({"access.intended", "access.refused", "access.previewed"})
"""The types of entry that hold a decision in their own right."""

_FACTS = msgspec.json.Decoder(EncodedFacts)
_BASIS = msgspec.json.Decoder(Basis)


class Past(Struct, frozen=True):
    """`anew`: decided again because consent or circumstances moved, so that what was refused before stayed so."""

    facts: Facts
    verdicts: tuple[Judged, ...]
    revision: str
    obligations: tuple[Obligation, ...] = ()
    anew: bool = False


class _Result(Struct, frozen=True):
    basis: Basis | None = None
    facts: EncodedFacts | None = None


_RESULT = msgspec.json.Decoder(_Result)


def past(groups: Mapping[str, Opened]) -> Past | None:
    """The decision in an entry's groups; None when there is none, or its facts were erased. Facts of a form that
    this version does not know raise msgspec.ValidationError; members that came later stand at their default."""
    if "basis" in groups and "facts" in groups:
        basis = _BASIS.decode(groups["basis"].content)
        return _past(_FACTS.decode(groups["facts"].content), basis)
    if "result" in groups:
        result = _RESULT.decode(groups["result"].content)
        if result.basis is not None and result.facts is not None:
            return _past(result.facts, result.basis)
    return None


def _past(facts: EncodedFacts, basis: Basis) -> Past:
    return Past(whole(facts), basis.verdicts, basis.policy, basis.obligations, basis.anew)
