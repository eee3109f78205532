# SPDX-License-Identifier: Apache-2.0
"""The words between the gateway and a connector: what is asked of a source, and what came of it.

A `Read` carries the decision, not the request: only granted categories and fields, and only the identifier
that this source knows the citizen by. An `Envelope` is always an answer: a hung, broken or lying source is an
outcome, never an exception. Values of citizens stand in `Read.identifier`, `Record.fields` and
`Envelope.replaced_by` alone, and the representations of these leave them out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct, field


class Outcome(StrEnum):
    """What became of one (source, category); the list is closed."""

    FOUND = "found"
    NONE = "none"
    WITHHELD = "withheld"
    SUPERSEDED = "superseded"
    AMBIGUOUS = "ambiguous"
    UNAVAILABLE = "unavailable"
    STALE = "stale"


class Reason(StrEnum):
    """Why an outcome is not simply `found` or `none`; stable words for the completeness table and the log."""

    NONE = ""
    SOURCE_TIMEOUT = "source-timeout"  # it did not finish before the deadline; `late` says if it had begun
    SOURCE_ERROR = "source-error"  # it answered with an error, or the connection failed
    SOURCE_BUSY = "source-busy"  # 429 or 503, or our own rate limit for it
    SOURCE_AUTH = "source-auth"  # it does not accept our credential
    SOURCE_UNSAFE = "source-unsafe"  # e.g. the database role can write
    IDENTITY_MISMATCH = "identity-mismatch"  # a record of somebody else, or of nobody
    GARBAGE = "garbage"  # not what its manifest and mapping promise
    TOO_LARGE = "too-large"  # over the byte, record, page or depth limit
    BULKHEAD_FULL = "bulkhead-full"
    BREAKER_OPEN = "breaker-open"
    NOT_CONFIGURED = "not-configured"  # a secret is missing
    PAUSED = "paused"
    NOT_SERVED = "not-served"  # the source has no such category or takes no such identifier
    ENGINE_FAULT = "engine-fault"  # a fault of ours


class Read(Struct, frozen=True):
    """One source, one citizen. `deadline` is on the event loop's clock (seconds); `max_age_s` 0 sets no bound."""

    source: str
    identifier_system: str
    identifier: str
    wants: dict[str, tuple[str, ...]]
    deadline: float
    request_id: str = ""
    since: dict[str, str] = field(default_factory=dict)
    max_age_s: int = 0

    def __repr__(self) -> str:
        return f"Read(source={self.source!r}, wants={sorted(self.wants)}, request_id={self.request_id!r})"


class Record(Struct, frozen=True):
    """One record in the words of the vocabulary, holding granted fields only.

    `unmapped` names fields whose value or code the mapping could not read (the value stays behind);
    `withheld` names fields that the source itself restricts.
    """

    category: str
    fields: dict[str, Any]
    source_record: str = ""
    version: str = ""
    last_updated: str = ""
    unmapped: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Record(category={self.category!r}, fields={sorted(self.fields)})"


class Envelope(Struct, frozen=True):
    """What became of one category at one source. `retrieved_at` is epoch milliseconds, `bytes` those received.

    `late` is true when the source had begun to answer at the deadline. `alarm` asks for an entry in the log.
    `replaced_by` is the new identifier of a superseded one, for relinking; it is never shown.
    """

    source: str
    category: str
    outcome: Outcome
    records: tuple[Record, ...] = ()
    reason: Reason = Reason.NONE
    alarm: bool = False
    late: bool = False
    retry_after_s: int | None = None
    elapsed_ms: int = 0
    retrieved_at: int = 0
    as_of: str = ""
    connector: str = ""
    mapping: str = ""
    calls: int = 0
    bytes: int = 0
    replaced_by: str = ""

    def __repr__(self) -> str:
        return (
            f"Envelope(source={self.source!r}, category={self.category!r}, outcome={self.outcome.value!r}, "
            f"reason={self.reason.value!r}, records={len(self.records)})"
        )


class Finding(Struct, frozen=True):
    """Something an operator should know of one source; `error` means that it cannot be used."""

    source: str
    sentence: str
    error: bool = True


class Health(Struct, frozen=True):
    """The result of a probe, which never carries personal data."""

    source: str
    well: bool
    reason: Reason = Reason.NONE
    elapsed_ms: int = 0


class ReadError(Exception):
    """A read that cannot give records, with the outcome it means. It never carries a value from the source."""

    def __init__(
        self,
        reason: Reason,
        *,
        outcome: Outcome = Outcome.UNAVAILABLE,
        alarm: bool = False,
        late: bool = False,
        retry_after_s: int | None = None,
        replaced_by: str = "",
    ) -> None:
        super().__init__(reason.value or outcome.value)
        self.reason = reason
        self.outcome = outcome
        self.alarm = alarm
        self.late = late
        self.retry_after_s = retry_after_s
        self.replaced_by = replaced_by
