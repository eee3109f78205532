# SPDX-License-Identifier: Apache-2.0
"""How long a decision takes, and whether it grows with the number of agreements in the law.

    python -m tests.bench.judge [--rounds 400] [--agreements 10,50,500,5000] [--out FILE.json]

One question is asked again and again: 40 pairs (five sources, eight categories), 20 of which rest on a consent that
was given. Each answer must allow all 40, or the run ends with 1. The judge in the process is held to one core; OPA,
where it is found, is a server on a Unix socket. Nothing is remembered between two questions. Beside the judge's p99
stands that of a bare loop as long as the judge's p50, on the same core: what the machine itself adds.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.errors import PolicyUnavailable
from gateway.policy import vocabulary as law
from gateway.policy.agreements import Agreement, Party, Roles, Statute, Term, Validity, instant
from gateway.policy.bundle import Bundle, build
from gateway.policy.embedded import EmbeddedJudge
from gateway.policy.encoding import encode
from gateway.policy.facts import (
    CallerFacts,
    ConsentFacts,
    Facts,
    PairFacts,
    PersonFacts,
    RequestFacts,
)
from gateway.policy.judge import read
from gateway.policy.vocabulary import Vocabulary
from tests.bench import growth
from tests.fixtures.tools import find_opa
from tests.gateway.policy.test_differential import Opa

OUT = Path("bench-results/judge.json")
COUNTS = (10, 50, 500, 5000)
START_S = 60.0
SOURCES, CATEGORIES, GRANTS = 5, 8, 20
FROM, UNTIL = datetime.date(2026, 4, 1), datetime.date(2029, 4, 1)
NOW = instant(FROM) + 200 * 86400
ASKER = "uk/nhs/XZZ01"
PURPOSE = "direct-care.discharge-planning"
ROLE = "social-worker"
COLUMNS = {
    "agreements": "agreements",
    "p50 µs": "p50_us",
    "p99 µs": "p99_us",
    "bare p99 µs": "bare_p99_us",
    "a second": "per_s",
    "rules a second": "rules_per_s",
}


def grown(vocabulary: Vocabulary, count: int) -> Vocabulary:
    """The same law with `count` agreements instead of its own."""
    made = {agreement.id: agreement for agreement in (_agreement(n, vocabulary) for n in range(count))}
    return dataclasses.replace(vocabulary, agreements=MappingProxyType(made))


def _sources() -> list[str]:
    return [f"uk/council/E0699991{n}/core" for n in range(SOURCES)]


def _agreement(number: int, vocabulary: Vocabulary) -> Agreement:
    codes = sorted(vocabulary.categories)[:CATEGORIES]
    public, private = codes[: CATEGORIES // 2], codes[CATEGORIES // 2 :]
    fields = {code: tuple(sorted(vocabulary.fields(code))) for code in codes}
    statute = Statute(title="Care Act 2014 s.74", uri="https://www.legislation.gov.uk/ukpga/2014/23/section/74")
    terms = []
    for source in _sources():
        bases = [
            ("6(1)(e)", "9(2)(h)", "statutory-gateway", public, statute),
            ("6(1)(a)", "9(2)(a)", "explicit-consent", private, None),
        ]
        terms += [
            Term(
                title="As the bench needs it",
                source=source,
                lawful_basis=lawful,
                special_category_basis=special,
                confidentiality_basis=confidence,
                disclosure="explain",
                categories={code: fields[code] for code in chosen},
                statute=law_,
            )
            for lawful, special, confidence, chosen, law_ in bases
        ]
    owners = [source.rpartition("/")[0] for source in _sources()]
    parties = [Party(ASKER, "recipient", "Asker"), *(Party(owner, "source", "Source") for owner in owners)]
    return Agreement(
        id=f"bench-{number:05}",
        version=1,
        title="Bench",
        summary="Bench",
        parties=tuple(parties),
        purposes=(PURPOSE,),
        valid=Validity(FROM, UNTIL),
        roles=Roles((ROLE,), False),
        retention_days=70,
        onward_sharing=False,
        dpia="none",
        contact="bench@commons.example",
        terms=tuple(terms),
    )


def question(vocabulary: Vocabulary, number: int = 0) -> Facts:
    """40 pairs under one agreement, 20 of them with a consent to all fields but one."""
    agreement = vocabulary.agreements[f"bench-{number:05}"]
    pairs = []
    for term in agreement.terms:
        for category, names in term.categories.items():
            rests = term.confidentiality_basis == "explicit-consent"
            consent = ConsentFacts("given", NOW + 3600, (), names[:1], "self") if rests else ConsentFacts()
            pairs.append(PairFacts(len(pairs), term.source, category, (), consent))
    return Facts(
        NOW,
        CallerFacts(ASKER, True, True, ROLE, False),
        PersonFacts(True, age_band="adult"),
        RequestFacts(agreement.id, PURPOSE, consent_mode="if-present"),
        tuple(pairs),
    )


def measured(ask: Callable[[Facts], int], facts: Facts, rounds: int) -> dict[str, float]:
    """p50 and p99 in microseconds, and decisions a second, over `rounds` questions after a tenth as many more.

    Raises SystemExit when an answer does not allow every pair: what is fast and wrong is not timed.
    """
    took = []
    gc.collect()
    gc.freeze()  # as `commons serve` does
    gc.set_threshold(10_000, 20, 20)
    for turn in range(rounds // 10 + rounds):
        began = time.perf_counter_ns()
        allowed = ask(facts)
        if turn >= rounds // 10:
            took.append((time.perf_counter_ns() - began) / 1000)
        if allowed != len(facts.pairs):
            raise SystemExit(f"only {allowed} of {len(facts.pairs)} pairs were allowed: nothing is measured")
    took.sort()
    return {
        "p50_us": round(took[len(took) // 2], 1),
        "p99_us": round(took[min(len(took) - 1, len(took) * 99 // 100)], 1),
        "per_s": round(1e6 * len(took) / sum(took), 1),
    }


def embedded(bundle: Bundle) -> Callable[[Facts], int]:
    """Asks the judge in the process, with the checks that a query's decision has."""
    judge = EmbeddedJudge.of(bundle)
    return lambda facts: sum(verdict.allow for verdict in judge.decide(facts).verdicts)


