# SPDX-License-Identifier: Apache-2.0
"""The facts a query is judged by: typed, lean, and without a trace of who the citizen is.

Every member has a default, and every default is the one that refuses, so that nothing can be undefined in the
rules. What citizens decided is folded here, by index, into one small value for each pair; what follows from it is
judged by the rules. Two citizens who are in the same position have the same facts, byte for byte but for `now`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct, field, structs

from consent.model import Held, ObjectionStanding, ObjectionState, Standing, State
from consent.rules import held
from gateway.model import AgeBand, Binding, Caller, Circumstances, Pair, Person, Query, User

DAY_S = 86400

Text = Annotated[str, Meta(max_length=256)]
Names = Annotated[tuple[Text, ...], Meta(max_length=256)]
ConsentState = Literal["none", "given", "refused", "withdrawn", "expired"]
Objection = Literal["none", "pending", "upheld", "overridden"]
Instant = Annotated[int, Meta(ge=0, lt=7_258_118_400)]  # before 2200: nanoseconds still fit 64 bits in the rules
Count = Annotated[int, Meta(ge=0, le=2**31)]
Counted = Annotated[int, Meta(ge=-1, le=2**31)]  # -1: nobody counted


class CallerFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks. `role_assured`: a token says so, not only the asking system. `training`: what the token says the
    user is trained in and has not to repeat yet."""

    organisation: Text = ""
    organisation_active: bool = False
    system_active: bool = False
    role: Text = ""
    role_assured: bool = False
    training: Names = ()


class PersonFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """What of a person's circumstances is judged, and not who they are.

    `age_band` empty: their age is not known. `relationships`: kinds of legitimate relationship that hold now
    between them and the asking organisation. `opt_outs`: codes, such as `national-data-opt-out`.
    """

    known: bool = False
    deceased: bool = False
    age_band: AgeBand = ""
    relationships: Names = ()
    opt_outs: Names = ()


class OverrideFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """Break-glass in force for this query: why, for which categories, and while now < `until`. No reason: none."""

    reason: Text = ""
    until: Instant = 0
    categories: Names = ()


class RequestFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """What the request states. An empty basis, reason or statute is one that was not claimed.

    `declared_reason`: code of the reason that vital interests and safeguarding ask for. `statute`: the address of
    the law that is relied on. `recent`: how often this organisation saw this person for this purpose within the
    agreement's window. `local_minute` (of the day) and `local_weekday` (0 is Monday), Europe/London. The last three
    are read only where the agreement asks for them, and -1 otherwise.
    """

    agreement: Text = ""
    purpose: Text = ""
    lawful_basis: Text = ""
    special_category_basis: Text = ""
    consent_mode: Literal["required", "if-present", "not-basis"] = "required"
    on_behalf_of: Text = ""
    declared_reason: Text = ""
    statute: Text = ""
    recent: Counted = -1
    local_minute: Annotated[int, Meta(ge=-1, le=1439)] = -1
    local_weekday: Annotated[int, Meta(ge=-1, le=6)] = -1
    override: OverrideFacts = field(default_factory=OverrideFacts)


class ConsentFacts(Struct, frozen=True, forbid_unknown_fields=True, rename={"fields_except": "except"}):
    """How consent stands for one pair. `fields` empty means all, `except` is taken out of them. `by`: who decided,
    `self` or the code of an authority, such as `parental-responsibility`.

    `until`: in force while now < until; given no farther than the coming midnight (UTC), since no decision
    stands longer than that. So citizens whose consents end on different days share one decision.
    `times`: how often it lets the recipient look in its window, 0 for no bound; `recent`: how often they did, -1
    where nobody counted. `erase_by`: when what was received must be gone, 0 for no bound beside the agreement's.
    `access_modes`: what the recipient may do with it (`view`, `store`, `query`, `stream`); empty means all.
    """

    state: ConsentState = "none"
    until: Instant = 0
    fields: Names = ()
    fields_except: Names = ()
    by: Text = ""
    times: Count = 0
    recent: Counted = -1
    erase_by: Instant = 0
    access_modes: Names = ()


class PairFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """One (source, category); `fields` empty asks for all that the agreement allows. `restrictions`: kinds of
    restriction that bind this viewer here (`court-order`, `sealed-record`, `safeguarding-restriction`)."""

    n: Annotated[int, Meta(ge=0, le=100_000)] = 0
    source: Text = ""
    category: Text = ""
    fields: Names = ()
    consent: ConsentFacts = field(default_factory=ConsentFacts)
    restrictions: Names = ()
    objection: Objection = "none"


class Facts(Struct, frozen=True, forbid_unknown_fields=True):
    """What is judged; `encoding.py` writes it as the JSON that the rules read."""

    now: Instant = 0
    caller: CallerFacts = field(default_factory=CallerFacts)
    person: PersonFacts = field(default_factory=PersonFacts)
    request: RequestFacts = field(default_factory=RequestFacts)
    pairs: Annotated[tuple[PairFacts, ...], Meta(max_length=10_000)] = ()


