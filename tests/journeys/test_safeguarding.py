# SPDX-License-Identifier: Apache-2.0
"""The agreements on safeguarding can be used as delivered, and ask for what they say."""

from __future__ import annotations

import asyncio
import uuid

import httpx
import pytest

from gateway.identity.client import ask_token
from gateway.sandbox import story
from tests.fixtures.commons import World, question

SYSTEM = "e06999901-adult-social-care"
TRAINED = "safeguarding-adults-3"


def asked(world: World, reason: str, *training: str) -> httpx.Response:
    """An enquiry under Care Act 2014 s.42 about an adult, by a safeguarding lead."""
    key = (world.settings.data_dir / "clients" / f"{SYSTEM}.jwk").read_text()
    token = asyncio.run(ask_token(world.url, SYSTEM, key, user="u-7", role="safeguarding-lead", training=training))
    body = question(story("all-returned")) | {
        "purpose": "safeguarding.adult",
        "legal_basis": {"agreement": "dsa-2026-075", "declared_reason": reason},
        "categories": [{"code": "housing.tenancy", "need": "optional"}],
    }
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": str(uuid.uuid4())}
    return httpx.post(f"{world.url}/v1/record-queries", json=body, headers=headers, timeout=20)


def test_a_trained_safeguarding_lead_who_declares_the_reason_is_answered(world: World) -> None:
    reply = asked(world, "safeguarding-adult", TRAINED)
    assert reply.status_code == 200, reply.text
    assert [item["category"] for item in reply.json()["items"]] == ["housing.tenancy"]


@pytest.mark.parametrize(
    ("reason", "training"),
    [("safeguarding-adult", ()), ("safeguarding-child", (TRAINED,))],
    ids=["untrained", "another reason"],
)
def test_without_training_or_its_reason_nothing_comes(world: World, reason: str, training: tuple[str, ...]) -> None:
    reply = asked(world, reason, *training)
    assert reply.status_code == 403 or reply.json()["items"] == []
