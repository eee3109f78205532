# SPDX-License-Identifier: Apache-2.0
"""The right to object (UK GDPR Article 21) and opt-outs: where they apply, and what to do where they do not. Pure.

An objection is to what rests on public task or legitimate interests. Consent is withdrawn instead; what a law or
somebody's life demands cannot be stopped, and the citizen is told which law says so. While an objection waits for
the controller's answer the processing rests (Article 18(1)(d)); it goes on only when the controller shows
compelling legitimate grounds (Article 21(1)). Whoever objected may take it back at any time.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

OBJECTABLE = frozenset({"6(1)(e)", "6(1)(f)", "6(1)(ea)"})
"""Article 6 bases that one can object to; (ea) is Data (Use and Access) Act 2025 s.70, recognised legitimate
interests."""

INSTEAD: dict[str, str] = {
    "6(1)(a)": "withdraw",
    "6(1)(b)": "contact-controller",
    "6(1)(c)": "cannot-stop",
    "6(1)(d)": "cannot-stop",
}
"""Article 6 basis that one cannot object to → what the citizen can do instead."""

SENTENCES: dict[str, str] = {
    "withdraw": "This rests on your consent: withdraw it, and it stops at once.",
    "contact-controller": "This belongs to a contract with you: speak with the organisation.",
    "cannot-stop": "A law, or the protection of somebody's life, demands this: it cannot be stopped.",
    "nothing-shared": "Nothing of this kind is shared here, so there is nothing to object to.",
}


class Flow(Struct, frozen=True):
    """One category that an agreement lets flow, its Article 6 basis, and the law behind it, empty for none."""

    category: str
    lawful_basis: str
    statute: str = ""


class Admitted(Struct, frozen=True):
    """There is something to object to: these categories, on these bases."""

    categories: tuple[str, ...]
    lawful_bases: tuple[str, ...]


class NotAdmitted(Struct, frozen=True):
    """There is nothing to object to. `instead`: a key of SENTENCES; `statute`: the law that demands it, if one is
    named."""

    instead: str
    statute: str = ""


def admit(flows: Iterable[Flow], categories: Iterable[str] = ()) -> Admitted | NotAdmitted:
    """Whether one may object to these categories (none named: to all that flows)."""
    wanted = set(categories)
    meant = [flow for flow in flows if not wanted or flow.category in wanted]
    if not meant:
        return NotAdmitted("nothing-shared")
    open_ = [flow for flow in meant if flow.lawful_basis in OBJECTABLE]
    if open_:
        names = tuple(sorted({flow.category for flow in open_}))
        return Admitted(names, tuple(sorted({flow.lawful_basis for flow in open_})))
    for basis, instead in INSTEAD.items():
        for flow in meant:
            if flow.lawful_basis == basis:
                return NotAdmitted(instead, flow.statute if instead == "cannot-stop" else "")
    return NotAdmitted("cannot-stop")
