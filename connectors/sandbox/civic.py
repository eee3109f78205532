# SPDX-License-Identifier: Apache-2.0
"""What a council holds: tenancies, adult social care, council tax."""

from __future__ import annotations

from connectors.sandbox.days import ago, within
from connectors.sandbox.draw import Draw
from connectors.sandbox.names import WORKERS
from connectors.sandbox.person import Address, CarePackage, TaxAccount, Tenancy

TENANCY_KINDS = ("secure", "introductory", "assured", "assured-shorthold", "temporary", "private")
LANDLORDS = ("Examplebury Council", "Instance Homes", "Beacon Housing Association", "Private landlord")
ADAPTATIONS = ("grab-rails", "level-access-shower", "ramp", "stair-lift", "door-entry")
SERVICES = ("home-care", "day-care", "direct-payment", "equipment", "reablement", "residential-care")
PROVIDERS = ("Kindred Home Care", "Instance Valley Care", "Harbour Day Centre", "Examplebury Reablement Team")
SUPPORT_REASONS = (
    "physical-access", "physical-personal-care", "sensory", "memory-and-cognition", "learning-disability",
    "mental-health", "social-isolation",
)  # fmt: skip
BANDS = "ABCDEFGH"


def tenancy(draw: Draw, home: Address, *, older: bool) -> Tenancy:
    """A letting of that home, current for nine in ten."""
    started = draw.between(400, 6000)
    arrears = 0 if draw.chance(0.7) else draw.between(-5_000, 180_000)
    return Tenancy(
        kind=draw.pick(TENANCY_KINDS),
        started=ago(started),
        ended="" if draw.chance(0.9) else ago(draw.between(30, 399)),
        landlord=draw.pick(LANDLORDS),
        address=home,
        adaptations=tuple(draw.few(ADAPTATIONS, draw.between(1, 2))) if older and draw.chance(0.5) else (),
        arrears_pence=arrears,
    )


def care(draw: Draw) -> CarePackage:
    """One service of adult social care."""
    started = draw.between(60, 1500)
    return CarePackage(
        service=draw.pick(SERVICES),
        started=ago(started),
        ended="" if draw.chance(0.75) else ago(draw.between(1, 59)),
        provider=draw.pick(PROVIDERS),
        hundredths=draw.between(2, 80) * 50,
        reason=draw.pick(SUPPORT_REASONS),
        worker=draw.pick(WORKERS),
    )


def tax_account(draw: Draw, household: int, *, single: bool) -> TaxAccount:
    """The council tax account of a household."""
    supported = draw.chance(0.18)
    return TaxAccount(
        number=f"7{household:08d}",
        status="closed" if draw.chance(0.05) else "open",
        band=draw.weighted(
            ((0.25, "A"), (0.2, "B"), (0.22, "C"), (0.15, "D"), (0.1, "E"), (0.08, draw.pick("FGH")))
        ),
        discount="single-person" if single else "disabled-band" if draw.chance(0.02) else "none",
        support_award_pence=draw.between(20_000, 140_000) if supported else 0,
        balance_pence=draw.between(-4_000, 160_000) if draw.chance(0.5) else 0,
    )


def student_exemption(draw: Draw, account: TaxAccount) -> TaxAccount:
    """The same account where all adults are students: nothing is due."""
    return TaxAccount(account.number, account.status, account.band, "student", 0, -draw.between(0, 1000))


def example_record(home: Address, number: int) -> tuple[Tenancy, CarePackage, TaxAccount]:
    """What the council holds on every documented test citizen, unless their story is another one."""
    tenancy = Tenancy("secure", ago(2400), "", LANDLORDS[0], home, ("grab-rails", "level-access-shower"), 12_550)
    package = CarePackage("home-care", ago(320), "", PROVIDERS[0], 1050, "physical-personal-care", "G. Hartwell")
    account = TaxAccount(f"79{number:07d}", "open", "B", "single-person", 86_400, 4_210)
    return tenancy, package, account


def recent(draw: Draw) -> str:
    """A day of the last year, for a move."""
    return within(draw, 365)
