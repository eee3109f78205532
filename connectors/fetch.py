# SPDX-License-Identifier: Apache-2.0
"""Reading over HTTP: what the engines fhir-rest and rest-json share.

Categories that ask the very same call share it; different calls of one citizen run at the same time over the
source's kept connections. One deadline holds for all of it. What had come whole by then is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from connectors.base import Envelope, Finding, Health, Outcome, Read, ReadError, Reason
from connectors.context import Context
from connectors.http import Exchange, HttpWay, correlation
from connectors.landing import Effort, Result, land
from connectors.manifest import Manifest
from connectors.mapping import CategoryPlan, Item
from connectors.paths import PathError, compiled
from connectors.templates import Filling, Render, TemplateError
from connectors.wire import Answer, Call

Following = Callable[[list[Any], Answer, Filling], "str | None"]


class Ask(Struct, frozen=True, eq=False):
    """One kind of call. `following` finds the target of the next page from those read so far, or None."""

    exchange: Exchange
    first: Render
    follow: Exchange | None = None
    following: Following | None = None
    needs_since: bool = False


class Wanted(Struct, frozen=True, eq=False):
    """How one category is had: its call, the records in the answer, and the mapping."""

    ask: Ask
    items: Callable[[Any], Iterable[Any]]
    plan: CategoryPlan


class Job:
    """One call of one read, with the categories it answers."""

    __slots__ = ("ask", "call", "categories", "filling", "pages", "seen")

    def __init__(self, ask: Ask, filling: Filling) -> None:
        self.ask = ask
        self.filling = filling
        self.categories: list[str] = []
        self.pages: list[Any] = []
        self.seen: set[str] = set()
        self.call: Call


def check(
    manifest: Manifest, mapping: Mapping[str, Any], mark: str, templates: Callable[[Mapping[str, Any]], None]
) -> list[Finding]:
    """Static faults of a mapping for an HTTP engine: `mark` is the member every select of its form has."""
    findings = []
    if "base_url" not in manifest.connect:
        findings.append(Finding(manifest.id, "connect needs `base_url` for this engine."))
    for category, spec in mapping["categories"].items():
        place = f"{manifest.mapping} at categories/{category}"
        if mark not in spec["select"]:
            findings.append(Finding(manifest.id, f"{place}/select: not of this engine's form (no `{mark}`)."))
            continue
        try:
            templates(spec["select"])
            CategoryPlan(category, spec, compiled, mapping.get("code_maps", {}))
        except (TemplateError, PathError) as error:
            findings.append(Finding(manifest.id, f"{place}: {error}."))
    return findings


async def read(context: Context, read: Read, plan: Mapping[str, Wanted]) -> list[Envelope]:
    """One envelope per wanted category. Raises nothing but cancellation, which stops the upstream calls."""
    way, manifest = _http(context), context.manifest
    loop = asyncio.get_running_loop()
    effort = Effort(started=loop.time())
    results: dict[str, Result] = {}
    jobs = _jobs(read, plan)
    line = correlation(read.request_id)
    try:
        for job in jobs:
            job.call = way.send(job.ask.exchange.at(way, job.ask.first(job.filling), job.filling, line))
        async with asyncio.timeout_at(min(read.deadline, effort.started + manifest.limits.timeout_ms / 1000)):
            for job in jobs:
                await _pages(context, way, job, effort, line, results)
                _apply(context, job, read, plan, results)
    except TimeoutError:
        for job in jobs:
            if job.categories[0] not in results:
                _at_the_deadline(context, way, job, effort, read, plan, results)
    finally:
        for job in jobs:
            job.call.drop()
    return land(manifest, context.mapping, read, results, effort, loop.time())


def _http(context: Context) -> HttpWay:
    if not isinstance(context.way, HttpWay):
        raise TypeError("an HTTP engine needs an HTTP way")
    return context.way


def _jobs(read: Read, plan: Mapping[str, Wanted]) -> list[Job]:
    jobs: dict[tuple[int, str], Job] = {}
    for category in read.wants:
        wanted = plan.get(category)
        if wanted is None:
            continue
        since = read.since.get(category, "") if wanted.ask.needs_since else ""
        key = (id(wanted.ask), since)
        job = jobs.get(key)
        if job is None:
            job = jobs[key] = Job(wanted.ask, Filling(read.identifier, read.identifier_system, since))
        job.categories.append(category)
    return list(jobs.values())


async def _pages(
    context: Context, way: HttpWay, job: Job, effort: Effort, line: str, results: dict[str, Result]
) -> None:
    """All pages of one job into `job.pages`; a failure becomes the result of its categories."""
    try:
        while True:
            target = _page(context, way, job, await way.answer(job.call), effort)
            if target is None:
                return
            exchange = job.ask.follow or job.ask.exchange
            job.call = way.send(exchange.at(way, target, job.filling, line))
    except ReadError as error:
        effort.calls += 1
        results.update(dict.fromkeys(job.categories, error))


def _page(context: Context, way: HttpWay, job: Job, answer: Answer, effort: Effort) -> str | None:
    """Keeps one page and gives the target of the next. Raises `ReadError`."""
    effort.bytes += len(answer.body)
    document = way.document(answer)
    effort.calls += 1
    job.pages.append(document)
    if job.ask.following is None:
        return None
    target = job.ask.following(job.pages, answer, job.filling)
    if target is None:
        return None
    if target in job.seen:
        raise ReadError(Reason.GARBAGE)  # it sends us in a circle
    job.seen.add(target)
    if len(job.pages) >= context.manifest.limits.max_pages:
        raise ReadError(Reason.TOO_LARGE)
    return target


def _apply(context: Context, job: Job, read: Read, plan: Mapping[str, Wanted], results: dict[str, Result]) -> None:
    for category in job.categories:
        if category in results:
            continue
        wanted = plan[category]
        try:
            found: list[Item] = [(item, page) for page in job.pages for item in wanted.items(page)]
            results[category] = wanted.plan.apply(
                found, read.identifier, read.wants[category], context.manifest.limits.max_records
            )
        except ReadError as error:
            results[category] = error


def _at_the_deadline(
    context: Context,
    way: HttpWay,
    job: Job,
    effort: Effort,
    read: Read,
    plan: Mapping[str, Wanted],
    results: dict[str, Result],
) -> None:
    """An answer that had come whole counts; one that had begun is late; silence is a timeout."""
    future = job.call.future
    late = job.call.begun or bool(job.pages)
    if future.done() and not future.cancelled():
        try:
            if _page(context, way, job, way.judged(future), effort) is None:
                _apply(context, job, read, plan, results)
                return
        except ReadError as error:
            results.update(dict.fromkeys(job.categories, error))
            return
    effort.calls += 1
    results.update(dict.fromkeys(job.categories, ReadError(Reason.SOURCE_TIMEOUT, late=late)))


def same_origin(way: HttpWay, url: str) -> str:
    """The target below the base URL that a link of the source means. Raises `ReadError` garbage if it leads to
    another host or out of the base path: a link is data, not permission."""
    parts = urlsplit(url)
    if parts.netloc and f"{parts.scheme}://{parts.netloc}" != way.origin:
        raise ReadError(Reason.GARBAGE)
    path = parts.path
    if (
        not path.startswith(f"{way.base_path}/")
        or not url.isascii()
        or any(c <= " " for c in url)
        or "/../" in path
    ):
        raise ReadError(Reason.GARBAGE)
    return path[len(way.base_path) :] + (f"?{parts.query}" if parts.query else "")


async def probe(context: Context) -> Health:
    """GET of the manifest's probe path (or of the base URL): well when it is answered with 200."""
    way, loop = _http(context), asyncio.get_running_loop()
    started = loop.time()
    target = context.manifest.health.probe or "/"
    nobody = Filling("", "", "")
    call = way.send(Exchange(way, "GET").at(way, target, nobody))
    reason = Reason.NONE
    try:
        async with asyncio.timeout(context.manifest.limits.timeout_ms / 1000):
            await way.answer(call)
    except TimeoutError:
        reason = Reason.SOURCE_TIMEOUT
    except ReadError as error:
        reason = Reason.SOURCE_ERROR if error.outcome is Outcome.NONE else error.reason
    finally:
        call.drop()
    elapsed = round((loop.time() - started) * 1000)
    return Health(context.manifest.id, well=reason is Reason.NONE, reason=reason, elapsed_ms=elapsed)
