# SPDX-License-Identifier: Apache-2.0
"""The guide for asking does what it says, and the receiver's check that the reference shows is ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from gateway.notices.outbox import PAUSES_S
from gateway.notices.signing import TOLERANCE_S, make_secret, sign
from tests.fixtures.commons import World
from tests.journeys.test_guides import BLOCK, ROOT, check, run, steps

PAGE = (ROOT / "docs/reference/webhooks.md").read_text()


def test_a_citizen_is_asked_as_told(world: World, tmp_path: Path) -> None:
    wanted = steps("ask-for-consent.md")
    check(wanted, run(world, tmp_path, wanted))


def test_what_the_reference_shows_a_receiver_tells_genuine_from_forged() -> None:
    [code] = [text for language, _, text in BLOCK.findall(PAGE) if language == "python"]
    names: dict[str, Callable[..., bool]] = {}
    exec(code, names)  # noqa: S102 - the page's own code is what is tried
    genuine, secret, body, now = names["genuine"], make_secret(), b'{"id":"1"}', 1_800_000_000
    header = sign(body, (make_secret(), secret), now)
    assert genuine(header, body, secret, now + TOLERANCE_S)
    assert not genuine(header, body, secret, now + TOLERANCE_S + 1)
    assert not genuine(header, body + b" ", secret, now)
    assert not genuine(header, body, make_secret(), now)


def test_the_reference_tells_the_pauses_that_are_kept() -> None:
    words = re.search(r"tried again after (.+?), then after hours", " ".join(PAGE.split()))
    assert words
    units = {"s": 1, "min": 60}
    told = [int(n) * units[unit] for n, unit in re.findall(r"(\d+) (s|min)", words[1])]
    assert list(PAUSES_S[: len(told)]) == told
    assert 2.5 < sum(PAUSES_S) / 86_400 < 3.5
