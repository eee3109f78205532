# SPDX-License-Identifier: Apache-2.0
"""The right to decide for somebody else: on what ground, for what, from when until when, and when it does not hold.

Law of England and Wales: parental responsibility (Children Act 1989 s.2-3), lasting powers of attorney and deputies
(Mental Capacity Act 2005 s.9-11, s.16-20), appointees (Social Security (Claims and Payments) Regulations 1987 reg
33), and somebody whom the person themself chose. Pure. Times are seconds since 1970; 0 is no end.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from msgspec import Struct

from consent.words import By

REVIEWS = (13, 16, 18)
"""Ages in years at which an authority over a child rests until somebody has looked at it again; the last ends
it."""

REACH: dict[By, tuple[str, ...]] = {
    By.PARENT: (),
    By.HEALTH_LPA: ("identity", "health", "social-care", "support"),
    By.PROPERTY_LPA: ("identity", "benefits", "housing", "finance"),
    By.DEPUTY: (),
    By.APPOINTEE: ("identity", "benefits"),
    By.CHOSEN: (),
    By.BEST_INTEREST: ("identity", "health", "social-care", "support"),
    By.UNKNOWN: (),
}
"""Ground → sectors (first part of a category's code) that it can be about at all; () for all. What one authority
may be used for is narrower: its own `categories` and `purposes`, or the order of a court."""

VRS_BASIS: dict[By, str] = {
    By.PARENT: "parental-responsibility",
    By.HEALTH_LPA: "health-and-welfare-lasting-power-of-attorney",
    By.DEPUTY: "court-appointed-personal-welfare-deputy",
    By.CHOSEN: "consent",
    By.BEST_INTEREST: "best-interest",
    By.UNKNOWN: "UNK",
}
"""Ground → code of NHS England's England-NHSProxyLegalBasis (UNK is HL7 v3 NullFlavor's); a ground that is not here
has none there."""

VRS_ENDED: dict[str, str] = {
    "end-date-reached": "ROLE_DEACTIVATED_END_DATE_REACHED",
    "revoked-by-person": "ROLE_DEACTIVATED_PATIENT_REQUEST",
    "relationship-changed": "ROLE_DEACTIVATED_CHANGE_IN_RELATIONSHIP",
    "court-order": "ROLE_DEACTIVATED_CHANGE_IN_RELATIONSHIP",
    "safeguarding": "ROLE_DEACTIVATED_SAFEGUARDING",
    "capacity-regained": "ROLE_DEACTIVATED_CHANGE_IN_RELATIONSHIP",
    "age-reached": "ROLE_DEACTIVATED_CHANGE_IN_RELATIONSHIP",
    "person-deceased": "ROLE_DEACTIVATED_PATIENT_DECEASED",
    "holder-deceased": "ROLE_DEACTIVATED_PROXY_DECEASED",
    "holder-lacks-capacity": "ROLE_DEACTIVATED_PROXY_LACKS_CAPACITY",
    "misuse": "ROLE_DEACTIVATED_MISUSE_OF_SYSTEM",
    "no-authority": "APPLICATION_REJECTED_NO_LEGAL_BASIS",
    "ground-established": "ROLE_DEACTIVATED_CHANGE_IN_RELATIONSHIP",
}
"""Why an authority ended → NHS England's Consent-Status-Reason; a rest is ROLE_SUSPENDED_PENDING_REVIEW."""

NEVER_HELD = frozenset({"misuse", "no-authority"})
"""Reasons that say that the authority was not there to begin with: no yes under it ever counted. After any other,
each yes counted until then. What it said no to stays said, whatever the reason."""

EVIDENCE: dict[By, tuple[str, ...]] = {
    By.PARENT: (
        "birth-certificate",
        "court-order",
        "parental-responsibility-agreement",
        "adoption-certificate",
        "validated-relationship",
    ),
    By.HEALTH_LPA: ("lpa-certificate", "lpa-access-code", "validated-relationship"),
    By.PROPERTY_LPA: ("lpa-certificate", "lpa-access-code"),
    By.DEPUTY: ("deputyship-order", "validated-relationship"),
    By.APPOINTEE: ("dwp-appointment-letter",),
    By.CHOSEN: ("signed-consent", "recorded-call", "read-back", "validated-relationship"),
    By.BEST_INTEREST: ("best-interests-meeting", "best-interests-checklist"),
    By.UNKNOWN: ("validated-relationship",),
}
"""Ground → kinds of evidence that show it; another kind does not. `validated-relationship`: NHS England's Validated
Relationships Service has checked it; its word is not enough that something is in somebody's best interest."""

