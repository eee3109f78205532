# SPDX-License-Identifier: Apache-2.0
"""`commons demo`: everything set up and running on one machine, and a short story told over the real API.

A hospital plans a discharge; something is withheld for want of consent; the citizen consents and the same
question brings it; the citizen withdraws and it is withheld at once; the log proves all of it. Each step is
checked, and the exit status says whether all of them came out right.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import signal
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from connectors.sandbox.launch import Twins, launch
from connectors.sandbox.stories import NHS_NUMBER, Story
from gateway import keyring, sandbox
from gateway.audit import shards, verify
from gateway.audit.checkpoint import vkey
from gateway.consents import checking
from gateway.identity.client import ask_token
from gateway.settings import Settings
from gateway.visiting import Visitor, VisitRefused
from gateway.witness import folder as witness

SYSTEM = "xzz01-discharge"
AGREEMENT = "dsa-2026-014"
WORKER = ("u-0042", "discharge-coordinator")
ASKED_OF_CHARITY = ("support.plan", "support.befriending")
INTERRUPTED = 130
"""Exit status of a demo that was stopped before its story was over, as a shell gives it after Ctrl-C."""
_STYLES = {"returned": "green", "empty": "dim", "withheld": "yellow", "redacted": "yellow"}


class DemoFault(Exception):  # noqa: N818  # a condition of the machine, told as the reader meets it
    """The demo cannot run here and now. The text says what to do."""


@dataclass(slots=True)
class Stage:
    """Where the story is told: what was checked, and how it came out."""

    console: Console
    wrong: list[str] = field(default_factory=list)

    def check(self, right: bool, sentence: str) -> None:
        """Say whether something came out right."""
        self.console.print(
            f"   [{'green' if right else 'red'}]{'✓' if right else '✗'}[/] {sentence}", highlight=False
        )
        if not right:
            self.wrong.append(sentence)


async def play(data_dir: Path, *, port: int, people: int, stay: bool, console: Console) -> int:
    """Set up, tell the story, and stay up until Ctrl-C unless `stay` is false. Gives the exit status. Raises
    DemoFault before anything is started, and LaunchError."""
    _stop_in_order()
    started = time.monotonic()
    console.print("[bold]The data-sharing commons gateway[/] – synthetic people only\n", highlight=False)
    _require_free(port)
    async with contextlib.AsyncExitStack() as up:
        up.enter_context(_alone(data_dir))
        settings, twins = await _set_up(up, data_dir, port, people, console)
        console.print(f"   ready after {time.monotonic() - started:.1f} s\n", highlight=False)
        stage = Stage(console)
        await _story(stage, settings)
        console.print(f"\n{'Every step came out right.' if not stage.wrong else 'Some steps went wrong.'}")
        if stay:
            _addresses(console, settings, twins)
            await _until_interrupted(console)
    return 1 if stage.wrong else 0


async def _set_up(
    up: contextlib.AsyncExitStack, data_dir: Path, port: int, people: int, console: Console
) -> tuple[Settings, Twins]:
    """Make what is missing, start sources and gateway, and leave in `up` how they are stopped."""
    settings = sandbox.prepare(data_dir, port=port)
    with progress(console) as bar:
        settle = bar.add_task("The synthetic town", total=people)
        await asyncio.to_thread(
            sandbox.settle, settings, people=people, seed=1,
            progress=lambda done, total: bar.update(settle, completed=done, total=total),
        )  # fmt: skip
        bar.update(settle, completed=people)
        twins_bar = bar.add_task("Three source systems", total=1)
        twins = up.enter_context(await asyncio.to_thread(launch, data_dir / "town"))
        twins.write_secrets(settings.secrets)
        bar.update(twins_bar, completed=1)
        gateway_bar = bar.add_task("The gateway", total=1)
        policy = await up.enter_async_context(_witness(data_dir, settings))
        await up.enter_async_context(_gateway(data_dir, port, settings, policy))
        bar.update(gateway_bar, completed=1)
    return settings, twins


def _stop_in_order() -> None:
    """Let a request to stop, or a closed terminal, end what was started, as Ctrl-C does."""
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _require_free(port: int) -> None:
    """Nobody else may answer where the gateway will be asked. Raises DemoFault."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        why = "is taken by another program" if error.errno == errno.EADDRINUSE else "cannot be listened on"
        raise DemoFault(f"Port {port} of 127.0.0.1 {why}. Choose another: make demo PORT=8081") from error


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Hold the demo's folder: two demos in one folder would stop each other's sources. Raises DemoFault."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "demo.lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DemoFault(
                f"Another demo runs in {data_dir}. Stop it, or choose another folder: commons demo --data var/other"
            ) from error
        yield


async def _story(stage: Stage, settings: Settings) -> None:
    told = sandbox.story("consent-not-given")
    async with aiohttp.ClientSession(base_url=settings.public_url) as http:
        citizen = Visitor(http, sandbox.provider(settings.data_dir), told.identifiers[NHS_NUMBER])
        await _scenes(stage, settings, told, citizen, http)


