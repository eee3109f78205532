# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/reference/exchange.md, made from the wire types, so that none of them can fall behind.

Form, need and default come from the types; the meaning of each member is told here, and a member without one
stops `make docs`, as does a meaning without a member.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import inspect

from gateway import model
from gateway.policy.vocabulary import Vocabulary
from gateway.web import wire

Row = tuple[str, ...]

REQUEST: dict[str, str] = {
    "subject": "The citizen asked about. Stands in the body only, never in a URL.",
    "subject.identifier": "One identifier of the citizen that you hold.",
    "subject.identifier.system": "The URI of its scheme, such as `https://fhir.nhs.uk/Id/nhs-number`.",
    "subject.identifier.value": "The identifier. An NHS number may hold spaces; its check digit is checked.",
    "subject.verify": "What you believe of the citizen. If it does not fit, the reply is as for a stranger.",
    "subject.verify.birth_date": "Date of birth.",
    "subject.verify.family_name": "Family name, in any case of letters.",
    "purpose": "Why you ask: a code of `/v1/catalogue/purposes`.",
    "legal_basis": "The ground you claim. You may claim only what the agreement says.",
    "legal_basis.agreement": "The data-sharing agreement you ask under: an id of `/v1/catalogue/agreements`.",
    "legal_basis.gdpr_article_6": "The UK GDPR Article 6 basis you claim, such as `6(1)(e)`.",
    "legal_basis.gdpr_article_9": "The Article 9 condition you claim, such as `9(2)(h)`.",
    "legal_basis.statute": "The law you rely on, by its address at legislation.gov.uk; where the ground is a legal "
    "obligation it must be the one the agreement names.",
    "legal_basis.declared_reason": "Why it cannot wait, where the ground is vital interests or safeguarding: "
    "`vital-interests`, `safeguarding-child`, `safeguarding-adult`, `mental-capacity` or `court`.",
    "categories": "What you ask for; each category once.",
    "categories[].code": "A code of `/v1/catalogue/categories`.",
    "categories[].need": "Whether the answer is of use without it; see `completeness`.",
    "categories[].fields": "Only these fields. Empty: all that the agreement allows. It can only narrow.",
    "categories[].since": "Leave out what is older than this date, where the source can tell.",
    "case": "Why this citizen, now.",
    "case.reason": "A plain sentence **that the citizen will read**: no codes, links or long numbers.",
    "case.relationship": "In plain words, why the citizen is in your care, when the register of the commons does "
    "not say so. It is logged and judged as self-claimed, and the citizen reads it.",
    "case.reference": "Your own case number. It is kept in the log.",
    "consent": "How you rely on consent.",
    "consent.mode": "`required`: refuse what does not rest on the citizen's consent. `if-present`: use it where it "
    "is the ground. `not-basis`: you do not rely on it.",
    "consent.reference": "Your own reference of the consent. Not judged: the ledger is.",
    "requester": "Who asks. Organisation and system come from the access token.",
    "requester.organisation": "If given, it must be the token's.",
    "requester.system": "If given, it must be the token's.",
    "requester.user": "The person at your agency. If the token names one, it must be the same.",
    "requester.user.id": "Your own id of that person. It is kept in the log.",
    "requester.user.role": "Their role: agreements ask for one.",
    "requester.user.assurance": "How surely they signed in. Not judged.",
    "requester.on_behalf_of": "The organisation you act for. The agreement must name it as a recipient too.",
    "sources": "Which connected systems may be asked: ids of `/v1/catalogue/sources`.",
    "sources.include": "Only these; `*` is all.",
    "sources.exclude": "Not these.",
    "completeness": "What to do when something required does not come.",
    "completeness.minimum": "What must come for the answer to count as whole.",
    "completeness.on_shortfall": "`return-partial`: answer with what there is. `fail`: answer "
    "[`completeness-not-met`](errors.md) and release nothing.",
    "freshness": "How old the data may be.",
    "freshness.max_age_s": "In seconds; what is older is `stale`. 0 leaves it to each source's own limit.",
    "deadline_ms": "How long the sources may take, in milliseconds. What is not there by then is `unavailable` or "
    "`late`. Default and longest are [settings](settings.md).",
    "override": "An [override](#overrides) that you opened for this citizen and that is still in force.",
    "format": "The form of the answer.",
}

