# SPDX-License-Identifier: Apache-2.0
"""Stage 7: envelopes and verdicts in, items out: minimised records, each with where it comes from. Pure but for
the key under which a source's own record ids are hidden.
"""

from __future__ import annotations

import datetime
import hmac
import logging
from functools import lru_cache
from hashlib import sha256

import orjson
from msgspec import structs

from connectors.base import Envelope, Outcome, Reason, Record
from consent.model import Held, Standing
from consent.rules import held
from gateway.completeness import Part
from gateway.dating import within
from gateway.evidence import Asked
from gateway.model import Item, Pair, Provenance, Verdict, WithheldReason
from gateway.policy.minimise import MinimiseError, minimise
from gateway.policy.vocabulary import Vocabulary

log = logging.getLogger("commons.items")

_HELD = (Outcome.FOUND, Outcome.STALE)


class Itemiser:
    """Makes items. `key` (32 bytes) keys the pairwise names of source records."""

    def __init__(self, key: bytes, vocabulary: Vocabulary) -> None:
        self._key = key
        self._vocabulary = vocabulary

    def part(
        self, asked: Asked, standing: Standing, pair: Pair, verdict: Verdict, envelope: Envelope | None, count: int
    ) -> Part:
        """One (source, category): its permitted records as items numbered from `count` + 1. Records that cannot
        be filtered with certainty drop the source."""
        if envelope is None or not verdict.allow or envelope.outcome not in _HELD:
            return Part(pair, verdict, envelope, ())
        try:
            found = _consent(asked, standing, pair) if "consent" in verdict.grounds else None
            items = self._items(asked, found, pair, verdict, envelope, count)
            return Part(pair, verdict, envelope, items, found is not None and any(found.period))
        except (MinimiseError, orjson.JSONEncodeError, RecursionError):
            reason = Reason.GARBAGE
        except Exception as error:
            # Whatever it is, nothing of this source goes on. Its text may hold what the source sent.
            log.error("the records of source %s could not be filtered: %s", pair.source, type(error).__name__)
            reason = Reason.ENGINE_FAULT
        dropped = structs.replace(envelope, outcome=Outcome.UNAVAILABLE, records=(), reason=reason)
        return Part(pair, verdict, dropped, ())

    def _items(
        self, asked: Asked, found: Held | None, pair: Pair, verdict: Verdict, envelope: Envelope, count: int
    ) -> tuple[Item, ...]:
        records = envelope.records
        if found is not None and any(found.period):
            records = within(records, found.period, self._vocabulary.categories[pair.category].dated_by)
        kept = minimise(records, verdict, pair.category).records
        consent = f"cns_{found.events[0]}" if found is not None and found.events else ""
        refused = self._refused(asked, pair, verdict)
        told = verdict.disclosure == "explain"
        return tuple(
            [
                self._item(asked, refused, consent, envelope, record, count + n, told)
                for n, record in enumerate(kept, 1)
            ]
        )

    def _refused(self, asked: Asked, pair: Pair, verdict: Verdict) -> tuple[dict[str, str], ...]:
        """The fields that were asked for by name and are not given, with the reason where it may be told."""
        if verdict.disclosure != "explain":
            return ()
        why = self._vocabulary.field_refusal
        user = asked.caller.user or asked.query.user
        told = (asked.query.agreement, pair.source, pair.category)
        role = user.role if user else ""
        return tuple(
            {"path": f"/{name}", "reason": why(*told, name, role).value} for name in verdict.fields_refused
        )

    def _item(
        self,
        asked: Asked,
        refused: tuple[dict[str, str], ...],
        consent: str,
        envelope: Envelope,
        record: Record,
        number: int,
        told: bool,
    ) -> Item:
        data = record.fields
        digest = sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()
        return Item(
            id=f"it_{number}",
            category=record.category,
            data=data,
            fields_withheld=(*refused, *_held_back(record)) if record.withheld and told else refused,
            provenance=Provenance(
                source=envelope.source,
                connector=envelope.connector,
                mapping=envelope.mapping,
                retrieved_at=_instant(envelope.retrieved_at),
                agreement=asked.query.agreement,
                digest=f"sha-256:{digest}",
                source_record=self._name(asked, envelope, record),
                source_version=record.version,
                source_last_updated=record.last_updated or envelope.as_of,
                consent=consent,
            ),
        )

    def _name(self, asked: Asked, envelope: Envelope, record: Record) -> str:
        """A source's record id may be a person's number: the agency gets a name of its own for it."""
        if not record.source_record:
            return ""
        text = f"{asked.caller.organisation}\x00{envelope.source}\x00{record.source_record}"
        return "hmac:" + hmac.digest(self._key, text.encode(), "sha256").hex()[:32]


def _held_back(record: Record) -> tuple[dict[str, str], ...]:
    """The fields that the source itself restricts."""
    return tuple({"path": f"/{name}", "reason": WithheldReason.SOURCE_WITHHELD.value} for name in record.withheld)


def _consent(asked: Asked, standing: Standing, pair: Pair) -> Held:
    """The consent that this rests on."""
    user = asked.caller.user or asked.query.user
    role = user.role if user else ""
    return held(
        standing, pair.category, pair.source, asked.at_ms // 1000, asked.query.agreement, role, asked.caller.system
    )


@lru_cache(maxsize=256)
def _instant(at_ms: int) -> str:
    moment = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