async def _scenes(
    stage: Stage, settings: Settings, told: Story, citizen: Visitor, http: aiohttp.ClientSession
) -> None:
    key = (settings.data_dir / "clients" / f"{SYSTEM}.jwk").read_text()
    token = await ask_token(settings.public_url, SYSTEM, key, user=WORKER[0], role=WORKER[1])
    say = stage.console.rule
    record = await _arrive(citizen)

    say("[bold]1. A discharge coordinator asks for one patient's joined-up record", align="left")
    first, receipt_1 = await _ask(stage, http, token, told)
    stage.check(_states(first, *ASKED_OF_CHARITY) == {"withheld"}, "the charity's records are withheld: no consent")
    stage.check(
        _states(first, "health.medications", "housing.tenancy") == {"returned"}, "the GP and the council answered"
    )

    say("[bold]2. The citizen, signed in, reads the words and consents", align="left")
    given = await citizen.give(record, ASKED_OF_CHARITY)
    seq = given["effective_seq"]
    stage.check(seq > 0, f"recorded in the ledger as event {seq} of this citizen, and in the log")

    say("[bold]3. The same question again", align="left")
    second, receipt_2 = await _ask(stage, http, token, told)
    stage.check(_states(second, *ASKED_OF_CHARITY) == {"returned"}, "now the charity's records come too")

    say("[bold]4. The citizen withdraws: one action, no reason", align="left")
    stopped = await citizen.withdraw(record)
    third, receipt_3 = await _ask(stage, http, token, told)
    stage.check(_states(third, *ASKED_OF_CHARITY) == {"withheld"}, "withheld at once, in the very next answer")
    reasons = {row.get("reason") for row in _rows(third) if row["category"] in ASKED_OF_CHARITY}
    stage.check(reasons == {"consent-withdrawn"}, "and the answer says why: consent-withdrawn")

    say("[bold]5. What the citizen holds of it", align="left")
    key_text = vkey(shards.this_year(settings.log_origin), keyring.load(settings.keys).log.public_key())
    await _hold(stage, http, citizen, stopped, token, key_text)

    say("[bold]6. The log proves it", align="left")
    policy = (settings.data_dir / "policy.txt").read_text()
    await _published(http)
    for receipt in (receipt_1, receipt_2, receipt_3):
        async with http.get(receipt, headers={"Authorization": f"Bearer {token}", "Accept": "text/plain"}) as reply:
            proof = await reply.text()
        stage.check(verify.proof(proof, policy=policy).ok, "an answer's receipt is proven to stand in the log")
    report = await asyncio.to_thread(
        verify.log, f"{settings.public_url}/log", policy=policy, token=settings.log_monitor_token or ""
    )
    stage.check(report.ok, f"the whole log verifies: {report.size} entries, read over HTTP by stand-alone code")
    stage.check(report.witnesses == ("demo",), "and a witness, a program of its own, has cosigned its checkpoint")
    await citizen.sign_out()


async def _published(http: aiohttp.ClientSession) -> None:
    """Wait until what is in the log is published, which takes a second or two."""
    for _ in range(100):
        async with http.get("/log/health") as reply:
            health = await reply.json()
        if health["published_size"] == health["size"]:
            return
        await asyncio.sleep(0.1)


async def _arrive(citizen: Visitor) -> str:
    """The citizen signs in and finds what the charity may share; if a story was cut short after the consent, it is
    taken back first. Gives the record."""
    await citizen.sign_in()
    [record] = [
        one["id"]
        for one in await citizen.records()
        if one["agreement"] == AGREEMENT
        and {part["category"] for part in one["categories"]} == set(ASKED_OF_CHARITY)
    ]
    with contextlib.suppress(VisitRefused):  # nothing was given, or it was withdrawn
        await citizen.withdraw(record)
    return str(record)


async def _hold(
    stage: Stage, http: aiohttp.ClientSession, citizen: Visitor, stopped: dict[str, Any], token: str, key_text: str
) -> None:
    """The stop receipt, checked offline, before and after the recipient answers; and who asked about them."""
    async with http.get("/.well-known/jwks.json") as reply:
        jwks = await reply.text()
    [told] = stopped["told"]
    async with http.post(
        f"/v1/consent-notices/{told['notice']}/acknowledgement", headers={"Authorization": f"Bearer {token}"}
    ) as reply:
        stage.check(reply.status == 200, f"{told['recipient']['name']} was told to stop, and has acknowledged it")
    found = checking.check((await citizen.receipt(stopped["receipt"]))["jws"], jwks, key_text)
    stage.check(found.ok, "the stop receipt verifies offline: signature, log entry, inclusion proof")
    if found.ok:
        [one] = found.claims["stop"]["recipients"]
        stage.check(
            "acknowledged_at" in one,
            f"it says who answered, and that data is to be erased by {one['erase_by'][:10]}",
        )
    newest = (await citizen.uses())[:3]
    asked = {use["organisation_name"] for use in newest}
    stage.check(
        len(newest) == 3, f"and the citizen sees each of the three questions, by {', '.join(sorted(asked))}"
    )