def bare(took_us: float) -> Callable[[Facts], int]:
    """A loop that does nothing for so many microseconds, as far as the machine lets it."""
    turns, began = 100_000, time.perf_counter_ns()
    for _ in range(turns):
        pass
    turns = int(turns * took_us * 1000 / (time.perf_counter_ns() - began))

    def ask(facts: Facts) -> int:
        for _ in range(turns):
            pass
        return len(facts.pairs)

    return ask


@contextmanager
def one_core() -> Iterator[None]:
    """This process has the last core that it may run on, and no other."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(every)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


@contextmanager
def serving(program: str, bundle: Bundle, folder: Path) -> Iterator[Opa]:
    """An OPA server on a Unix socket in `folder`, with the rules and data of the bundle."""
    for name, text in bundle.modules.items():
        path = folder / "bundle" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "bundle" / "data.json").write_text(bundle.data)
    address = folder / "opa.sock"
    command = [program, "run", "--server", "--addr", f"unix://{address}", "--log-level", "error"]
    with subprocess.Popen(
        [*command, "--disable-telemetry", str(folder / "bundle")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        until = time.monotonic() + START_S
        while not address.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("OPA did not start")
            time.sleep(0.05)
        asked = Opa(address)
        try:
            yield asked
        finally:
            asked.close()
            process.terminate()


def server(opa: Opa, bundle: Bundle) -> Callable[[Facts], int]:
    """Asks an OPA server, and reads its answer as strictly."""

    def ask(facts: Facts) -> int:
        answer = opa.ask(encode(facts).decode())
        try:
            return sum(verdict.allow for verdict in read(answer, facts, bundle.revision).verdicts)
        except PolicyUnavailable:
            return 0

    return ask


def rows(counts: Sequence[int], rounds: int) -> list[dict[str, Any]]:
    """One row for each judge and number of agreements. `rules_per_s`: limits and grounds judged for a pair."""
    known = law.load()
    found = find_opa()
    rules = sum(rule.kind in ("limits", "grounds") for rule in known.rules.values())
    made: list[dict[str, Any]] = []
    for count in counts:
        vocabulary = grown(known, count)
        facts, bundle = question(vocabulary, count // 2), build(vocabulary)
        with one_core():
            own = measured(embedded(bundle), facts, rounds)
            own["bare_p99_us"] = measured(bare(own["p50_us"]), facts, rounds)["p99_us"]
        took = {"embedded": own}
        if found:
            with tempfile.TemporaryDirectory() as folder, serving(found, bundle, Path(folder)) as opa:
                took["opa"] = measured(server(opa, bundle), facts, rounds)
        pairs = len(facts.pairs)
        for judge, figures in took.items():
            row = {"judge": judge, "agreements": count, "pairs": pairs, "grants": GRANTS, "rules": rules, **figures}
            made.append(row | {"rules_per_s": round(figures["per_s"] * pairs * rules)})
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the rows as JSON and the picture beside it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--agreements", type=lambda text: [int(n) for n in text.split(",")], default=COUNTS)
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args(arguments)
    found = rows(chosen.agreements, chosen.rounds)
    write = sys.stdout.write
    write(f"{'judge':<10}" + "".join(f"{title:>15}" for title in COLUMNS) + "\n")
    for row in found:
        write(f"{row['judge']:<10}" + "".join(f"{row.get(key, ''):>15}" for key in COLUMNS.values()) + "\n")
    if all(row["judge"] == "embedded" for row in found):
        write("OPA is absent: only the judge in the process was measured.\n")
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(found, indent=2) + "\n")
    growth.write(found, chosen.out.with_suffix(".svg"))
    write(f"Written: {chosen.out} and {chosen.out.with_suffix('.svg')}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
