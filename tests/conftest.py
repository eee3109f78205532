# SPDX-License-Identifier: Apache-2.0
"""What every test may lean on: real stores, the policy oracle, and one rule about what is absent.

A test that needs something this machine does not have is skipped, and says what by name. With
COMMONS_REQUIRE_ALL=1 it fails instead, so that CI cannot pass by leaving things out.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

pytest_plugins = (
    "tests.fixtures.commons",
    "tests.fixtures.law",
    "tests.fixtures.stores",
    "tests.fixtures.tools",
    "tests.fixtures.witness",
)

HERE = Path(__file__).parent
REQUIRE_ALL = os.environ.get("COMMONS_REQUIRE_ALL") == "1"
SOAK = os.environ.get("COMMONS_SOAK") == "1"

hypothesis.settings.register_profile("quick", deadline=None, database=None, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("soak", deadline=None, database=None, max_examples=2000)
hypothesis.settings.load_profile("soak" if SOAK else "quick")


@pytest.fixture(scope="session")
def soak() -> bool:
    """Whether heavy proofs run at full scale (COMMONS_SOAK=1, `make soak`)."""
    return SOAK


LONGEST = ("journeys", "faults", "bench", "gateway")
"""Folders whose files are given out first: a file that lasts minutes, begun last, would keep one process at work
while the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest folders first; within one the order stays."""
    longest = [HERE / name for name in LONGEST]
    items.sort(key=lambda item: [not item.path.is_relative_to(folder) for folder in longest])


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"COMMONS_REQUIRE_ALL=1 allows no skip. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report