async def _ask(stage: Stage, http: aiohttp.ClientSession, token: str, told: Story) -> tuple[dict[str, Any], str]:
    """Ask the story's question, show the completeness table; gives the answer and the address of its receipt."""
    body = {
        "subject": {"identifier": {"system": told.subject, "value": told.identifiers[told.subject]}},
        "purpose": told.ask.purpose,
        "legal_basis": {"agreement": AGREEMENT},
        "case": {"reason": "Planning your support after leaving hospital", "reference": "ward-7-0042"},
        "categories": [
            {"code": code, "need": "optional" if code in ASKED_OF_CHARITY else "required"}
            for code in told.ask.categories
        ],
    }
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": str(uuid.uuid4())}
    started = time.perf_counter()
    async with http.post("/v1/record-queries", json=body, headers=headers) as reply:
        answer: dict[str, Any] = await reply.json(content_type=None)
    took_ms = (time.perf_counter() - started) * 1000
    stage.check(reply.status == 200, f"answered with status {reply.status} in {took_ms:.0f} ms")
    _show(stage.console, answer)
    return answer, answer.get("receipt", {}).get("href", "/")


def _show(console: Console, answer: dict[str, Any]) -> None:
    table = Table("  category", "source", "state", "why", box=None, padding=(0, 1))
    for row in _rows(answer):
        style = _STYLES.get(row["state"], "red")
        state = f"[{style}]{row['state']}[/] {row.get('items') or ''}"
        _, sector, _, *system = row["source"].split("/")
        source = f"{sector} {'/'.join(system)}"
        table.add_row(f"  {row['category']}", source, state, row.get("reason", ""))
    console.print(table)


def _rows(answer: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = answer.get("completeness", {}).get("summary", [])
    return rows


def _states(answer: dict[str, Any], *categories: str) -> set[str]:
    return {row["state"] for row in _rows(answer) if row["category"] in categories}


@contextlib.asynccontextmanager
async def _witness(data_dir: Path, settings: Settings) -> AsyncIterator[Path]:
    """A witness as a process of its own, as somebody else would run it; gives the policy that asks for it."""
    folder, log_key = data_dir / "witness", keyring.load(settings.keys).log.public_key()
    key = witness.vkey_of(folder) if folder.exists() else witness.create(folder, "witness.example/demo")
    log_vkey = vkey(shards.this_year(settings.log_origin), log_key)
    witness.trust(folder, log_vkey)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    policy = data_dir / "policy.txt"
    policy.write_text(f"log {log_vkey}\nwitness demo {key} {address}\nquorum demo\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "witness", "serve", "--data", str(folder), "--port", str(port),
        start_new_session=True,
    )  # fmt: skip
    try:
        await _ready(f"{address}/health/live", process, "witness")
        yield policy
    finally:
        await _end(process)


@contextlib.asynccontextmanager
async def _gateway(data_dir: Path, port: int, settings: Settings, policy: Path) -> AsyncIterator[None]:
    """The gateway as a process of its own, ready to answer."""
    process = await asyncio.create_subprocess_exec(
        "env", f"COMMONS_LOG_POLICY={policy}",
        sys.executable, "-m", "gateway.cli", "serve", "--data", str(data_dir), "--port", str(port),
        start_new_session=True,
    )  # fmt: skip
    try:
        await _ready(f"{settings.public_url}/health/ready", process, "gateway")
        yield
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()


async def _ready(address: str, process: asyncio.subprocess.Process, what: str) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(600):
            if process.returncode is not None:
                raise DemoFault(f"The {what} did not start; its own words are above.")
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(address) as reply:
                    if reply.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise DemoFault(f"The {what} did not become ready within a minute.")


@contextlib.contextmanager
def progress(console: Console) -> Iterator[Progress]:
    """A bar for each thing that is being set up."""
    columns = (TextColumn("   {task.description:24}"), BarColumn(30), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        yield bar


def _addresses(console: Console, settings: Settings, twins: Twins) -> None:
    url, data = settings.public_url, settings.data_dir
    console.rule("[bold]Yours to try", align="left")
    lines = [
        f"API, described      {url}/docs",
        f"Access log          {url}/log/checkpoint",
        *(f"Source ({name})".ljust(20) + address for name, address in sorted(twins.addresses.items())),
        "",
        "Ask it yourself:",
        f"curl -s {url}/v1/record-queries \\",
        f'  -H "Authorization: Bearer $(.venv/bin/commons token {SYSTEM} --data {data})" \\',
        "  -H \"X-Request-ID: $(python3 -c 'import uuid; print(uuid.uuid4())')\" \\",
        '  -H "Content-Type: application/json" -d @docs/examples/discharge-query.json',
    ]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


async def _until_interrupted(console: Console) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    console.print("\nUp until Ctrl-C.")
    await stop.wait()
    console.print("Stopping.")
