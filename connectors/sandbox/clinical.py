# SPDX-License-Identifier: Apache-2.0
"""What a GP record holds: conditions, the medicines that go with them, allergies.

Codes are SNOMED CT concepts (medicines: the substance); doses are plausible and for reading only.
"""

from __future__ import annotations

from connectors.sandbox.days import age, ago, within
from connectors.sandbox.draw import Draw
from connectors.sandbox.names import WORKERS
from connectors.sandbox.person import Allergy, Condition, Medication

PROBLEMS: tuple[tuple[str, str, tuple[tuple[str, str, str, str], ...]], ...] = (
    ("59621000", "Essential hypertension", (
        ("386864001", "Amlodipine 5 mg tablets", "5 mg", "once a day"),
        ("386872004", "Ramipril 5 mg capsules", "5 mg", "once a day"),
    )),
    ("44054006", "Type 2 diabetes mellitus", (
        ("372567009", "Metformin 500 mg tablets", "500 mg", "twice a day"),
    )),
    ("195967001", "Asthma", (
        ("372897005", "Salbutamol 100 micrograms/dose inhaler", "2 puffs", "when needed"),
    )),
    ("13645005", "Chronic obstructive pulmonary disease", (
        ("372897005", "Salbutamol 100 micrograms/dose inhaler", "2 puffs", "when needed"),
    )),
    ("49436004", "Atrial fibrillation", (
        ("698090000", "Apixaban 5 mg tablets", "5 mg", "twice a day"),
        ("386868003", "Bisoprolol 2.5 mg tablets", "2.5 mg", "once a day"),
    )),
    ("84114007", "Heart failure", (
        ("387475002", "Furosemide 40 mg tablets", "40 mg", "in the morning"),
    )),
    ("35489007", "Depressive disorder", (
        ("372594008", "Sertraline 50 mg tablets", "50 mg", "once a day"),
    )),
    ("396275006", "Osteoarthritis", (
        ("387517004", "Paracetamol 500 mg tablets", "1 g", "up to four times a day"),
    )),
    ("40930008", "Hypothyroidism", (
        ("710809001", "Levothyroxine 50 micrograms tablets", "50 micrograms", "once a day"),
    )),
    ("52448006", "Dementia", (
        ("386855006", "Donepezil 10 mg tablets", "10 mg", "at night"),
    )),
    ("37796009", "Migraine", ()),
    ("43116000", "Eczema", ()),
)  # fmt: skip
"""(code, condition, medicines: code, name, dose, frequency)."""

ALLERGENS = (
    ("764146007", "Penicillin", "247472004", "Weal"),
    ("762952008", "Peanut", "39579001", "Anaphylaxis"),
    ("111088007", "Latex", "271807003", "Rash"),
    ("387458008", "Aspirin", "56018004", "Wheezing"),
    ("102263004", "Egg", "422587007", "Nausea"),
)
"""(code, substance, reaction code, reaction)."""

_SEVERITIES = ("mild", "moderate", "severe", "")


def conditions(draw: Draw, birth_date: str) -> tuple[tuple[int, Condition], ...]:
    """The problems of somebody born that day, each with its place in PROBLEMS."""
    years = age(birth_date)
    likely = 0.08 if years < 18 else 0.25 if years < 45 else 0.55 if years < 70 else 0.85
    if not draw.chance(likely):
        return ()
    chosen = draw.few(range(len(PROBLEMS)), draw.between(1, 1 + years // 30))
    return tuple(
        (
            place,
            Condition(
                code=PROBLEMS[place][0],
                name=PROBLEMS[place][1],
                onset=max(birth_date, within(draw, max(30, min(years * 300, 9000)))),
                status="active" if draw.chance(0.85) else "resolved",
            ),
        )
        for place in chosen
    )


def medications(draw: Draw, problems: tuple[tuple[int, Condition], ...]) -> tuple[Medication, ...]:
    """What is prescribed for those problems; a resolved one leaves a stopped medicine behind."""
    return tuple(
        medication(draw, medicine, condition) for place, condition in problems for medicine in PROBLEMS[place][2]
    )


def medication(draw: Draw, medicine: tuple[str, str, str, str], condition: Condition) -> Medication:
    """One prescription. One in fifty has no dose written as data, as real records do."""
    code, name, dose, frequency = medicine
    return Medication(
        code=code,
        name=name,
        dose="" if draw.chance(0.02) else dose,
        frequency=frequency,
        status="active" if condition.status == "active" else "stopped",
        started=max(condition.onset, within(draw, 2000)),
        prescriber=f"Dr {draw.pick(WORKERS)}",
    )


def allergies(draw: Draw, birth_date: str) -> tuple[Allergy, ...]:
    """None for four people in five."""
    if not draw.chance(0.2):
        return ()
    return tuple(
        Allergy(
            code=code,
            substance=substance,
            reaction_code=reaction_code,
            reaction=reaction,
            severity=draw.pick(_SEVERITIES),
            recorded=max(birth_date, within(draw, 6000)),
            status="active" if draw.chance(0.9) else "inactive",
        )
        for code, substance, reaction_code, reaction in draw.few(ALLERGENS, draw.between(1, 2))
    )


def example_record() -> tuple[tuple[Medication, ...], tuple[Allergy, ...], tuple[Condition, ...]]:
    """The GP record that every documented test citizen has, unless their story is another one."""
    medicines = (
        Medication("386864001", "Amlodipine 5 mg tablets", "5 mg", "once a day", "active", ago(900),
                   "Dr A. Bright"),
        Medication("372567009", "Metformin 500 mg tablets", "500 mg", "twice a day", "active", ago(700),
                   "Dr A. Bright"),
        Medication("387517004", "Paracetamol 500 mg tablets", "1 g", "up to four times a day", "stopped", ago(400),
                   "Dr E. Fairley"),
    )  # fmt: skip
    allergy = Allergy("764146007", "Penicillin", "247472004", "Weal", "severe", ago(3000), "active")
    problems = (
        Condition("59621000", "Essential hypertension", ago(905), "active"),
        Condition("44054006", "Type 2 diabetes mellitus", ago(710), "active"),
    )
    return medicines, (allergy,), problems
