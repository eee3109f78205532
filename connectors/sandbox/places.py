# SPDX-License-Identifier: Apache-2.0
"""The invented town of Examplebury and its homes."""

from __future__ import annotations

from connectors.sandbox.draw import Draw
from connectors.sandbox.numbers import FIRST_UPRN, NO_FIXED_ABODE, postcode
from connectors.sandbox.person import Address, Practice

TOWNS = ("Examplebury", "Sampleford", "Nether Instance", "Upper Instance", "Placeholm", "Mockingham")

_STREET_NAMES = (
    "Alder", "Anvil", "Badger", "Beacon", "Chapel", "Cinder", "Copper", "Dovecote", "Elm", "Ferry", "Foundry",
    "Gables", "Harbour", "Heron", "Ivy", "Juniper", "Kiln", "Lantern", "Larch", "Market", "Meadow", "Mill",
    "Nursery", "Orchard", "Paddock", "Quarry", "Ropewalk", "Rowan", "Saddler", "Station", "Tanner", "Thistle",
    "Union", "Viaduct", "Weaver", "Willow", "Yew",
)  # fmt: skip
_STREET_KINDS = ("Street", "Road", "Lane", "Close", "Avenue", "Terrace", "Way", "Court")

PRACTICES = (
    Practice("XZP01", "Examplebury Surgery"),
    Practice("XZP02", "Beacon Road Medical Centre"),
    Practice("XZP03", "Sampleford Health Centre"),
    Practice("XZP04", "Harbour Family Practice"),
    Practice("XZP05", "Instance Valley Surgery"),
    Practice("XZP06", "Mockingham Group Practice"),
)

NOWHERE = Address(uprn="", house="", street="No fixed abode", town="", postcode=NO_FIXED_ABODE)
"""The address of a person without one; the postcode is the NHS pseudo-postcode for it."""


def home(draw: Draw, serial: int) -> Address:
    """Home number `serial` (0 and on): its UPRN is its own, the rest is drawn."""
    number = str(draw.between(1, 180))
    house = f"Flat {draw.between(1, 24)}, {number}" if draw.chance(0.2) else number
    return Address(
        uprn=str(FIRST_UPRN + serial),
        house=house,
        street=f"{draw.pick(_STREET_NAMES)} {draw.pick(_STREET_KINDS)}",
        town=draw.pick(TOWNS),
        postcode=postcode(draw),
    )