ANSWER: dict[str, str] = {
    "id": "The query. A retry with the same `Idempotency-Key` keeps it.",
    "decision": "The decision; `GET /v1/decisions/{id}` explains it.",
    "status": "`complete` if everything you asked for was delivered, or is known not to exist.",
    "subject": "`handle`: your organisation's own name for this citizen; every organisation has another. `match`: "
    "`verified` if `verify` was given and fits, else `by-identifier`; `not-told`, without a handle, while nothing "
    "is allowed or returned, so that nobody can ask who exists.",
    "completeness": "What came, what did not, and why.",
    "completeness.required": "Whether every category with `need` `required` was delivered.",
    "completeness.optional": "The same of the optional ones.",
    "completeness.safe_to_rely": "`no` if a category that the catalogue calls `critical` was asked and did not "
    "come; `with-caution` if anything else is missing, removed, old or in conflict.",
    "completeness.summary": "One line for each source and category that may be shown.",
    "completeness.summary[].category": "The category.",
    "completeness.summary[].source": "The connected system.",
    "completeness.summary[].state": "One of the [nine states](#the-nine-states).",
    "completeness.summary[].items": "How many items came.",
    "completeness.summary[].reason": "Why: a [withheld reason](#withheld-reasons), or what the "
    "[connector](connectors.md#outcomes) says of an unavailable source.",
    "completeness.summary[].remedy": "What would help, in one sentence.",
    "completeness.summary[].retry_after_s": "The source said how many seconds to wait.",
    "completeness.summary[].elapsed_ms": "How long the source took, in milliseconds.",
    "completeness.summary[].as_of": "The day of the extract, where the source answers from one.",
    "items": "The records: only the fields that are permitted.",
    "items[].id": "Its name within this answer.",
    "items[].category": "The category.",
    "items[].data": "The fields of the category. Dates are ISO 8601, money is in pence.",
    "items[].provenance": "Where it comes from and under what it may be used.",
    "items[].provenance.source": "The connected system.",
    "items[].provenance.connector": "The connector and its version.",
    "items[].provenance.mapping": "The mapping and its version.",
    "items[].provenance.retrieved_at": "When the gateway read it (UTC).",
    "items[].provenance.agreement": "The agreement it was released under.",
    "items[].provenance.digest": "SHA-256 of `data` with sorted members.",
    "items[].provenance.source_record": "A name for the source's own record: the same in every answer to you, "
    "another to everybody else.",
    "items[].provenance.source_version": "The source's version of the record.",
    "items[].provenance.source_last_updated": "When the source last changed it.",
    "items[].provenance.age_s": "How old the data was when it was read, in seconds.",
    "items[].provenance.consent": "The consent it rests on, where consent is the ground.",
    "items[].fields_withheld": "Fields you named, or the source holds, that are not given: `path` and `reason`.",
    "items[].possible_duplicate_of": "Items of other sources with the same data. Nothing is merged.",
    "items[].conflicts": "Fields where another source says something else: `path` and `with`. Nothing is chosen.",
    "obligations": "Duties that go with the answer.",
    "obligations[].type": "`erase-by` (the first date counts), `no-onward-sharing`, `view-only`, "
    "`suppress-counts`, `review-by` or `notify-citizen`.",
    "obligations[].at": "The date, where the duty has one.",
    "obligations[].below": "Of `suppress-counts`: numbers under this many people are not shown to others.",
    "receipt": "`href`: the [receipt](#decisions-and-receipts) of this answer. `witness_index`: place in the log "
    "of the entry that was written before anything was fetched.",
}

PREVIEW: dict[str, str] = {
    "id": "The query.",
    "decision": "The decision; `GET /v1/decisions/{id}` explains it.",
    "status": "Says that this is a dry run.",
    "subject": "As in an answer.",
    "verdicts": "One for each source and category that may be shown.",
    "verdicts[].category": "The category.",
    "verdicts[].source": "The connected system.",
    "verdicts[].allow": "Whether it would be shared.",
    "verdicts[].fields": "The fields that would be shared.",
    "verdicts[].grounds": "The [grounds](law.md#grounds) that carry it.",
    "verdicts[].reason": "Why it would not be shared.",
    "obligations": "Duties that would go with the answer.",
    "obligations[].type": "As in an answer.",
    "obligations[].at": "As in an answer.",
    "obligations[].below": "As in an answer.",
    "receipt": "The receipt of the dry run, which is in the log too.",
}

STATES: dict[model.State, tuple[str, str]] = {
    model.State.RETURNED: ("Records came, with every field that you may see.", "Use them."),
    model.State.EMPTY: ("The source was asked and holds nothing.", "Nothing: this is an answer."),
    model.State.WITHHELD: ("It may not be shared with you now.", "Look at `reason` and `remedy`."),
    model.State.REDACTED: ("Records came, without some fields.", "Look at `fields_withheld`."),
    model.State.UNAVAILABLE: ("The source gave no answer that can be used.", "Ask again, after `retry_after_s`."),
    model.State.STALE: ("Records came, but older than you or the source allow.", "Check `as_of` before you rely."),
    model.State.UNMATCHED: (
        "The source cannot say which of its records is this citizen's.",
        "`no-identifier`: nobody linked one. `identifier-superseded`, `identifier-ambiguous`: tell the source.",
    ),
    model.State.NOT_ASKED: ("No agreement covers it, so the source was not asked.", "Ask the owner for one."),
    model.State.LATE: ("The source had begun to answer at the deadline.", "Ask again with a longer `deadline_ms`."),
}