_UNDECIDED = ConsentFacts()
_NO_OVERRIDE = OverrideFacts()
_NOTHING = Circumstances()
_STATES: dict[State, ConsentState] = {
    State.NONE: "none",
    State.REQUESTED: "none",
    State.DEFERRED: "none",
    State.AWAITING: "none",
    State.REFUSED: "refused",
    State.WITHDRAWN: "withdrawn",
    State.REVOKED: "withdrawn",
    State.INVALIDATED: "withdrawn",
    State.SUPERSEDED: "withdrawn",
    State.EXPIRED: "expired",
}
"""How a state that is not given is told to the rules: whoever ended a consent, an agency learns that it ended."""
_OBJECTIONS: tuple[tuple[ObjectionState, Objection], ...] = (
    (ObjectionState.UPHELD, "upheld"),
    (ObjectionState.PENDING, "pending"),
    (ObjectionState.OVERRIDDEN, "overridden"),
)


def facts(
    *,
    caller: Caller,
    person: Person,
    query: Query,
    pairs: Sequence[Pair],
    standing: Standing,
    now: int,
    circumstances: Circumstances = _NOTHING,
) -> Facts:
    """The facts of one query at `now` (seconds since the epoch)."""
    user = caller.user or query.user
    ahead = (now // DAY_S + 1) * DAY_S
    decided = standing.by_category
    role = user.role if user else ""
    return Facts(
        now,
        _caller(caller, user),
        PersonFacts(
            person.known,
            circumstances.deceased,
            circumstances.age_band,
            circumstances.relationships,
            standing.opt_outs,
        ),
        RequestFacts(
            query.agreement,
            query.purpose,
            query.lawful_basis,
            query.special_category_basis,
            query.consent_mode,
            query.on_behalf_of,
            query.declared_reason,
            query.statute,
            circumstances.recent,
            circumstances.local_minute,
            circumstances.local_weekday,
            _override(circumstances),
        ),
        tuple(
            [
                PairFacts(
                    pair.n,
                    pair.source,
                    pair.category,
                    pair.fields,
                    _consent(
                        held(standing, pair.category, pair.source, now, query.agreement, role, caller.system),
                        ahead,
                        circumstances.counted,
                    )
                    if pair.category in decided
                    else _UNDECIDED,
                    _binding(circumstances.restrictions, pair.category) if circumstances.restrictions else (),
                    _objection(standing.objections, pair.category) if standing.objections else "none",
                )
                for pair in pairs
            ]
        ),
    )


def under(given: Facts, standing: Standing) -> Facts:
    """The same facts with consent, objections and opt-outs as `standing` says, for asking what a decision would
    change; accesses that a consent counts are taken not to have happened."""
    pairs = []
    for pair in given.pairs:
        found = held(
            standing, pair.category, pair.source, given.now, given.request.agreement, given.caller.role, ""
        )
        windows = {found.frequency.window_s: 0} if found.frequency else {}
        pairs.append(
            structs.replace(
                pair,
                consent=_consent(found, (given.now // DAY_S + 1) * DAY_S, windows),
                objection=_objection(standing.objections, pair.category),
            )
        )
    person = structs.replace(given.person, opt_outs=standing.opt_outs)
    return structs.replace(given, person=person, pairs=tuple(pairs))


def _caller(caller: Caller, user: User | None) -> CallerFacts:
    known = (caller.organisation, caller.organisation_active, caller.system_active)
    return CallerFacts(*known, user.role, user.assured, user.training) if user else CallerFacts(*known)


def _override(circumstances: Circumstances) -> OverrideFacts:
    found = circumstances.override
    return _NO_OVERRIDE if found is None else OverrideFacts(found.reason_code, found.until, found.categories)


def _binding(restrictions: Sequence[Binding], category: str) -> tuple[str, ...]:
    """Kinds of restriction on a category; one on a parent category binds all below it."""
    return tuple(
        sorted({one.kind for one in restrictions if not one.categories or _within(category, one.categories)})
    )


def _within(category: str, named: Sequence[str]) -> bool:
    return any(category == one or category.startswith(one + ".") for one in named)


def _objection(objections: Sequence[ObjectionStanding], category: str) -> Objection:
    """The weightiest objection that covers a category: one that stops the sharing, before one that does not."""
    found = {one.state for one in objections if not one.categories or _within(category, one.categories)}
    return next((said for state, said in _OBJECTIONS if state in found), "none")


def _consent(found: Held, ahead: int, counted: Mapping[int, int]) -> ConsentFacts:
    if found.state is not State.GIVEN:
        return ConsentFacts(_STATES[found.state])
    narrowed = found.conditions
    return ConsentFacts(
        "given",
        min(found.until, ahead),
        found.fields,
        found.fields_except,
        found.by.value,
        narrowed.frequency.times if narrowed.frequency else 0,
        counted.get(narrowed.frequency.window_s, -1) if narrowed.frequency else -1,
        narrowed.erase_by,
        tuple([mode.value for mode in narrowed.access_modes]),
    )
