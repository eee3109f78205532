# SPDX-License-Identifier: Apache-2.0
"""A verdict in plain sentences, for the agency that asked, the citizen and an auditor. Pure.

The agency is told no more than the reason that was given: what else was broken is for the auditor, since it could
tell that a person is known, or that somebody has something to hide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from gateway.policy.rules import Rule
from gateway.policy.vocabulary import Vocabulary

STRANGER = "known_person"
"""The limit that whoever may not see a person is told of, whichever secret one they broke."""


class Explained(Protocol):
    """What there is to explain: a model.Verdict, or one as it stands in the log."""

    @property
    def allow(self) -> bool:
        """Whether anything was shared."""
        ...

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of what was shared."""
        ...

    @property
    def grounds(self) -> tuple[str, ...]:
        """The names of the grounds that carried it."""
        ...

    @property
    def reason(self) -> str:
        """Code of the public reason of a refusal."""
        ...

    @property
    def fields_refused(self) -> tuple[str, ...]:
        """The names of what was asked for and taken out."""
        ...

    @property
    def lawful_basis(self) -> str:
        """Code of the basis under UK GDPR Article 6."""
        ...

    @property
    def confidentiality_basis(self) -> str:
        """Code of what it rests on under the duty of confidentiality."""
        ...

    @property
    def disclosure(self) -> str:
        """How much a refusal may say: `explain`, `generic` or `silent`."""
        ...


class Audited(Explained, Protocol):
    """What there is to tell an auditor: a verdict as it stands in the log."""

    @property
    def source(self) -> str:
        """Where it was asked from; empty where nobody holds it."""
        ...

    @property
    def category(self) -> str:
        """Code of what was asked for."""
        ...

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the limits that do not hold and may be told of."""
        ...

    @property
    def hidden(self) -> tuple[str, ...]:
        """The names of the limits that do not hold and are kept from the agency."""
        ...

    @property
    def override(self) -> str:
        """Code of the break-glass reason under which it was allowed; empty for none."""
        ...


def explain(verdict: Explained, vocabulary: Vocabulary) -> list[str]:
    """Why one (source, category) was shared or not. Nothing at all where disclosure is `silent` and it was not."""
    if verdict.allow:
        return _shared(verdict, vocabulary)
    if verdict.disclosure == "silent":
        return []
    if verdict.disclosure != "explain":
        return [vocabulary.generic]
    reason = vocabulary.reasons.get(verdict.reason)
    if reason is None:
        return [vocabulary.generic]
    help_ = vocabulary.remedies.get(verdict.reason)
    return [reason.agency, help_] if help_ else [reason.agency]


def citizen_sentences(verdict: Audited, vocabulary: Vocabulary) -> list[str]:
    """The same for the citizen it is about: the true reason whatever the disclosure, in their own words."""
    if not verdict.allow:
        return _truly(verdict, vocabulary)
    said = [
        rule.citizen for name in verdict.grounds if (rule := vocabulary.rules.get(f"grounds/{name}")) is not None
    ]
    lawful = vocabulary.lawful_bases.get(verdict.lawful_basis)
    if lawful is not None:
        said.append(lawful.sentence)
    return list(dict.fromkeys(said))


def _truly(verdict: Audited, vocabulary: Vocabulary) -> list[str]:
    """Why it was refused. Where a secret limit was broken, the agency was told what a stranger's refusal says; that
    is true only of what is wrong with the request itself."""
    broken, hidden = (
        [rule for name in names if (rule := vocabulary.rules.get(f"limits/{name}")) is not None]
        for names in (verdict.broken, verdict.hidden)
    )
    secret = sorted((rule for rule in hidden if rule.about == "secret"), key=lambda rule: rule.order)
    reason = vocabulary.reasons.get(verdict.reason)
    said = [reason.citizen if reason is not None else vocabulary.generic]
    if not secret:
        return said
    return [*said, secret[0].citizen] if any(rule.about == "request" for rule in broken) else [secret[0].citizen]


def duty_rule(duty: str, vocabulary: Vocabulary) -> Rule | None:
    """The rule from which a duty of this type follows; None where the law in force knows of none."""
    owing = (rule for rule in vocabulary.rules.values() if rule.kind == "obligations")
    return next((rule for rule in owing if duty in (rule.duties or (rule.name.replace("_", "-"),))), None)


def auditor_sentence(verdict: Audited, vocabulary: Vocabulary, *, known: bool = False) -> str:
    """What became of one (source, category), for whoever may know all: which ground carried it, which limits did
    not hold, and which of them the agency was not told of. `known`: the facts say that the commons knows the
    person, so that a refusal as of a stranger is only what the agency was told."""
    said = [f"{verdict.category} of {verdict.source or 'no source'}:"]
    if verdict.allow:
        said.append("shared.")
        said += _named("Carried by", "grounds", verdict.grounds, vocabulary)
        if verdict.override:
            said.append(f"Under break-glass, declared as {verdict.override}.")
        return " ".join(said)
    said.append(f"refused ({verdict.reason}).")
    as_stranger = known and STRANGER in verdict.broken
    broken = [name for name in verdict.broken if not (as_stranger and name == STRANGER)]
    if as_stranger:
        said.append("The agency is told what it would be told of a stranger.")
    said += _named("Does not hold", "limits", broken, vocabulary)
    said += _named("Does not hold, and the agency is not told", "limits", verdict.hidden, vocabulary)
    if not verdict.broken and not verdict.hidden:
        reason = vocabulary.reasons.get(verdict.reason)
        said.append("Every limit holds, and no ground carries it.")
        said += [_rests(verdict, vocabulary), reason.agency if reason else ""]
    return " ".join(filter(None, said))


def _rests(verdict: Audited, vocabulary: Vocabulary) -> str:
    """On what it would have to rest, by the agreement: which ground was looked for."""
    lawful = vocabulary.lawful_bases.get(verdict.lawful_basis)
    confidence = vocabulary.confidentiality_bases.get(verdict.confidentiality_basis)
    if lawful is None or confidence is None:
        return ""
    return f"By the agreement it rests on Article {lawful.code} ({lawful.title}) and {confidence.title}."


def _named(lead: str, kind: str, names: Iterable[str], vocabulary: Vocabulary) -> Iterator[str]:
    for name in names:
        rule = vocabulary.rules.get(f"{kind}/{name}")
        yield f"{lead}: {rule.title if rule else 'a rule of another law'} ({kind}/{name})."


def _shared(verdict: Explained, vocabulary: Vocabulary) -> list[str]:
    said = [
        rule.agency for name in verdict.grounds if (rule := vocabulary.rules.get(f"grounds/{name}")) is not None
    ]
    lawful = vocabulary.lawful_bases.get(verdict.lawful_basis)
    confidence = vocabulary.confidentiality_bases.get(verdict.confidentiality_basis)
    if lawful is not None:
        said.append(
            f"The lawful basis is UK GDPR Article {lawful.code}: {lawful.title[0].lower()}{lawful.title[1:]}."
        )
    if confidence is not None:
        title = confidence.title
        said.append(f"Under the duty of confidentiality it rests on: {title[0].lower()}{title[1:]}.")
    if verdict.fields_refused:
        names = ", ".join(verdict.fields_refused)
        said.append(f"Not shared, because the agreement or the citizen's consent does not cover it: {names}.")
    return said