_FORMS: dict[str, str] = {
    "^[a-z0-9]+(?:[.-][a-z0-9]+)*$": "code",
    "^[a-z][a-z0-9_]*$": "field name",
    r"^[\x21-\x7e]+$": "text without spaces",
    r"^[\x20-\x7e]+$": "text",
    r"^(?:https://|urn:)[\x21-\x7e]+$": "URI",
    r"^(?:\*|uk/[a-z]+(?:/[A-Za-z0-9-]+){1,3})$": "id `uk/…`",
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "date `YYYY-MM-DD`",
    r"^https://www\.legislation\.gov\.uk/[\x21-\x7e]+$": "address at legislation.gov.uk",
    "^ov_[0-9a-f-]{36}$": "id `ov_…`",
    r"^[69]\([0-9]\)\([a-z]{1,2}\)$": "basis",
}
"""The patterns of the wire, each in words."""
_PLAIN: dict[type[inspect.Type], str] = {
    inspect.StructType: "object",
    inspect.DictType: "object",
    inspect.BoolType: "true or false",
    inspect.EnumType: "code",
}


def tables(vocabulary: Vocabulary) -> dict[str, str]:
    """Every made table, by the name that its place in the page has."""
    head = ("Member", "Form", "Default", "Meaning")
    return {
        "request": table(head, _members(wire.RecordQuery, REQUEST)),
        "answer": table((head[0], head[1], head[3]), _leave_out_default(_members(model.Answer, ANSWER))),
        "preview": table((head[0], head[1], head[3]), _leave_out_default(_members(model.Preview, PREVIEW))),
        "states": table(
            ("State", "Meaning", "What to do"), [(f"`{state}`", *STATES[state]) for state in model.State]
        ),
        "reasons": table(
            ("Reason", "What you are told", "What would help"),
            [
                (f"`{code}`", reason.agency, vocabulary.remedies.get(code, "–"))
                for code, reason in vocabulary.reasons.items()
            ],
        ),
    }


def table(head: Row, rows: Sequence[Row]) -> str:
    """A table in Markdown."""
    every = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in every)


def _members(root: type[msgspec.Struct], meanings: Mapping[str, str]) -> list[Row]:
    found = inspect.type_info(root)
    if not isinstance(found, inspect.StructType):
        raise TypeError(f"{root.__name__} is no struct")
    rows = list(_walk(found, ""))
    if missing := {path for path, *_ in rows} ^ set(meanings):
        raise LookupError(f"{root.__name__}: member and meaning must go together: {', '.join(sorted(missing))}")
    return [(f"`{path}`", form, default, meanings[path]) for path, form, default in rows]


def _leave_out_default(rows: list[Row]) -> list[Row]:
    return [(member, form, meaning) for member, form, _, meaning in rows]


def _walk(struct: inspect.StructType, above: str) -> Iterator[tuple[str, str, str]]:
    for field in struct.fields:
        path = f"{above}{field.encode_name}"
        inner = _inner(field.type)
        yield path, _form(inner), _default(field)
        below, suffix = (
            (_inner(inner.item_type), "[].") if isinstance(inner, inspect.VarTupleType) else (inner, ".")
        )
        if isinstance(below, inspect.StructType):
            yield from _walk(below, path + suffix)


def _inner(kind: inspect.Type) -> inspect.Type:
    """The type without "or unset", "or null"."""
    if isinstance(kind, inspect.Metadata):
        return _inner(kind.type)
    if isinstance(kind, inspect.UnionType):
        kinds = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return _inner(kinds[0])
    return kind


def _form(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.VarTupleType):
        size = f" of {kind.min_length or 0} to {kind.max_length}" if kind.max_length else ""
        return f"list{size}; each: {_form(_inner(kind.item_type))}"
    if isinstance(kind, inspect.StrType):
        return _text(kind)
    if isinstance(kind, inspect.IntType):
        return f"whole number, {kind.ge} to {kind.le}" if kind.ge is not None else "whole number"
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(f"`{value}`" for value in kind.values)
    return _PLAIN[type(kind)]


def _text(kind: inspect.StrType) -> str:
    form = _FORMS[kind.pattern] if kind.pattern else "text"
    if not kind.max_length:
        return form
    least = f"{kind.min_length} to" if (kind.min_length or 1) > 1 else "up to"
    return f"{form}, {least} {kind.max_length} characters"


def _default(field: inspect.Field) -> str:
    if field.required:
        return "**required**"
    value = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    if isinstance(value, str | int) and value != "":
        return f"`{value}`"
    if isinstance(value, Sequence) and value:
        return ", ".join(f"`{one}`" for one in value)
    return "–"


def fill(page: str, made: Mapping[str, str]) -> str:
    """`page` with every made table in its place. Raises LookupError when table and place do not go together."""
    parts = page.split("<!-- made: ")
    named = [part.partition(" -->")[0] for part in parts[1:]]
    if sorted(named) != sorted(made):
        raise LookupError(f"the page has places for {sorted(named)}, there are tables for {sorted(made)}")
    filled = (
        f"{name} -->\n{made[name]}\n<!-- /made -->{part.partition('<!-- /made -->')[2]}"
        for name, part in zip(named, parts[1:], strict=True)
    )
    return "<!-- made: ".join(itertools.chain(parts[:1], filled))
