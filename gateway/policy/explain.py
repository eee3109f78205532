# SPDX-License-Identifier: Apache-2.0
"""A verdict in plain sentences, for the agency that asked. Pure.

Says no more than the reason that was given: what else was broken is for the auditor, since it could tell that a
person is known, or that somebody has something to hide.
"""

from __future__ import annotations

from typing import Protocol

from gateway.policy.vocabulary import Vocabulary


class Explained(Protocol):
    """What there is to explain: a model.Verdict, or one as it stands in the log."""

    @property
    def allow(self) -> bool: ...
    @property
    def fields(self) -> tuple[str, ...]: ...
    @property
    def grounds(self) -> tuple[str, ...]: ...
    @property
    def reason(self) -> str: ...
    @property
    def fields_refused(self) -> tuple[str, ...]: ...
    @property
    def lawful_basis(self) -> str: ...
    @property
    def confidentiality_basis(self) -> str: ...
    @property
    def disclosure(self) -> str: ...


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


def citizen_sentences(verdict: Explained, vocabulary: Vocabulary) -> list[str]:
    """The same for the citizen it is about: the true reason whatever the disclosure, in their own words."""
    if not verdict.allow:
        reason = vocabulary.reasons.get(verdict.reason)
        return [reason.citizen if reason is not None else vocabulary.generic]
    said = [
        rule.citizen for name in verdict.grounds if (rule := vocabulary.rules.get(f"grounds/{name}")) is not None
    ]
    lawful = vocabulary.lawful_bases.get(verdict.lawful_basis)
    return [*said, lawful.sentence] if lawful is not None else said


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
