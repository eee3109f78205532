# SPDX-License-Identifier: Apache-2.0
"""`commons authority`: who may decide for whom, as staff have seen it shown."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import uuid_utils

from consent import authorities
from consent.authority import VRS_ENDED, Assessment, Authority, Evidence, Restriction
from consent.concealment import Concealment
from consent.words import By
from gateway import db
from gateway.cli.shared import ASKED_FOR, Data, out
from gateway.consents import relationships
from gateway.consents.counter import counter
from gateway.identity.identifiers import NHS_NUMBER, normalise
from gateway.settings import load

group = typer.Typer(no_args_is_help=True, help="Who may decide for whom.")

System = Annotated[str, typer.Option(help="URI of the identifiers' system.")]
Staff = Annotated[str, typer.Option(help="Opaque id of the member of staff.")]
Of = Annotated[str, typer.Option(prompt="Identifier of the citizen", help=ASKED_FOR)]
Holder = Annotated[str, typer.Option(prompt="Identifier of who decides for them", help=ASKED_FOR)]
Only = Annotated[list[str] | None, typer.Option(help="Only these categories; repeat it.")]

Ground = StrEnum("Ground", [(one.name, one.value) for one in By if one is not By.SELF])  # type: ignore[misc]
Reason = StrEnum("Reason", [(code.upper().replace("-", "_"), code) for code in VRS_ENDED])  # type: ignore[misc]


class Kind(StrEnum):
    """What was assessed."""

    GILLICK = "gillick"
    CAPACITY = "capacity"


@group.command("grant")
def grant(
    ground: Annotated[Ground, typer.Argument(help="In which right.")],
    evidence: Annotated[str, typer.Argument(help="What you saw: birth-certificate, lpa-certificate …")],
    reference: Annotated[str, typer.Argument(help="Its reference; no identifier of a citizen.")],
    data: Data,
    identifier: Of = "",
    holder: Holder = "",
    identifier_system: System = NHS_NUMBER,
    staff: Staff = "staff",
    category: Only = None,
    purpose: Annotated[list[str] | None, typer.Option(help="Only these purposes.")] = None,
    days: Annotated[int, typer.Option(help="For how long; 0: until it is ended.", min=0)] = 0,
    born: Annotated[str, typer.Option(help="The child's date of birth, YYYY-MM-DD; for a parent.")] = "",
    depth: Annotated[int, typer.Option(help="How many times it may be handed on.", min=0, max=3)] = 0,
    derived_from: Annotated[str, typer.Option(help="Id of the authority it was handed on from.")] = "",
    jointly: Annotated[bool, typer.Option("--jointly", help="Only together with the other joint ones.")] = False,
    while_able: Annotated[bool, typer.Option("--while-able", help="A property attorney's, by its terms.")] = False,
) -> None:
    """Record that somebody may decide for a citizen; prints the id of the authority."""
    now, day = int(time.time()), _day(born)

    async def work() -> str:
        async with counter(load(data)) as at:
            made = Authority(
                id="",
                person=at.person(normalise(identifier_system, identifier)),
                holder=at.person(normalise(identifier_system, holder)),
                by=By(ground),
                since=now,
                evidence=Evidence(evidence, reference, staff, now),
                until=now + days * 86_400 if days else 0,
                categories=tuple(category or ()),
                purposes=tuple(purpose or ()),
                depth=depth,
                derived_from=derived_from,
                jointly=jointly,
                while_able=while_able,
            )
            return (await at.desk.authorities.grant(made, actor=staff, born=day)).id

    out.print(asyncio.run(work()), highlight=False)


def _day(born: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(born) if born else None
    except ValueError:
        raise typer.BadParameter("write it as 2012-05-01", param_hint="--born") from None


@group.command("establish")
def establish(
    id: Annotated[str, typer.Argument(help="Id of the authority whose ground is not known.")],
    ground: Annotated[Ground, typer.Argument(help="In which right.")],
    evidence: Annotated[str, typer.Argument(help="What you saw.")],
    reference: Annotated[str, typer.Argument(help="Its reference; no identifier of a citizen.")],
    data: Data,
    staff: Staff = "staff",
    category: Only = None,
    purpose: Annotated[list[str] | None, typer.Option(help="Only these purposes.")] = None,
    days: Annotated[int, typer.Option(help="For how long; 0: until it is ended.", min=0)] = 0,
    born: Annotated[str, typer.Option(help="The child's date of birth, YYYY-MM-DD; for a parent.")] = "",
) -> None:
    """Record the ground of an authority that was taken over without one; it gives a right from now on."""
    now, day = int(time.time()), _day(born)

    async def work() -> str:
        async with counter(load(data)) as at:
            made = Authority(
                id="",
                person="",
                holder="",
                by=By(ground),
                since=now,
                evidence=Evidence(evidence, reference, staff, now),
                until=now + days * 86_400 if days else 0,
                categories=tuple(category or ()),
                purposes=tuple(purpose or ()),
            )
            return (await at.desk.authorities.establish(id, made, actor=staff, born=day)).id

    out.print(asyncio.run(work()), highlight=False)


@group.command("export")
def export(data: Data, identifier: Of = "") -> None:
    """Print who may act for a citizen, as NHS England's Validated Relationships Service says it (FHIR R4)."""

    async def work() -> str:
        async with counter(load(data)) as at:
            return relationships.exported(at, normalise(NHS_NUMBER, identifier))

    print(asyncio.run(work()))


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A Bundle of that service, or what `export` printed.", exists=True)],
    data: Data,
    staff: Staff = "staff",
    born: Annotated[str, typer.Option(help="The child's date of birth, YYYY-MM-DD; for a parent.")] = "",
) -> None:
    """Record the relationships in force of a file. Without a known ground, or in somebody's best interest, they
    give no right until you `establish` one."""
    day = _day(born)

    async def work() -> relationships.TakenOver:
        async with counter(load(data)) as at:
            return await relationships.imported(at, file.read_bytes(), staff=staff, born=day)

    found = asyncio.run(work())
    out.print(
        f"{len(found.recorded)} recorded, {found.without_right} of them without a right; {found.known} known."
    )
    for id_ in found.recorded:
        out.print(id_, highlight=False)
    for id_, why in found.left_out:
        out.print(f"Left out: {id_}: {why}", highlight=False, markup=False)


