# SPDX-License-Identifier: Apache-2.0
"""What differs between two versions of an agreement in what they allow, not in how they are written. Pure.

The unit is an access: who may see which field of which category of which source for which purpose, on which
grounds. Beside the accesses there are conditions, each of which can be loosened or tightened. A version **widens**
another when it allows an access that the other does not, or loosens anything; what cannot be compared counts as
loosened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

from gateway.policy.agreements import Agreement, Term
from gateway.policy.conditions import WEEKDAYS, Conditions, Frequency, Hours, minute

Way = Literal["loosened", "tightened"]
Below = Mapping[str, tuple[str, ...]]
"""Purpose → the purposes under it."""


class Access(NamedTuple):
    """Somebody may see something for a reason. `ground`: both bases of UK GDPR and that of confidentiality."""

    recipient: str
    purpose: str
    source: str
    category: str
    field: str
    ground: str


class Change(Struct, frozen=True):
    """One condition that is not as it was."""

    way: Way
    what: str


class Difference(Struct, frozen=True):
    """What a new version of an agreement changes."""

    gained: tuple[Access, ...]
    lost: tuple[Access, ...]
    changes: tuple[Change, ...]

    @property
    def widens(self) -> bool:
        """Whether anybody may now see what they could not, or more easily."""
        return bool(self.gained) or any(change.way == "loosened" for change in self.changes)


def accesses(agreement: Agreement, below: Below) -> frozenset[Access]:
    """Every access that an agreement allows. It may be asked for the purposes `below` its own too."""
    purposes = [code for purpose in agreement.purposes for code in (purpose, *below.get(purpose, ()))]
    return frozenset(
        Access(recipient, purpose, term.source, category, field, ground)
        for term in agreement.terms
        for ground in [_ground(term)]
        for category, fields in term.categories.items()
        for field in fields
        for recipient in agreement.recipients
        for purpose in purposes
    )


def compared(old: Agreement | None, new: Agreement | None, before: Below, after: Below) -> Difference:
    """What `new` changes of `old`; None is an agreement that is not there. `before` and `after`: the tree of
    purposes of each."""
    was = accesses(old, before) if old else frozenset()
    now = accesses(new, after) if new else frozenset()
    changes = tuple(_changes(old, new)) if old and new else ()
    return Difference(tuple(sorted(now - was)), tuple(sorted(was - now)), changes)


def _ground(term: Term) -> str:
    bases = (term.lawful_basis, term.special_category_basis, term.confidentiality_basis)
    return " + ".join(basis for basis in bases if basis)


def _changes(old: Agreement, new: Agreement) -> Iterator[Change]:
    if new.valid.since != old.valid.since:
        way: Way = "loosened" if new.valid.since < old.valid.since else "tightened"
        yield Change(way, f"in force from {new.valid.since}, was {old.valid.since}")
    if new.valid.until != old.valid.until:
        way = "loosened" if new.valid.until > old.valid.until else "tightened"
        yield Change(way, f"in force until {new.valid.until}, was {old.valid.until}")
    yield from _more_is_looser("days until it is erased", old.retention_days, new.retention_days)
    yield from _more_is_looser("onward sharing", int(old.onward_sharing), int(new.onward_sharing), ("no", "yes"))
    yield from _any_of("role", old.roles.any_of, new.roles.any_of)
    asserted = (int(not old.roles.assured), int(not new.roles.assured))
    yield from _more_is_looser("a role that is only asserted", *asserted, ("no", "yes"))
    yield from _all_of("training", old.roles.training, new.roles.training)
    yield from _conditions(old.conditions, new.conditions)
    yield from _terms(old, new)


def _conditions(old: Conditions, new: Conditions) -> Iterator[Change]:
    if old.hours != new.hours:
        looser = not _minutes(new.hours) <= _minutes(old.hours)
        yield Change("loosened" if looser else "tightened", f"hours: {_hours(new.hours)}, were {_hours(old.hours)}")
    if old.frequency != new.frequency:
        was, now = _often(old.frequency), _often(new.frequency)
        yield Change(_frequency(old.frequency, new.frequency), f"frequency: {now}, was {was}")
    yield from _any_of("relationship", old.relationships, new.relationships)
    yield from _any_of("declared reason", old.declared_reasons, new.declared_reasons)
    for role in sorted(old.sensitivity.keys() | new.sensitivity.keys()):
        yield from _ceiling(role, old.sensitivity.get(role), new.sensitivity.get(role))
    for code in _missing(new.overrides, old.overrides):
        yield Change("loosened", f"break-glass for {code}")
    for code in _missing(old.overrides, new.overrides):
        yield Change("tightened", f"no break-glass for {code} any more")
    if old.suppress_counts_below != new.suppress_counts_below:
        way: Way = "loosened" if new.suppress_counts_below < old.suppress_counts_below else "tightened"
        yield Change(way, f"counts hidden below {new.suppress_counts_below}, was {old.suppress_counts_below}")


def _frequency(old: Frequency | None, new: Frequency | None) -> Way:
    """Tighter only if it allows no more answers in any stretch of time."""
    if new is None:
        return "loosened"
    if old is None or (new.times <= old.times and new.days >= old.days):
        return "tightened"
    return "loosened"


def _often(frequency: Frequency | None) -> str:
    return f"{frequency.times} in {frequency.days} days" if frequency else "unlimited"


def _ceiling(role: str, old: Iterable[str] | None, new: Iterable[str] | None) -> Iterator[Change]:
    """The labels that a role may see at most; None: as many as the role sees anyhow."""
    if old is None and new is not None:
        yield Change("tightened", f"{role} sees at most: {', '.join(sorted(new))}")
    elif new is None and old is not None:
        yield Change("loosened", f"{role} sees all that the role may see")
    elif new is not None and old is not None and set(old) != set(new):
        way: Way = "tightened" if set(new) <= set(old) else "loosened"
        yield Change(way, f"{role} sees at most: {', '.join(sorted(new))}")


def _terms(old: Agreement, new: Agreement) -> Iterator[Change]:
    """What is said of a (source, category) that both have, beside its fields and grounds."""
    before = {(term.source, category): term for term in old.terms for category in term.categories}
    after = {(term.source, category): term for term in new.terms for category in term.categories}
    told = {"silent": 0, "generic": 1, "explain": 2}
    for source, category in sorted(before.keys() & after.keys()):
        was, now, where = before[source, category], after[source, category], f"{category} of {source}"
        if was.disclosure != now.disclosure:
            way: Way = "loosened" if told[now.disclosure] > told[was.disclosure] else "tightened"
            yield Change(way, f"a refusal of {where} says: {now.disclosure}, was {was.disclosure}")
        if was.opt_out != now.opt_out:
            way = "tightened" if now.opt_out is None else "loosened"
            yield Change(way, f"exemption of {where} from the national data opt-out")
        if was.statute != now.statute:
            yield Change("loosened", f"statute of {where}: {now.statute.title if now.statute else 'none'}")
        if (was.condition, was.public_interest) != (now.condition, now.public_interest):
            yield Change("loosened", f"legal condition of {where}")


def _more_is_looser(what: str, old: int, new: int, words: tuple[str, ...] = ()) -> Iterator[Change]:
    if old != new:
        now, was = (words[value] if words else str(value) for value in (new, old))
        yield Change("loosened" if new > old else "tightened", f"{what}: {now}, was {was}")


def _any_of(what: str, old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    """One of these is enough; none named asks for none."""
    before, after = set(old), set(new)
    if before and not after:
        yield Change("loosened", f"no {what} is asked for any more")
    elif after and not before:
        yield Change("tightened", f"a {what} is asked for: {', '.join(sorted(after))}")
    else:
        for code in _missing(after, before):
            yield Change("loosened", f"{what} {code} is enough now")
        for code in _missing(before, after):
            yield Change("tightened", f"{what} {code} is not enough any more")


def _all_of(what: str, old: Iterable[str], new: Iterable[str]) -> Iterator[Change]:
    """All of these are needed."""
    yield from (Change("tightened", f"{what} {code} is needed now") for code in _missing(new, old))
    yield from (Change("loosened", f"{what} {code} is not needed any more") for code in _missing(old, new))


def _missing(some: Iterable[str], others: Iterable[str]) -> list[str]:
    return sorted(set(some) - set(others))


def _minutes(hours: Hours | None) -> frozenset[int]:
    """The minutes of a week in which it may be asked."""
    if hours is None:
        return frozenset(range(7 * 1440))
    days = [WEEKDAYS.index(day) for day in hours.weekdays]
    return frozenset(day * 1440 + at for day in days for at in range(minute(hours.since), minute(hours.until)))


def _hours(hours: Hours | None) -> str:
    return f"{hours.since}-{hours.until} on {', '.join(hours.weekdays)}" if hours else "any"
