# SPDX-License-Identifier: Apache-2.0
"""The words that a citizen reads, or hears, before they agree. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.policy.vocabulary import Agreement


def notice(agreement: Agreement, categories: Sequence[str]) -> str:
    """The words read to the citizen, whose hash stands in the event."""
    return f"{agreement.title}. {agreement.summary} About: {', '.join(sorted(categories))}."