BEST_INTEREST_S = 90 * 86_400
"""Seconds for which somebody may at most decide in another's best interest before it is shown anew."""

BEST_INTEREST_REVIEW_S = 28 * 86_400
"""Seconds after which somebody has to look at it again: capacity may come back (MCA 2005 s.4(3))."""

_LONDON = ZoneInfo("Europe/London")


class Matter(Struct, frozen=True):
    """What a decision is about: one purpose, and the categories it names."""

    purpose: str
    categories: tuple[str, ...]


class Evidence(Struct, frozen=True, forbid_unknown_fields=True):
    """What was seen: one of EVIDENCE, its reference (a court's, the OPG's; never a citizen's identifier), and the
    opaque id of the member of staff who saw it, and when."""

    type: str
    reference: str
    verified_by: str
    verified_at: int


class Restriction(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """What a court took away. `decide`, `see`: what the holder may not do; `categories` () means all of it."""

    order: str
    decide: bool = True
    see: bool = False
    categories: tuple[str, ...] = ()
    since: int = 0
    until: int = 0

    def bites(self, categories: Iterable[str], now: int) -> bool:
        """Whether it is in force at `now` and is about any of these categories."""
        if now < self.since or (self.until and now >= self.until):
            return False
        return not self.categories or not set(self.categories).isdisjoint(categories)


class Authority(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """One person's right to decide for another. Stored: members may be added with a default, none renamed.

    `holder`, `person`: opaque ids. `categories`, `purposes`: () means all that the ground reaches. `reviews`: the
    instants of the ages in REVIEWS, for authority over a child; `reviewed_to`: it rests from that instant on.
    `depth`: how many times it may be handed on; `derived_from`: the authority that it was handed on from.
    `jointly`: it can be used only together with every other joint one (attorneys appointed jointly; parents whom a
    court ordered to decide together). `while_able`: a property attorney whose instrument lets them act while the
    donor still can. `rests`: why it was suspended. `ended`: why it ended, at `ended_at`.
    """

    id: str
    person: str
    holder: str
    by: By
    since: int
    evidence: Evidence
    until: int = 0
    categories: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    reviews: tuple[int, ...] = ()
    reviewed_to: int = 0
    depth: int = 0
    derived_from: str = ""
    jointly: bool = False
    while_able: bool = False
    restrictions: tuple[Restriction, ...] = ()
    rests: str = ""
    ended: str = ""
    ended_at: int = 0

    def reaches(self, matter: Matter) -> bool:
        """Whether the matter lies within its ground and its own scope."""
        sectors = REACH[self.by]
        if sectors and not all(category.partition(".")[0] in sectors for category in matter.categories):
            return False
        if self.categories and not set(matter.categories) <= set(self.categories):
            return False
        return not self.purposes or any(_under(matter.purpose, purpose) for purpose in self.purposes)

    def out_of_force(self, now: int) -> str:
        """Why it is not in force at `now`, looking at time and state alone; empty when it is."""
        over = (self.until and now >= self.until) or (self.reviews and now >= self.reviews[-1])
        found = {
            "authority-ended": self.ended and now >= self.ended_at,
            "ground-unknown": self.by is By.UNKNOWN,
            "authority-not-begun": now < self.since,
            "authority-expired": over,
            "authority-suspended": self.rests,
            "authority-under-review": self.reviewed_to and now >= self.reviewed_to,
        }
        return next((reason for reason, so in found.items() if so), "")

    def good_until(self) -> int:
        """The first instant at which the passing of time alone ends or suspends it; 0 for none."""
        ends = [end for end in (self.until, self.reviewed_to, *self.reviews[-1:]) if end]
        return min(ends, default=0)


class Assessment(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """Whether somebody was found able to decide a matter themself. `kind`: `gillick` (Gillick v West Norfolk and
    Wisbech AHA [1986] AC 112), for a child under 16; `capacity` (MCA 2005 s.2-3), from 16. `categories`, `purposes`
    () means all. `assessor`: opaque id of who found it; `reference`: where the assessment is kept."""

    id: str
    person: str
    kind: str
    able: bool
    assessor: str
    reference: str
    at: int
    until: int = 0
    categories: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()

    def speaks(self, matter: Matter, now: int) -> bool:
        """Whether it says something of all of the matter at `now`."""
        if now < self.at or (self.until and now >= self.until):
            return False
        if self.categories and not set(matter.categories) <= set(self.categories):
            return False
        return not self.purposes or any(_under(matter.purpose, purpose) for purpose in self.purposes)


def review_instants(born: datetime.date) -> tuple[int, ...]:
    """When the ages of REVIEWS are reached: the start of the birthday in London (Family Law Reform Act 1969 s.9);
    for somebody born on 29 February, 1 March where the year has no such day."""
    instants = []
    for age in REVIEWS:
        try:
            day = born.replace(year=born.year + age)
        except ValueError:
            day = datetime.date(born.year + age, 3, 1)
        instants.append(int(datetime.datetime.combine(day, datetime.time(), _LONDON).timestamp()))
    return tuple(instants)


def unbounded(authority: Authority, now: int) -> tuple[tuple[str, str], ...]:
    """What an authority lacks that its ground asks for at `now`: (member, what is expected)."""
    if authority.by is not By.BEST_INTEREST:
        return ()
    found = []
    if not now < authority.until <= now + BEST_INTEREST_S:
        found.append(("until", "an end within 90 days"))
    if not authority.categories or not authority.purposes:
        found.append(("categories", "the categories and purposes of this decision: it is about one matter"))
    if authority.depth or authority.derived_from:
        found.append(("depth", "0: it cannot be handed on"))
    return tuple(found)


def impossible(authority: Authority, age_band: str) -> tuple[tuple[str, str, str], ...]:
    """What cannot be so about an authority, whoever shows it: (member, code, what is expected). `age_band`: of the
    person it is about, as far as that is known."""
    found = []
    if authority.holder == authority.person:
        found.append(("holder", "same-person", "somebody else: nobody needs an authority over themself"))
    if authority.by is By.PARENT and age_band == "adult":
        found.append(("by", "of-age", "a child: parental responsibility ends at 18 (Children Act 1989 s.105)"))
    return tuple(found)


def next_review(reviews: tuple[int, ...], now: int) -> int:
    """The next of `reviews` after `now`; 0 when there is none."""
    return next((instant for instant in reviews if instant > now), 0)


def chain_of(authority: Authority, held: Iterable[Authority]) -> tuple[Authority, ...] | None:
    """`authority` and those it was handed on from, the first of them last; None when that line is broken: one is
    missing, about somebody else, held by the same, wider than what it came from, or deeper than that allows."""
    by_id = {one.id: one for one in held}
    line = [authority]
    while (last := line[-1]).derived_from:
        above = by_id.get(last.derived_from)
        if above is None or above in line or not _handed_on(above, last):
            return None
        line.append(above)
    return tuple(line)


def derived(lost: str, held: Iterable[Authority]) -> frozenset[str]:
    """Ids of the authority `lost` and of all that were handed on from it, however far."""
    known = list(held)
    ids = {lost}
    while more := {one.id for one in known if one.derived_from in ids} - ids:
        ids |= more
    return frozenset(ids)


def _handed_on(above: Authority, below: Authority) -> bool:
    within = _narrower(below.categories, above.categories) and _narrower(below.purposes, above.purposes)
    return above.person == below.person and above.by is below.by and below.depth < above.depth and within


def _narrower(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return not outer or (bool(inner) and set(inner) <= set(outer))


def _under(purpose: str, above: str) -> bool:
    """Whether a purpose is `above` or stands below it: codes name their parents (`direct-care.discharge`)."""
    return purpose == above or purpose.startswith(above + ".")
