# SPDX-License-Identifier: Apache-2.0
"""A receipt in plain words, made from its claims alone, so that the two cannot differ. Pure.

Claims of earlier versions lack members that came later; what they do not say is not printed.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from consent.words import EASY_READ, ENGLISH, PERMITTING, WELSH, By, Channel, Kind

_DID: dict[Kind, str] = {
    Kind.GIVEN: "You agreed to this sharing.",
    Kind.REFUSED: "You were asked to agree to this sharing and said no.",
    Kind.WITHDRAWN: "You took your consent back. Nothing more is shared under it.",
    Kind.RENEWED: "You agreed to this sharing for longer.",
    Kind.REVOKED: "Your consent was ended by somebody else. Nothing more is shared under it.",
    Kind.INVALIDATED: "Your consent was found never to have been valid. Nothing more is shared under it.",
    Kind.SUPERSEDED: "The agreement changed, so your consent to it has ended. Nothing more is shared under it.",
    Kind.OBJECTED: "You objected to this sharing.",
    Kind.OBJECTION_UPHELD: "Your objection was upheld. This is no longer shared.",
    Kind.OBJECTION_OVERRIDDEN: "Your objection was looked at, and there are reasons that outweigh it.",
    Kind.OBJECTION_TAKEN_BACK: "You took your objection back.",
    Kind.OPTED_OUT: "You opted out of uses beyond your own care, everywhere.",
    Kind.OPTED_IN: "You ended your opt-out.",
}


_NAMED = {ENGLISH: "English", WELSH: "Welsh", EASY_READ: "Easy Read"}
"""Form of the words → what it is called in plain words."""

_DID_FOR: dict[Kind, str] = {
    Kind.GIVEN: "agreed to this sharing.",
    Kind.REFUSED: "was asked to agree to this sharing and said no.",
    Kind.WITHDRAWN: "took the consent back. Nothing more is shared under it.",
    Kind.RENEWED: "agreed to this sharing for longer.",
    Kind.OBJECTED: "objected to this sharing.",
    Kind.OBJECTION_TAKEN_BACK: "took the objection back.",
    Kind.OPTED_OUT: "opted out of uses beyond individual care, everywhere.",
    Kind.OPTED_IN: "ended the opt-out.",
}
"""What somebody who decides for another did; what others do is the same for both."""

_RIGHT: dict[By, str] = {
    By.PARENT: "parental responsibility",
    By.HEALTH_LPA: "a lasting power of attorney for health and welfare",
    By.PROPERTY_LPA: "a lasting power of attorney for property and money",
    By.DEPUTY: "a deputyship of the Court of Protection",
    By.APPOINTEE: "an appointment for benefits",
    By.CHOSEN: "being chosen by the person",
    By.BEST_INTEREST: "the person's best interest",
    By.UNKNOWN: "a right that is not known",
}

_HEARD: dict[Channel, str] = {
    Channel.PHONE: "said on the telephone",
    Channel.PAPER: "written on paper",
    Channel.IN_PERSON: "said in person",
}

_MODES = {"view": "look at it", "store": "keep it", "query": "search in it", "stream": "receive it as it changes"}


def plain(claimed: Mapping[str, Any]) -> str:
    """A receipt in plain words."""
    about, links = claimed["agreement"], claimed["links"]
    lines = [
        "RECEIPT FOR A DECISION ABOUT YOUR INFORMATION",
        "",
        *_done(claimed),
        "",
        *([f"What it is about: {about['title']} ({about['id']})"] if about["id"] else []),
        f"Who receives it: {_names(claimed['dpv:hasRecipient'], 'name') or 'every organisation'}",
        f"What for: {_names(claimed['dpv:hasPurpose'], 'title') or 'every purpose'}",
        f"What kind of information: {_names(claimed['dpv:hasPersonalData'], 'title') or 'all kinds'}",
        *_narrowed(claimed),
        *_ground(claimed["dpv:hasLegalBasis"]),
        f"When it was decided: {_day(claimed['iso27560:event_time'])}",
    ]
    if valid := claimed.get("dct:valid"):
        lines.append(f"It ends by itself: {_day(valid['until'])}")
    if Kind(claimed["iso27560:event_type"]) in PERMITTING and about.get("erase_after_days"):
        lines.append(f"How long it may be kept: {about['erase_after_days']} days")
    controller = claimed["dpv:hasDataController"]
    contact = controller.get("contact", "")
    for one in claimed.get("stop", {}).get("recipients", ()):
        lines += ["", f"Told to stop: {one['name']}, {_day(one['told_at'])}", *_answers(one)]
    lines += [
        *([f"Who answers for it: {controller['name']}, {contact}"] if controller["name"] else []),
        "",
        f"To change your mind: {links['withdraw']}",
        f"To complain: {contact or 'this service'}, or the Information Commissioner: {links['complain']}",
        "",
        f"Receipt {claimed['jti']}",
        f"Words you were shown: {_words(claimed['dpv:hasNotice'])}",
        *([f"Agreement as it was then: SHA-256 {about['revision']}"] if about.get("revision") else []),
        f"Decision {claimed['event']['seq']}, hash {claimed['event']['hash']}",
    ]
    return "\n".join(lines) + "\n"


def _done(claimed: Mapping[str, Any]) -> Iterator[str]:
    """Who decided what, how they said it, and why it was ended where somebody else ended it."""
    kind = Kind(claimed["iso27560:event_type"])
    indicated = claimed.get("dpv:isIndicatedBy", {})
    by = By(indicated.get("by", By.SELF))
    if by is not By.SELF and kind in _DID_FOR:
        yield f"Somebody who may decide for the person {_DID_FOR[kind]}"
        yield f"In which right: {_RIGHT[by]}"
    else:
        yield _DID[kind]
    if reason := claimed.get("iso27560:reason"):
        yield f"Why: {reason['sentence']}"
    if heard := _HEARD.get(Channel(claimed["iso27560:collection_method"])):
        read_back = ", and read back" if indicated.get("read_back") else ""
        yield f"How it was decided: {heard}, written down by staff{read_back}"


def _narrowed(claimed: Mapping[str, Any]) -> Iterator[str]:
    """Which details, from where, and under what conditions."""
    fields, sources = _titled(claimed["fields"]), _titled(claimed["dpv:hasDataSource"])
    if claimed["dpv:hasPersonalData"]:
        yield f"Which details: {', '.join(fields) or 'all of them'}"
    if sources:
        yield f"From: {', '.join(sources)}"
    conditions = claimed.get("conditions", {})
    if conditions.get("period_from") or conditions.get("period_to"):
        since, until = conditions.get("period_from", ""), conditions.get("period_to", "")
        yield f"Only what is dated{f' from {since}' if since else ''}{f' until {until}' if until else ''}"
    if conditions.get("access_modes"):
        yield f"They may only: {', '.join(_MODES[one] for one in conditions['access_modes'])}"
    if often := conditions.get("frequency"):
        window = f"a {often['unit']}" if often["every"] == 1 else f"in {often['every']} {often['unit']}s"
        yield f"At most {often['times']} times {window}"
    for member, lead in (("roles", "Only for people who work as"), ("services", "Only through")):
        if conditions.get(member):
            yield f"{lead}: {', '.join(conditions[member])}"
    if erase_by := conditions.get("erase_by"):
        yield f"It must be erased by: {datetime.datetime.fromtimestamp(erase_by, datetime.UTC):%Y-%m-%d}"


def _titled(some: list[dict[str, str] | str]) -> list[str]:
    """Titles; of earlier versions, which said codes alone, those."""
    return [one if isinstance(one, str) else one["title"] for one in some]


def _names(some: list[dict[str, str]], member: str) -> str:
    return ", ".join(one[member] for one in some)


def _answers(one: Mapping[str, Any]) -> list[str]:
    answered = f"on {_day(one['acknowledged_at'])}" if "acknowledged_at" in one else "not yet"
    erased = f"on {_day(one['erased_at'])}" if "erased_at" in one else f"not yet; due by {_day(one['erase_by'])}"
    late = [f"  Late with: {', '.join(one['late'])}; reminded {one['chased']} times"] if one["late"] else []
    return [f"  It has acknowledged: {answered}", f"  It has erased what it got: {erased}", *late]


def _day(moment: str) -> str:
    found = datetime.datetime.fromisoformat(moment)
    return f"{found.day} {found:%B %Y, %H:%M} UTC"


def _ground(bases: Mapping[str, str]) -> list[str]:
    """The two grounds, where there are any; an opt-out has none."""
    found = []
    if bases["lawful"]:
        found.append(f"On what ground: UK GDPR Article {bases['lawful']}")
    if bases["confidentiality"]:
        found.append(f"Why it is not a breach of confidence: {bases['confidentiality'].replace('-', ' ')}")
    return found


def _words(notice: Mapping[str, str]) -> str:
    if not notice["hash"]:
        return "none: this decision needs none"
    return f"in {_NAMED.get(notice['language'], notice['language'])}, SHA-256 {notice['hash']}"
