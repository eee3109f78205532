# SPDX-License-Identifier: Apache-2.0
"""Consent: what citizens decided. A library without web or policy engine, readable by a privacy officer.

`model` the words, `rules` what follows from what (pure), `ledger` the append-only store, `live` the fast reader.
"""

from consent.errors import ConsentError, EventRefused, LedgerUnavailable

__all__ = ["ConsentError", "EventRefused", "LedgerUnavailable"]