@group.command("end")
def end(
    id: str, reason: Annotated[Reason, typer.Argument(help="Why it ends.")], data: Data, staff: Staff = "staff"
) -> None:
    """End an authority, and every consent that rests on it, from the next release on."""

    async def work() -> int:
        async with counter(load(data)) as at:
            return len(await at.desk.authorities.end(id, reason.value, actor=staff))

    out.print(f"Ended, and with it {asyncio.run(work())} consents that rested on it.", highlight=False)


@group.command("review")
def review(
    id: str,
    data: Data,
    rests: Annotated[bool, typer.Option("--rests", help="It does not go on yet.")] = False,
    staff: Staff = "staff",
) -> None:
    """Write down that you looked at an authority, at 13 and at 16 or when asked to: it goes on, or it rests."""

    async def work() -> None:
        async with counter(load(data)) as at:
            await at.desk.authorities.review(id, actor=staff, goes_on=not rests)

    asyncio.run(work())
    out.print("It rests until it is reviewed again." if rests else "It goes on.")


@group.command("assess")
def assess(
    kind: Annotated[Kind, typer.Argument(help="gillick: a child under 16; capacity: from 16.")],
    reference: Annotated[str, typer.Argument(help="Where the assessment is kept.")],
    data: Data,
    unable: Annotated[bool, typer.Option("--unable", help="They were found not able to decide.")] = False,
    identifier: Of = "",
    identifier_system: System = NHS_NUMBER,
    staff: Staff = "staff",
    category: Only = None,
    days: Annotated[int, typer.Option(help="For how long it counts; 0: until the next.", min=0)] = 0,
) -> None:
    """Record whether a citizen was found able to decide a matter. It changes nothing that was decided."""
    now = int(time.time())

    async def work() -> None:
        async with counter(load(data)) as at:
            await at.desk.authorities.assess(
                Assessment(
                    id=str(uuid_utils.uuid7()),
                    person=at.person(normalise(identifier_system, identifier)),
                    kind=kind.value,
                    able=not unable,
                    assessor=staff,
                    reference=reference,
                    at=now,
                    until=now + days * 86_400 if days else 0,
                    categories=tuple(category or ()),
                )
            )

    asyncio.run(work())
    out.print("Recorded.")


