# SPDX-License-Identifier: Apache-2.0
"""What a charity holds: support plans and befriending visits."""

from __future__ import annotations

from connectors.sandbox.days import ago, within
from connectors.sandbox.draw import Draw
from connectors.sandbox.names import WORKERS
from connectors.sandbox.person import SupportPlan, Visit

TITLES = (
    ("Feeling less alone", "Meet other people twice a week"),
    ("Keeping the home", "Agree a repayment plan with the landlord"),
    ("Getting out again", "Walk to the market with a volunteer"),
    ("Managing money", "Open a budgeting account and read the post together"),
    ("After the hospital", "Manage meals and medicines without help by the spring"),
)
PLAN_STATES = ("active", "active", "active", "completed", "on-hold")
OUTCOMES = ("went-well", "went-well", "went-well", "no-answer", "cancelled", "concern-raised")
NOTES = (
    "Talked about the garden.",
    "Read the newspaper together.",
    "Was tired; asked for a shorter visit next week.",
    "Helped with a letter from the council.",
    "",
)


def plan(draw: Draw) -> SupportPlan:
    """One support plan. One in ten has never been reviewed."""
    title, goal = draw.pick(TITLES)
    return SupportPlan(
        title=title,
        goal=goal,
        status=draw.pick(PLAN_STATES),
        reviewed="" if draw.chance(0.1) else within(draw, 400),
        key_worker=draw.pick(WORKERS),
    )


def visits(draw: Draw) -> tuple[Visit, ...]:
    """The last befriending visits, newest first; one person in fifty has more than one page of them."""
    count = draw.between(22, 45) if draw.chance(0.02) else draw.between(1, 4)
    return tuple(
        Visit(
            visit_date=ago(7 * place + draw.between(1, 6)),
            volunteer=draw.pick(WORKERS),
            outcome=draw.pick(OUTCOMES),
            notes=draw.pick(NOTES),
        )
        for place in range(count)
    )


def example_record() -> tuple[SupportPlan, tuple[Visit, ...]]:
    """What the charity holds on every documented test citizen, unless their story is another one."""
    plan = SupportPlan(*TITLES[4], status="active", reviewed=ago(40), key_worker="K. Langley")
    return plan, (
        Visit(ago(5), "M. Norwood", "went-well", "Talked about the garden."),
        Visit(ago(12), "M. Norwood", "went-well", "Read the newspaper together."),
    )
