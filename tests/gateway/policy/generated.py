# SPDX-License-Identifier: Apache-2.0
"""Facts made from their own JSON Schema: strange ones, and lawful ones with a few members changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

from gateway.policy import canaries
from gateway.policy.encoding import StandingFacts, encode, schema
from gateway.policy.vocabulary import Vocabulary

Json = dict[str, Any]
ASKED_BY_SOME = {
    "training", "age_band", "relationships", "opt_outs", "declared_reason", "recent",
    "local_minute", "local_weekday", "override",
}  # fmt: skip
"""Facts that some agreements or purposes do not ask about: what is lawful without them stays lawful."""
NOW = 1_795_000_000
"""Within the validity of every agreement; instants are drawn around it and around the agreements' bounds."""


def words(vocabulary: Vocabulary) -> dict[str, st.SearchStrategy[Any]]:
    """Member of the facts → values worth asking about. A member that is not here is drawn from its type."""
    agreements = vocabulary.agreements.values()
    fields = sorted({name for category in vocabulary.categories for name in vocabulary.fields(category)})
    edges = {0, NOW - 1, NOW, NOW + 1, NOW + 86400, 7_258_118_399}
    for agreement in agreements:
        for day in (agreement.valid.since, agreement.valid.until):
            edges |= {at + step for at in [int(_instant(day))] for step in (-1, 0, 1)}
    instants = st.just(NOW) | st.sampled_from(sorted(edges))
    odd = st.sampled_from(["", "a", "ﬁeld", "direct-care", "{}", "data.agreements"])
    lists = st.lists(st.sampled_from(fields) | odd, max_size=4)
    return {
        "now": instants,
        "until": instants,
        "organisation": st.sampled_from(sorted({r for a in agreements for r in a.recipients})) | odd,
        "on_behalf_of": st.just("") | st.sampled_from(sorted({r for a in agreements for r in a.recipients})) | odd,
        "agreement": st.sampled_from(sorted(vocabulary.agreements)) | odd,
        "purpose": st.sampled_from(sorted(vocabulary.purposes)) | odd,
        "lawful_basis": st.just("") | st.sampled_from(sorted(vocabulary.lawful_bases)) | odd,
        "special_category_basis": st.just("") | st.sampled_from(sorted(vocabulary.lawful_bases)) | odd,
        "role": st.sampled_from(sorted(vocabulary.roles)) | odd,
        "source": st.sampled_from(sorted({t.source for a in agreements for t in a.terms})) | odd,
        "category": st.sampled_from(sorted(vocabulary.categories)) | odd,
        "fields": lists,
        "except": lists,
        "erase_by": st.just(0) | instants,
        "recent": st.integers(-1, 4),
        "times": st.integers(0, 3),
        "restrictions": _some("court-order", "sealed-record", "safeguarding-restriction", "other"),
        "relationships": _some("self-claimed", "registered-patient", "referral", "other"),
        "opt_outs": _some("national-data-opt-out", "other"),
        "access_modes": _some("view", "store", "query", "stream"),
    }


def _some(*codes: str) -> st.SearchStrategy[list[str]]:
    return st.just([]) | st.lists(st.sampled_from(codes), max_size=2)


def _instant(day: Any) -> int:
    return canaries.instant(day)


def strange(vocabulary: Vocabulary) -> st.SearchStrategy[Json]:
    """Any facts that fit the schema, their pairs numbered apart."""
    whole = schema()
    return _drawn({"$ref": "#/$defs/EncodedFacts"}, whole["$defs"], words(vocabulary)).map(_numbered)


def plausible(vocabulary: Vocabulary) -> st.SearchStrategy[Json]:
    """Lawful questions to several terms of one agreement at once, each with up to six members changed."""
    lawful = [
        [json.loads(encode(canaries.lawful(agreement, term, vocabulary))) for term in agreement.terms]
        for agreement in vocabulary.agreements.values()
    ]
    known = words(vocabulary)
    definitions = schema()["$defs"]
    room = st.sampled_from(["caller", "person", "request", "pairs", "standings"])
    changes = st.lists(st.tuples(room, st.integers(0, 10_000)), max_size=6)

    @st.composite
    def build(draw: Callable[..., Any]) -> Json:
        terms = draw(st.lists(st.sampled_from(draw(st.sampled_from(lawful))), min_size=1, max_size=3))
        facts = json.loads(json.dumps(terms[0])) | {"now": NOW}
        facts["pairs"] = [dict(pair) for term in terms for pair in json.loads(json.dumps(term["pairs"]))]
        decided = [draw(_drawn({"$ref": "#/$defs/ConsentFacts"}, definitions, known)) for _ in range(3)]
        for pair in facts["pairs"]:
            pair["standing"] = draw(st.integers(0, len(decided) - 1))
        facts["standings"] = [dict(terms[0]["standings"][0], consent=consent) for consent in decided]
        whole = definitions["EncodedFacts"]["properties"]
        for chosen, where in draw(changes):
            places = _places(facts[chosen], whole[chosen], definitions)
            holder, member, how = places[where % len(places)]
            holder[member] = draw(_drawn(how, definitions, known, member))
        return _numbered(facts)

    return build()


def _numbered(facts: Json) -> Json:
    """A number that stands for two pairs is an error to one judge and a refusal to the other, and a standing that
    is not there is caught before either is asked: both are asked elsewhere."""
    facts["standings"] = facts["standings"] or [json.loads(msgspec.json.encode(StandingFacts()))]
    for number, pair in enumerate(facts["pairs"]):
        pair["n"] = number
        pair["standing"] %= len(facts["standings"])
    return facts


def _drawn(
    how: Json, definitions: Json, known: dict[str, st.SearchStrategy[Any]], member: str = ""
) -> st.SearchStrategy[Any]:
    if "$ref" in how:
        how = definitions[how["$ref"].rpartition("/")[2]]
    if member in known:
        return known[member]
    if "enum" in how:
        return st.sampled_from(how["enum"])
    if how["type"] == "array":
        return st.lists(_drawn(how["items"], definitions, known), max_size=4)
    if how["type"] == "object":
        members = {name: _drawn(inner, definitions, known, name) for name, inner in how["properties"].items()}
        return st.fixed_dictionaries(members)
    return {
        "boolean": st.booleans(),
        "integer": st.integers(how.get("minimum", 0), how.get("maximum", how.get("exclusiveMaximum", 2**53) - 1)),
        "string": st.text(max_size=8),
    }[how["type"]]


def _places(value: Any, how: Json, definitions: Json) -> list[tuple[Json, str, Json]]:
    """Every member of a document: its holder, its name and its schema."""
    if "$ref" in how:
        how = definitions[how["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        return [place for one in value for place in _places(one, how["items"], definitions)]
    if not isinstance(value, dict):
        return []
    found = []
    for name, inner in how["properties"].items():
        target = definitions[inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
        if target.get("type") != "object" and name not in {"pairs", "standings"}:
            found.append((value, name, inner))
        found += _places(value[name], inner, definitions)
    return found
