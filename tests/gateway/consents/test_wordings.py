# SPDX-License-Identifier: Apache-2.0
"""The words of every agreement are there in English, in Welsh and in Easy Read, and none is half of another."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from consent.words import EASY_READ, ENGLISH, WELSH
from gateway.consents.wordings import TEMPLATES, Offered, Template, choose, notices, read
from gateway.policy import vocabulary
from gateway.policy.vocabulary import Agreement

LAW = vocabulary.load()
AGREEMENTS = sorted(LAW.agreements)
SIGNS = ("item", "between", "line")
ENGLISH_WORDS = {
    "about", "agree", "ask", "back", "be", "can", "days", "depends", "for", "from", "get", "how", "if",
    "it", "kept", "may", "not", "nothing", "on", "others", "passed", "receives", "say", "sharing", "stops",
    "take", "that", "the", "they", "this", "time", "what", "whom", "will", "with", "would", "you", "your",
}  # fmt: skip
"""English words that no Welsh sentence has; those that are also Welsh words are left out."""


def every(agreement: Agreement) -> list[str]:
    return sorted({category for term in agreement.terms for category in term.categories})


def offered(id: str = "dsa-2026-014") -> Offered:
    agreement = LAW.agreements[id]
    return notices(LAW, agreement, every(agreement))


def named(agreement: Agreement) -> list[str]:
    """What is called the same in every language."""
    return [*(party.name for party in agreement.parties), agreement.contact]


@pytest.mark.parametrize("id", AGREEMENTS)
def test_every_agreement_has_every_form_and_each_its_own_hash(id: str) -> None:
    found = offered(id)
    assert list(found) == [ENGLISH, WELSH, EASY_READ]
    assert len({words.hash for words in found.values()}) == 3
    assert all(read(found, words.hash) is words for words in found.values())
    assert all(words.language == language for language, words in found.items())
    assert read(found, "0" * 64) is None


@pytest.mark.parametrize("id", AGREEMENTS)
def test_every_form_says_who_receives_what_from_whom_and_how_long_it_is_kept(id: str) -> None:
    agreement = LAW.agreements[id]
    owners = {term.source.rpartition("/")[0] for term in agreement.terms}
    names = {party.organisation: party.name for party in agreement.parties}
    for language, words in offered(id).items():
        title = "title_cy" if language == WELSH else "title"
        titles = [getattr(LAW.categories[code], title) for code in every(agreement)]
        wanted = [
            getattr(agreement, title),
            names[agreement.recipients[0]],
            *(names[owner] for owner in owners),
            *titles,
            getattr(LAW.purposes[agreement.purposes[0]], title),
            str(agreement.retention_days),
            agreement.contact,
        ]
        assert [one for one in wanted if one not in words.text] == []
        assert "{" not in words.text


@pytest.mark.parametrize("id", AGREEMENTS)
def test_no_english_word_is_left_in_the_welsh(id: str) -> None:
    text = offered(id)[WELSH].text
    for name in named(LAW.agreements[id]):
        text = text.replace(name, "")
    assert {word for word in re.findall(r"\w+", text.lower()) if word in ENGLISH_WORDS} == set()


def test_the_check_for_english_words_finds_them() -> None:
    found = re.findall(r"\w+", offered()[ENGLISH].text.lower())
    assert len(ENGLISH_WORDS.intersection(found)) > 10


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", [WELSH, EASY_READ])
def test_every_sentence_is_translated_and_names_what_the_english_one_names(language: str) -> None:
    english, other = asdict(TEMPLATES[ENGLISH]), asdict(TEMPLATES[language])
    for part in Template.__struct_fields__:
        if part in SIGNS:
            continue
        assert placeholders(other[part]) == placeholders(english[part]), part
        assert part == "title" or other[part] != english[part], part


@pytest.mark.parametrize("id", AGREEMENTS)
def test_easy_read_has_one_short_sentence_a_line(id: str) -> None:
    agreement = LAW.agreements[id]
    text = offered(id)[EASY_READ].text
    for name in (*named(agreement), agreement.title):
        text = text.replace(name, "Name")
    for line in text.splitlines():
        assert len(line.split()) <= 10, line
        assert line.count(".") <= 1, line
        assert not {";", "("} & set(line), line
        assert line.startswith("- ") or "," not in line.removeprefix("If you say no,"), line


def test_where_a_welsh_name_is_missing_welsh_is_not_offered_rather_than_half_of_it() -> None:
    agreement = replace(LAW.agreements["dsa-2026-014"], title_cy="")
    found = notices(LAW, agreement, every(agreement))
    assert list(found) == [ENGLISH, EASY_READ]
    assert choose(found, "cy").language == ENGLISH


def test_a_change_of_what_is_kept_or_passed_on_or_of_what_is_asked_changes_every_hash() -> None:
    agreement = LAW.agreements["dsa-2026-014"]
    before = {words.hash for words in notices(LAW, agreement, ["support.plan"]).values()}
    for other, categories in (
        (replace(agreement, retention_days=1), ["support.plan"]),
        (replace(agreement, onward_sharing=True), ["support.plan"]),
        (agreement, ["support.plan", "support.befriending"]),
    ):
        assert before.isdisjoint(words.hash for words in notices(LAW, other, categories).values())


def test_a_notice_of_what_is_no_longer_in_the_law_names_its_code() -> None:
    found = notices(LAW, LAW.agreements["dsa-2026-014"], ["gone.altogether"])
    assert "gone.altogether" in found[ENGLISH].text
    assert WELSH not in found
    assert "It comes from" not in found[ENGLISH].text


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", ENGLISH),
        ("cy", WELSH),
        ("cy-GB", WELSH),
        ("CY", WELSH),
        ("en-GB", ENGLISH),
        ("en-simple", EASY_READ),
        ("en-simple-x-ward", EASY_READ),
        ("fr", ENGLISH),
        ("fr, cy;q=0.3", WELSH),
        ("en;q=0.8, cy", WELSH),
        ("cy;q=0.5, en-simple;q=0.7", EASY_READ),
        ("cy;q=0", ENGLISH),
        ("cy;q=x, en-simple;q=0.1", EASY_READ),
        ("*", ENGLISH),
        (";;,=q", ENGLISH),
    ],
)
def test_the_form_is_the_one_that_was_asked_for(accept: str, language: str) -> None:
    assert choose(offered(), accept).language == language


@settings(deadline=None)
@given(st.text(max_size=60))
def test_whatever_a_header_says_there_are_words(accept: str) -> None:
    assert choose(offered(), accept).language in TEMPLATES
