# SPDX-License-Identifier: Apache-2.0
"""The words that a citizen reads, or hears, before they agree: in English, in Welsh and in Easy Read. Pure.

Every form says the same, sentence by sentence (ISO/IEC 29184 §5.3): who would receive what from whom and what for,
for how long, that one may say no, how to take it back, whom to ask. The sentences stand here and the names come
from the vocabulary; so every agreement has every form, and none says more than another. No translator has looked at
the Welsh yet, and nobody with a learning disability at the Easy Read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from consent.model import Event
from consent.shown import Shown, format_of
from consent.words import EASY_READ, ENGLISH, WELSH
from gateway.policy.vocabulary import Agreement, Category, Purpose, Vocabulary

Offered = Mapping[str, "Words"]
"""BCP 47 tag → the words in that form; English is always there."""


class Words(Struct, frozen=True):
    """What is to be read. `language`: one of consent.shown.FORMS; `hash`: SHA-256 of the text in UTF-8."""

    text: str
    language: str
    hash: str


class Template(Struct, frozen=True, kw_only=True):
    """The sentences of one form, each with the names that go into it in braces. `item`: how one of several is
    written, `between` what stands between two of them."""

    title: str
    receives: str
    sources: str
    purposes: str
    kept: str
    kept_one_day: str
    onward: str
    not_onward: str
    choice: str
    taking_back: str
    questions: str
    item: str = "{name}"
    between: str = ", "
    line: str = " "


TEMPLATES: Final[Mapping[str, Template]] = {
    ENGLISH: Template(
        title="{title}.",
        receives="If you agree, {recipient} receives this about you: {categories}.",
        sources="It comes from {sources}.",
        purposes="It is for: {purposes}.",
        kept="It may be kept for {days} days.",
        kept_one_day="It may be kept for one day.",
        onward="It may be passed on to others.",
        not_onward="It may not be passed on to others.",
        choice="You can say no: nothing else that you get from any service depends on your answer.",
        taking_back="You can take your consent back at any time, and the sharing stops at once.",
        questions="Whom to ask: {contact}",
    ),
    WELSH: Template(
        title="{title}.",
        receives="Os ydych yn cytuno, bydd {recipient} yn cael hyn amdanoch chi: {categories}.",
        sources="Daw oddi wrth {sources}.",
        purposes="Y diben yw: {purposes}.",
        kept="Gellir ei gadw am {days} diwrnod.",
        kept_one_day="Gellir ei gadw am un diwrnod.",
        onward="Gellir ei drosglwyddo i eraill.",
        not_onward="Ni ellir ei drosglwyddo i eraill.",
        choice="Gallwch wrthod: nid oes dim arall a gewch gan unrhyw wasanaeth yn dibynnu ar eich ateb.",
        taking_back="Gallwch dynnu eich cydsyniad yn ôl unrhyw bryd, a daw'r rhannu i ben ar unwaith.",
        questions="Pwy i'w holi: {contact}",
    ),
    EASY_READ: Template(
        title="{title}.\nThis is about your information.\nYou choose if we share it.",
        receives="{recipient} wants to see it.\nThey want to see:\n{categories}",
        sources="It comes from:\n{sources}",
        purposes="They want it for:\n{purposes}",
        kept="They can keep it for {days} days.",
        kept_one_day="They can keep it for one day.",
        onward="They can give it to other people.",
        not_onward="They must not give it to other people.",
        choice="You can say yes.\nYou can say no.\nIf you say no, nothing else changes for you.",
        taking_back="You can change your mind at any time.\nThen we stop sharing at once.",
        questions="You can ask someone to help you.\nYou can ask us questions:\n{contact}",
        item="- {name}",
        between="\n",
        line="\n",
    ),
}


def notices(
    law: Vocabulary,
    agreement: Agreement,
    categories: Iterable[str],
    *,
    recipient: str = "",
    purpose: str = "",
    source: str = "",
) -> Offered:
    """The notice of these categories of an agreement in every form that can be made. `recipient`, `purpose`: the
    agreement's first where none is named; `source`: from all that hold them. Welsh is left out where the vocabulary
    or the agreement lacks a Welsh name: no form is half translated."""
    named = sorted(set(categories))
    codes = (purpose or agreement.purposes[0],)
    found = {
        language: _written(language, law, agreement, named, codes, recipient or agreement.recipients[0], source)
        for language in TEMPLATES
        if language != WELSH or _has_welsh(law, agreement, named, codes)
    }
    return {
        language: Words(text, language, hashlib.sha256(text.encode()).hexdigest())
        for language, text in found.items()
    }


def read(offered: Offered, hash_: str) -> Words | None:
    """Which of the forms somebody has read, by its hash; None for none of them."""
    return next((words for words in offered.values() if words.hash == hash_), None)


def shown(words: Words, decided: Event) -> Shown:
    """The words as they are kept with a decision that was made on them."""
    language = words.language
    return Shown(decided.agreement, words.text, decided.at, language, format_of(language), decided.revision)


def choose(offered: Offered, accept: str) -> Words:
    """The form that an Accept-Language header asks for (RFC 9110 §12.5.4), by lookup (RFC 4647 §3.4): `cy-GB` finds
    Welsh, `en-simple` Easy Read. English where nothing fits or the header is not one."""
    for wanted in _ranges(accept):
        parts = wanted.split("-")
        while parts:
            if (found := offered.get("-".join(parts))) is not None:
                return found
            parts.pop()
    return offered[ENGLISH]


def _ranges(accept: str) -> list[str]:
    """The language ranges of the header, the most wanted first; those of no weight left out."""
    weighed: list[tuple[float, str]] = []
    for one in accept[:200].lower().split(","):
        tag, _, parameter = one.partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if 0 < weight <= 1 and tag.strip():
            weighed.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighed, key=lambda pair: -pair[0])]


def _written(
    language: str,
    law: Vocabulary,
    agreement: Agreement,
    categories: list[str],
    purposes: tuple[str, ...],
    recipient: str,
    source: str,
) -> str:
    form = TEMPLATES[language]
    welsh = language == WELSH
    parties = {party.organisation: party.name for party in agreement.parties}
    held = (
        [source]
        if source
        else [t.source for t in agreement.terms if not t.categories.keys().isdisjoint(categories)]
    )
    owners = dict.fromkeys(one.rpartition("/")[0] for one in held)
    days = form.kept_one_day if agreement.retention_days == 1 else form.kept
    names = {
        "title": agreement.title_cy if welsh else agreement.title,
        "recipient": parties.get(recipient, recipient),
        "categories": _listed(form, (_title(law.categories, code, welsh=welsh) for code in categories)),
        "sources": _listed(form, (parties.get(owner, owner) for owner in owners)),
        "purposes": _listed(form, (_title(law.purposes, code, welsh=welsh) for code in purposes)),
        "days": str(agreement.retention_days),
        "contact": agreement.contact,
    }
    onward = form.onward if agreement.onward_sharing else form.not_onward
    sources = form.sources if owners else ""
    sentences = (
        form.title, form.receives, sources, form.purposes, days, onward, form.choice, form.taking_back,
        form.questions,
    )  # fmt: skip
    return form.line.join(sentence.format_map(names) for sentence in sentences if sentence)


def _title(vocabulary: Mapping[str, Category] | Mapping[str, Purpose], code: str, *, welsh: bool) -> str:
    """The title of a code, in Welsh or not; the code itself where the law no longer has it."""
    named = vocabulary.get(code)
    if named is None:
        return "" if welsh else code
    return named.title_cy if welsh else named.title


def _listed(form: Template, names: Iterable[str]) -> str:
    return form.between.join(form.item.format(name=name) for name in names)


def _has_welsh(law: Vocabulary, agreement: Agreement, categories: list[str], purposes: tuple[str, ...]) -> bool:
    titles = [agreement.title_cy, *(_title(law.categories, code, welsh=True) for code in categories)]
    return all((*titles, *(_title(law.purposes, code, welsh=True) for code in purposes)))
