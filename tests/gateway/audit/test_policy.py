# SPDX-License-Identifier: Apache-2.0
"""C2SP tlog-policy: who must have seen a checkpoint before it is believed."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from gateway.audit import verify
from gateway.audit.verify import Finding, Policy

from . import logs

ORIGIN = "gateway.example/log/2026"
LOG = f"log {logs.vkey(ORIGIN)} https://gateway.example/log/2026\n"
THREE = "".join(f"witness {name} {logs.witness_vkey(n)}\n" for n, name in enumerate(("ico", "council", "charity")))
TWO_OF_THREE = f"# who must have seen it\n\n{LOG}{THREE}group all-of-us 2 ico council charity\nquorum all-of-us\n"
NUMBERED = [b'{"n":%d}' % n for n in range(5)]


@pytest.mark.parametrize("witnesses", [(), (0,), (0, 1), (1, 2), (0, 1, 2)])
def test_a_checkpoint_is_believed_when_enough_witnesses_cosigned(
    tmp_path: Path, witnesses: tuple[int, ...]
) -> None:
    logs.write(tmp_path, NUMBERED, ORIGIN, witnesses)
    report = verify.log(str(tmp_path), policy=TWO_OF_THREE)
    assert report.ok == (len(witnesses) >= 2)
    names = ("ico", "council", "charity")
    assert report.witnesses == (tuple(names[n] for n in witnesses) if report.ok else ())


def test_a_cosignature_that_does_not_verify_counts_for_nothing(tmp_path: Path) -> None:
    note = logs.write(tmp_path, NUMBERED, ORIGIN, (0, 1))
    other = logs.write(tmp_path / "other", [b"{}"], ORIGIN, (1,))
    head, _ = note.rsplit("\u2014", 1)
    forged = head + "\u2014" + other.rsplit("\u2014", 1)[1]
    assert not verify.log(str(_with(tmp_path, forged)), policy=TWO_OF_THREE).ok
    assert verify.log(str(_with(tmp_path, note)), policy=TWO_OF_THREE).ok


def test_one_witness_counts_once_however_often_it_signs(tmp_path: Path) -> None:
    note = logs.write(tmp_path, NUMBERED, ORIGIN, (0, 0, 0))
    assert not verify.log(str(_with(tmp_path, note)), policy=TWO_OF_THREE).ok


def test_witnesses_do_not_stand_for_the_log(tmp_path: Path) -> None:
    note = logs.write(tmp_path, NUMBERED, ORIGIN, (0, 1))
    text, _, lines = note.partition("\n\n")
    unsigned = text + "\n\n" + lines.split("\n", 1)[1]
    report = verify.log(str(_with(tmp_path, unsigned)), policy=TWO_OF_THREE)
    assert report.findings == ("checkpoint: not signed by the log key",)


def test_the_quorum_of_groups_within_groups() -> None:
    policy = Policy.parse(
        THREE + "group near any ico council\ngroup both all near charity\nquorum both\n"
    )  # as the example of the specification: one of these two, and that one
    for chosen in itertools.chain.from_iterable(
        itertools.combinations(("ico", "council", "charity"), n) for n in range(4)
    ):
        assert policy.is_met(chosen) == ("charity" in chosen and len(chosen) >= 2)


def test_a_policy_may_ask_for_one_witness_or_for_none() -> None:
    assert Policy.parse(THREE + "quorum council\n").is_met(["council"])
    assert not Policy.parse(THREE + "quorum council\n").is_met(["ico"])
    assert Policy.parse("quorum none\n").is_met([])


@pytest.mark.parametrize(
    "text",
    ["", LOG, "quorum nobody\n", "quorum none\nquorum none\n", LOG + LOG + "quorum none\n",
     THREE + THREE + "quorum ico\n", "group g any\nquorum none\n", THREE + "group g 0 ico\nquorum g\n",
     THREE + "group g 4 ico council charity\nquorum g\n", THREE + "group g any ico ico\nquorum g\n",
     THREE + "group g any ico\ngroup h any ico\nquorum h\n", "group g any ico\n" + THREE + "quorum g\n",
     THREE + "group none any ico\nquorum none\n", THREE + "group g 01 ico\nquorum g\n", "quorum none\r\n",
     f"witness w {logs.vkey(ORIGIN)}\nquorum w\n", f"log {logs.witness_vkey(0)}\nquorum none\n",
     "something else\nquorum none\n"],
)  # fmt: skip
def test_a_policy_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(Finding, match="policy:"):
        Policy.parse(text)


def _with(folder: Path, note: str) -> Path:
    (folder / "checkpoint").write_text(note)
    return folder