@group.command("hide")
def hide(
    data: Data,
    identifier: Of = "",
    identifier_system: System = NHS_NUMBER,
    staff: Staff = "staff",
    category: Only = None,
) -> None:
    """Keep a citizen's affairs, or some categories, from everybody who acts for them."""

    async def work() -> None:
        async with counter(load(data)) as at:
            person = at.person(normalise(identifier_system, identifier))
            made = Concealment(
                id=str(uuid_utils.uuid7()),
                person=person,
                set_by=staff,
                since=int(time.time()),
                categories=tuple(category or ()),
            )
            await at.desk.authorities.conceal(made)

    asyncio.run(work())
    out.print("Hidden: no row, no count, no notice.")


@group.command("hidden")
def hidden(data: Data, identifier: Of = "", identifier_system: System = NHS_NUMBER) -> None:
    """Print what is kept from everybody who acts for a citizen, or was."""

    async def work() -> list[Concealment]:
        async with counter(load(data)) as at:
            person = at.person(normalise(identifier_system, identifier))
            with db.read(at.desk.engine) as connection:
                return at.desk.authorities.hidden(connection, person)

    for one in asyncio.run(work()):
        about = ", ".join(one.categories) or "everything"
        ended = f"until {_when(one.until)}" if one.until else "in force"
        out.print(
            f"{one.id}  {about}  since {_when(one.since)}  {ended}  by {one.set_by}",
            highlight=False,
            soft_wrap=True,
        )


@group.command("unhide")
def unhide(
    id: Annotated[str, typer.Argument(help="Id, as `hidden` prints it.")], data: Data, staff: Staff = "staff"
) -> None:
    """Show it again to those who act for the citizen."""

    async def work() -> None:
        async with counter(load(data)) as at:
            await at.desk.authorities.reveal(id, actor=staff)

    asyncio.run(work())
    out.print("No longer hidden.")


@group.command("restrict")
def restrict(
    id: Annotated[str, typer.Argument(help="Id of the authority, as `list` prints it.")],
    order: Annotated[str, typer.Argument(help="Reference of the court's order; no identifier of a citizen.")],
    data: Data,
    staff: Staff = "staff",
    category: Only = None,
    not_see: Annotated[bool, typer.Option("--not-see", help="They may not even see it.")] = False,
    days: Annotated[int, typer.Option(help="For how long; 0: until it is lifted.", min=0)] = 0,
    lift: Annotated[bool, typer.Option("--lift", help="The order no longer stands.")] = False,
) -> None:
    """Record what a court took away from whoever holds an authority: to decide, or also to see. What they decided
    before stands; `commons consent revoke` ends it where the order says so."""
    now = int(time.time())
    until = now if lift else now + days * 86_400 if days else 0
    made = Restriction(order=order, see=not_see, categories=tuple(category or ()), since=now, until=until)

    async def work() -> None:
        async with counter(load(data)) as at:
            await at.desk.authorities.restrict(id, made, actor=staff)

    asyncio.run(work())
    out.print("Lifted." if lift else "In force: they cannot decide this from now on.")


@group.command("list")
def list_(data: Data, identifier: Of = "", identifier_system: System = NHS_NUMBER) -> None:
    """Print who may or might decide for a citizen."""

    now = int(time.time())

    async def work() -> tuple[list[Authority], list[Authority]]:
        async with counter(load(data)) as at:
            person = at.person(normalise(identifier_system, identifier))
            with db.read(at.desk.engine) as connection:
                return (
                    list(authorities.subject(connection, person).authorities),
                    authorities.held_by(connection, person),
                )

    over, held = asyncio.run(work())
    for lead, some in (("May decide for this citizen:", over), ("This citizen may decide for:", held)):
        out.print(lead if some else f"{lead} nobody", highlight=False)
        for one in some:
            for line in _told(one, one.holder if some is over else one.person, now):
                out.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def _told(one: Authority, other: str, now: int) -> Iterator[str]:
    """An authority in lines; `other`: opaque id of the one who is not asked about."""
    yield f"{one.id}  {one.by}  {one.out_of_force(now) or 'in force'}  person {other}"
    scope = [", ".join(some) for some in (one.categories, one.purposes) if some]
    yield f"  for {' for '.join(scope) or 'all that the ground reaches'}{', jointly' if one.jointly else ''}"
    end = f", until {_when(one.until)}" if one.until else ""
    yield f"  since {_when(one.since)}{end}; shown by {one.evidence.type}"
    for held in one.restrictions:
        if held.bites(held.categories, now):
            what = "may neither see nor decide" if held.see else "may not decide"
            yield f"  by order {held.order} {what}: {', '.join(held.categories) or 'anything'}"


def _when(at: int) -> str:
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d}"
