# SPDX-License-Identifier: Apache-2.0
"""What one can object to, and what to do instead where one cannot."""

from __future__ import annotations

import pytest

from consent.objections import INSTEAD, OBJECTABLE, SENTENCES, Admitted, Flow, NotAdmitted, admit

TASK = Flow("housing.tenancy", "6(1)(e)", "Care Act 2014 s.74")
CONSENTED = Flow("support.plan", "6(1)(a)")
LAW = Flow("benefits.council-tax", "6(1)(c)", "Housing Act 1996 s.195")
CONTRACT = Flow("support.befriending", "6(1)(b)")
LIFE = Flow("health.allergies", "6(1)(d)")


@pytest.mark.parametrize(
    ("flows", "categories", "wanted"),
    [
        ([TASK], (), Admitted(("housing.tenancy",), ("6(1)(e)",))),
        ([TASK, CONSENTED, LAW], (), Admitted(("housing.tenancy",), ("6(1)(e)",))),
        ([TASK, LAW], ("housing.tenancy", "benefits.council-tax"), Admitted(("housing.tenancy",), ("6(1)(e)",))),
        ([CONSENTED, LAW], (), NotAdmitted("withdraw")),
        ([LAW], (), NotAdmitted("cannot-stop", "Housing Act 1996 s.195")),
        ([TASK, LAW], ("benefits.council-tax",), NotAdmitted("cannot-stop", "Housing Act 1996 s.195")),
        ([CONTRACT], (), NotAdmitted("contact-controller")),
        ([LIFE], (), NotAdmitted("cannot-stop")),
        ([TASK], ("support.plan",), NotAdmitted("nothing-shared")),
        ([], (), NotAdmitted("nothing-shared")),
    ],
)
def test_one_objects_to_public_task_and_legitimate_interests_and_is_told_what_else_to_do(
    flows: list[Flow], categories: tuple[str, ...], wanted: Admitted | NotAdmitted
) -> None:
    assert admit(flows, categories) == wanted
    if isinstance(wanted, NotAdmitted):
        assert SENTENCES[wanted.instead]


@pytest.mark.parametrize("basis", sorted(OBJECTABLE))
def test_each_basis_of_article_21_can_be_objected_to(basis: str) -> None:
    assert isinstance(admit([Flow("housing.tenancy", basis)]), Admitted)


def test_no_basis_is_both_and_every_remedy_has_its_sentence() -> None:
    assert not OBJECTABLE & set(INSTEAD)
    assert set(INSTEAD.values()) | {"nothing-shared"} == set(SENTENCES)
