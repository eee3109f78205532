# SPDX-License-Identifier: Apache-2.0
"""The conformance kit: whatever an upstream does, every engine that speaks HTTP gives the right envelope.

A new engine joins by one line in `ENGINES`: its name, a right answer, and the same answer about somebody else.
(What a database can do is in test_sql_view.py.)
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.base import Envelope, Outcome, Reason
from connectors.registry import Registry
from tests.connectors.upstream import Asked, Respond, Upstream, answers, document, drip, hang, plain
from tests.connectors.world import ASKED, OTHER, PLAN, SURNAME, ask, web

Serve = Callable[[Respond], Awaitable[Upstream]]


def _rest(whose: str) -> dict[str, Any]:
    plan = {
        "id": "p1",
        "rev": 4,
        "client": {"number": whose},
        "name": " Home  again ",
        "state": "A",
        "note": SURNAME,
    }
    return {"plans": [plan]}


def _fhir(whose: str) -> dict[str, Any]:
    plan = {
        "resourceType": "CarePlan",
        "id": "p1",
        "meta": {"versionId": "4"},
        "subject": {"identifier": {"value": whose}},
    }
    plan |= {"status": "active", "title": "Home again", "note": [{"text": SURNAME}]}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": plan}]}


ENGINES: dict[str, Callable[[str], dict[str, Any]]] = {"rest-json": _rest, "fhir-rest": _fhir}


@dataclass
class Bench:
    """One engine against one upstream."""

    engine: str
    serve: Serve
    folder: Path
    whose: Callable[[str], dict[str, Any]]
    opened: list[Registry]

    async def source(self, respond: Respond, **over: Any) -> tuple[Registry, Upstream]:
        here = await self.serve(respond)
        registry = web(self.folder, self.engine, here.url, **over)
        self.opened.append(registry)
        return registry, here

    async def asked(self, respond: Respond, *, deadline_s: float = 5.0, **over: Any) -> Envelope:
        registry, _ = await self.source(respond, **over)
        (envelope,) = await ask(registry, deadline_s=deadline_s)
        assert ASKED not in repr(envelope)
        return envelope


@pytest.fixture(params=sorted(ENGINES))
async def bench(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(request.param, serve, tmp_path, ENGINES[request.param], [])
    yield made
    for registry in made.opened:
        await registry.close()


def refused(envelope: Envelope, reason: Reason) -> bool:
    """Unavailable for this reason, and nothing in it."""
    return envelope.outcome is Outcome.UNAVAILABLE and envelope.reason is reason and not envelope.records


# -- what is right ----------------------------------------------------------------------------------------


async def test_a_right_answer_is_found_with_its_provenance(bench: Bench) -> None:
    envelope = await bench.asked(document(bench.whose(ASKED)))
    (record,) = envelope.records
    assert envelope.outcome is Outcome.FOUND
    assert record.fields == {"title": "Home again", "status": "active"}
    assert (record.source_record, record.version) == ("p1", "4")
    assert envelope.connector == "uk/charity/9999901/crm@1.0.0"
    assert envelope.calls == 1
    assert envelope.bytes > 50


async def test_only_granted_fields_leave(bench: Bench) -> None:
    registry, _ = await bench.source(document(bench.whose(ASKED)))
    (envelope,) = await ask(registry, fields={PLAN: ("status",)})
    assert envelope.records[0].fields == {"status": "active"}


async def test_connections_are_kept_and_used_again(bench: Bench) -> None:
    registry, here = await bench.source(document(bench.whose(ASKED)))
    for _ in range(5):
        (envelope,) = await ask(registry)
        assert envelope.outcome is Outcome.FOUND
    assert here.connections == 1
    assert len(here.asked) == 5


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_without_a_word(bench: Bench) -> None:
    registry, here = await bench.source(document(bench.whose(ASKED)))
    await ask(registry)

    async def close_once(_: Asked, writer: asyncio.StreamWriter) -> None:
        here.respond = document(bench.whose(ASKED))
        writer.transport.abort()

    here.respond = close_once
    (envelope,) = await ask(registry)
    assert envelope.outcome is Outcome.FOUND
    assert here.connections == 2


async def test_a_body_ended_by_the_close_of_the_connection_is_whole(bench: Bench) -> None:
    async def respond(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + orjson.dumps(bench.whose(ASKED))
        )
        await writer.drain()
        writer.close()

    assert (await bench.asked(respond)).outcome is Outcome.FOUND


async def test_a_gzip_answer_is_read_though_it_was_not_asked_for(bench: Bench) -> None:
    body = gzip.compress(orjson.dumps(bench.whose(ASKED)))
    whole = plain("200 OK", body, extra=GZIP)
    assert (await bench.asked(answers(whole))).outcome is Outcome.FOUND


async def test_every_call_has_a_request_id_of_its_own_and_the_query_s_as_correlation(bench: Bench) -> None:
    registry, here = await bench.source(document(bench.whose(ASKED)))
    await ask(registry)
    await ask(registry)
    ids = {asked.headers["x-request-id"] for asked in here.asked}
    assert len(ids) == 2
    assert {asked.headers["x-correlation-id"] for asked in here.asked} == {"0190f2d8-7f3e-7cc0-8000-51b0c7e25a11"}


# -- whose record it is -----------------------------------------------------------------------------------


async def test_another_citizen_s_record_is_refused_with_an_alarm(bench: Bench) -> None:
    envelope = await bench.asked(document(bench.whose(OTHER)))
    assert refused(envelope, Reason.IDENTITY_MISMATCH)
    assert envelope.alarm


async def test_a_record_that_does_not_say_whose_it_is_is_refused_with_an_alarm(bench: Bench) -> None:
    body = orjson.dumps(bench.whose(ASKED)).replace(b"client", b"cliemt").replace(b'"subject"', b'"subjekt"')
    envelope = await bench.asked(answers(plain("200 OK", body)))
    assert refused(envelope, Reason.IDENTITY_MISMATCH)
    assert envelope.alarm


async def test_one_wrong_record_among_right_ones_refuses_all(bench: Bench) -> None:
    both = bench.whose(ASKED)
    member = "plans" if bench.engine == "rest-json" else "entry"
    both[member] = both[member] + bench.whose(OTHER)[member]
    envelope = await bench.asked(document(both))
    assert refused(envelope, Reason.IDENTITY_MISMATCH)
    assert envelope.alarm


# -- what is broken ---------------------------------------------------------------------------------------

JSON_TOO_DEEP = b"[" * 100_000 + b"]" * 100_000

GZIP = "Content-Encoding: gzip\r\n"
NO_OBJECTS = b'{"plans":[1],"resourceType":"Bundle","entry":[1]}'
BROKEN: dict[str, tuple[bytes, Reason]] = {
    "garbage": (plain("200 OK", b"\x00\xff\xfe{{{"), Reason.GARBAGE),
    "an empty body": (plain("200 OK", b""), Reason.GARBAGE),
    "HTML with 200": (plain("200 OK", b"<html>Log in</html>", "text/html"), Reason.GARBAGE),
    "JSON called text": (plain("200 OK", b"{}", "text/plain"), Reason.GARBAGE),
    "no content type": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Reason.GARBAGE),
    "truncated JSON": (plain("200 OK", b'{"plans":[{"id":'), Reason.GARBAGE),
    "NaN": (plain("200 OK", b'{"plans": [NaN]}'), Reason.GARBAGE),
    "bad UTF-8": (plain("200 OK", b'{"plans": "\xc3\x28"}'), Reason.GARBAGE),
    "a bare number": (plain("200 OK", b"7"), Reason.GARBAGE),
    "another shape": (plain("200 OK", b'{"error": "no such database"}'), Reason.GARBAGE),
    "records that are no objects": (plain("200 OK", NO_OBJECTS), Reason.GARBAGE),
    "too deep JSON": (plain("200 OK", JSON_TOO_DEEP[:60000]), Reason.GARBAGE),
    "deep JSON": (plain("200 OK", b"[" * 200 + b"]" * 200), Reason.TOO_LARGE),
    "a huge body": (plain("200 OK", b'"' + b"x" * 1_000_000 + b'"'), Reason.TOO_LARGE),
    "huge headers": (plain("200 OK", b"{}", extra=f"X-Filler: {'x' * 100_000}\r\n"), Reason.TOO_LARGE),
    "bad gzip": (plain("200 OK", b"\x1f\x8bnot gzip", extra=GZIP), Reason.GARBAGE),
    "half a gzip": (plain("200 OK", gzip.compress(b"{}" * 99)[:-12], extra=GZIP), Reason.GARBAGE),
    "a gzip bomb": (plain("200 OK", gzip.compress(b" " * 9_000_000), extra=GZIP), Reason.TOO_LARGE),
    "an unknown encoding": (plain("200 OK", b"{}", extra="Content-Encoding: br\r\n"), Reason.GARBAGE),
    "no HTTP at all": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Reason.SOURCE_ERROR),
    "a redirect": (plain("302 Found", b"", extra="Location: http://127.0.0.1:9/\r\n"), Reason.SOURCE_ERROR),
    "a permanent redirect": (plain("308 Permanent", b"", extra="Location: file:///etc\r\n"), Reason.SOURCE_ERROR),
    "a server error": (plain("500 Internal Server Error", b"{}"), Reason.SOURCE_ERROR),
    "an HTML 404": (plain("404 Not Found", b"<h1>nginx</h1>", "text/html"), Reason.SOURCE_ERROR),
    "a credential refused": (plain("401 Unauthorized", b"{}"), Reason.SOURCE_AUTH),
    "access refused": (plain("403 Forbidden", b"{}"), Reason.SOURCE_AUTH),
    "an answer and then some": (plain("200 OK", b"{}") + b"HTTP/1.1 200 OK\r\n\r\n", Reason.SOURCE_ERROR),
    "an interim answer": (b"HTTP/1.1 100 Continue\r\n\r\n", Reason.SOURCE_ERROR),
}  # fmt: skip


@pytest.mark.parametrize("fault", sorted(BROKEN))
async def test_a_broken_answer_is_an_outcome(bench: Bench, fault: str) -> None:
    whole, reason = BROKEN[fault]
    envelope = await bench.asked(answers(whole))
    assert refused(envelope, reason)
    assert not envelope.alarm


async def test_a_hundred_thousand_levels_of_json_end_no_process(bench: Bench) -> None:
    envelope = await bench.asked(answers(plain("200 OK", JSON_TOO_DEEP)), limits={"max_bytes": 1_000_000})
    assert refused(envelope, Reason.GARBAGE)


async def test_a_member_that_stands_twice_cannot_part_the_echo_from_the_fields(bench: Bench) -> None:
    """Both are read from one parse, in which the last one wins: here the record is then somebody else's."""
    body = orjson.dumps(bench.whose(ASKED))
    twice = body.replace(b'{"number":', b'{"number":"%s","number":' % ASKED.encode())
    twice = twice.replace(b'"identifier":{"value":', b'"identifier":{"value":"%s","value":' % ASKED.encode())
    twice = twice.replace(f'"{ASKED}"}}'.encode(), f'"{OTHER}"}}'.encode())
    assert twice.count(ASKED.encode()) == twice.count(OTHER.encode()) == 1
    assert refused(await bench.asked(answers(plain("200 OK", twice))), Reason.IDENTITY_MISMATCH)


async def test_a_connection_cut_in_the_middle_of_a_body_is_an_error(bench: Bench) -> None:
    async def respond(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{")
        await writer.drain()
        writer.close()

    assert refused(await bench.asked(respond), Reason.SOURCE_ERROR)


async def test_nobody_listening_is_an_error(bench: Bench, tmp_path: Path) -> None:
    registry = web(tmp_path, bench.engine, "http://127.0.0.1:9/api")
    bench.opened.append(registry)
    (envelope,) = await ask(registry)
    assert refused(envelope, Reason.SOURCE_ERROR)


# -- what is slow or busy ---------------------------------------------------------------------------------


async def test_a_hung_source_costs_the_deadline_and_was_not_late(bench: Bench) -> None:
    registry, here = await bench.source(hang)
    (envelope,) = await ask(registry, deadline_s=0.1)
    assert refused(envelope, Reason.SOURCE_TIMEOUT)
    assert not envelope.late
    async with asyncio.timeout(5):
        await here.closed.wait()  # the call was stopped, not abandoned


async def test_a_dripping_source_costs_the_deadline_and_was_late(bench: Bench) -> None:
    envelope = await bench.asked(drip, deadline_s=0.1)
    assert refused(envelope, Reason.SOURCE_TIMEOUT)
    assert envelope.late


async def test_the_source_s_own_timeout_holds_when_the_query_would_wait_longer(bench: Bench) -> None:
    assert refused(await bench.asked(hang, limits={"timeout_ms": 50}), Reason.SOURCE_TIMEOUT)


async def test_a_query_that_is_cancelled_stops_its_upstream_call(bench: Bench) -> None:
    registry, here = await bench.source(hang)
    asking = asyncio.ensure_future(ask(registry))
    async with asyncio.timeout(5):
        await here.heard.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await here.closed.wait()


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_busy_source_says_when_to_come_again_in_seconds(bench: Bench, status: str) -> None:
    envelope = await bench.asked(answers(plain(status, b"{}", extra="Retry-After: 7\r\n")))
    assert refused(envelope, Reason.SOURCE_BUSY)
    assert envelope.retry_after_s == 7


async def test_a_busy_source_says_when_to_come_again_as_a_date(bench: Bench) -> None:
    date = "Retry-After: Fri, 31 Dec 2999 23:59:59 GMT\r\n"
    envelope = await bench.asked(answers(plain("429 Too Many Requests", b"{}", extra=date)))
    assert envelope.retry_after_s == 3600  # an hour is the most we pass on


async def test_a_busy_source_that_talks_nonsense_gives_no_time(bench: Bench) -> None:
    envelope = await bench.asked(answers(plain("503 Busy", b"", extra="Retry-After: soon\r\n")))
    assert refused(envelope, Reason.SOURCE_BUSY)
    assert envelope.retry_after_s is None


# -- what the manifest says of errors ---------------------------------------------------------------------

OUTCOME_CODE = b'{"resourceType":"OperationOutcome","code":"X9","issue":[{"details":{"coding":[{"code":"X9"}]}}]}'


async def test_not_found_in_json_means_none(bench: Bench) -> None:
    envelope = await bench.asked(answers(plain("404 Not Found", b'{"code":"NO_SUCH"}')))
    assert (envelope.outcome, envelope.reason) == (Outcome.NONE, Reason.NONE)


@pytest.mark.parametrize("outcome", ["none", "withheld", "superseded", "ambiguous"])
async def test_an_error_code_means_what_the_manifest_says(bench: Bench, outcome: str) -> None:
    errors = [{"when": {"status": 403, "code": "OTHER"}, "outcome": "unavailable"}]
    errors += [{"when": {"status": 403, "code": "X9"}, "outcome": outcome}]
    envelope = await bench.asked(answers(plain("403 Forbidden", OUTCOME_CODE)), errors=errors)
    assert envelope.outcome is Outcome(outcome)
    assert not envelope.records


# -- how much ---------------------------------------------------------------------------------------------


async def test_more_records_than_allowed_are_never_cut_silently(bench: Bench) -> None:
    many = bench.whose(ASKED)
    member = "plans" if bench.engine == "rest-json" else "entry"
    many[member] = [orjson.loads(orjson.dumps(many[member][0]).replace(b'"p1"', b'"p%d"' % n)) for n in range(21)]
    assert refused(await bench.asked(document(many)), Reason.TOO_LARGE)


async def test_the_same_record_twice_is_one_record(bench: Bench) -> None:
    twice = bench.whose(ASKED)
    member = "plans" if bench.engine == "rest-json" else "entry"
    twice[member] = twice[member] * 2
    assert len((await bench.asked(document(twice))).records) == 1


async def test_a_probe_sends_nothing_personal(bench: Bench) -> None:
    registry, here = await bench.source(document({}), health={"probe": "/status"})
    (health,) = await registry.probe()
    assert health.well
    assert here.asked[0].line == "GET /api/status HTTP/1.1"
    assert here.asked[0].body == b""
