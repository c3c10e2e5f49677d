"""Asks twelve questions of a gateway whose dbt misbehaves, and judges every answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx2
from starlette.types import ASGIApp

from gateway.archive.archive import Archive
from gateway.caching.validity import StalePolicy
from gateway.errors import GatewayError
from gateway.execution.executor import GatewayExecutor
from gateway.execution.incremental_delivery import StreamRunner
from gateway.execution.operation_runner import OperationRunner
from gateway.http.edge import EdgePolicy, create_edge
from gateway.http.health import Readiness
from gateway.local_platform.app import create_platform
from gateway.schema.build import build_schema
from gateway.services.bundle import CachePolicy, Services, Upstream, open_services
from gateway.services.resilience.policy import ResiliencePolicy
from gateway.services.resilience.resilient_transport import ResilientTransport, TransportDependencies
from gateway.services.transport.http_transport import (
    AsgiTransport,
    HttpTransport,
    TransportLimits,
    TransportRequest,
    TransportResponse,
)
from gateway.settings import Settings
from tests.chaos.faults import FAULTS, RAW, ElsewhereWire, raw_server
from tests.clock import Clock
from tests.services.faults import TOKEN

State = Literal["cold", "warm", "breaker open"]
STATES: tuple[State, ...] = ("cold", "warm", "breaker open")
SECONDS = 1.2
NO_CACHE = {"Cache-Control": "no-cache"}

QUESTIONS: Mapping[str, str] = {
    "projects": "{ account { name projects { nodes { id name } } } }",
    "models": "{ account { models(first: 100) { totalCount nodes { id runtime tags } } } }",
    "a project's models": '{ project(id: "finance") { modelCount models(first: 5) { nodes { id description } } } }',
    "one model": '{ model(id: "finance.rpt_ar_aging") { id rawCode owner { name } } }',
    "a model's runs": '{ model(id: "finance.rpt_ar_aging") { runs(first: 5) { nodes { runtime } } } }',
    "slowest models": "{ account { slowestModels(first: 5) { rank runtime model { id } } } }",
    "slowest over runs": "{ account { slowestModels(first: 5, lastRuns: 3) { runtime runCount model { id } } } }",
    "longest jobs": "{ account { longestRunningJobs(lastRuns: 3) { runtime job { id name } } } }",
    "a job": '{ job(id: "301001") { name runs(first: 3) { totalCount nodes { id } } models { nodes { id } } } }',
    "a run": '{ run(id: "70437490011508") { runtime modelRuns { nodes { name status } } } }',
    "lineage": "{ account { models(first: 100) { nodes { id upstream { id } freshness { status } } } } }",
    "nested": "{ account { projects { nodes { id models(first: 3) { nodes { id jobs { nodes { name } } } } } } } }",
}


class RememberedTransport:
    """A healthy dbt whose facts stand still: it answers what it was asked before without looking it up again."""

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport
        self._answers: dict[tuple[object, ...], TransportResponse] = {}

    async def send(self, request: TransportRequest) -> TransportResponse:
        asked = (request.method, request.url, *sorted(request.query.items()), request.body)
        if asked not in self._answers:
            self._answers[asked] = await self._transport.send(request)
        return self._answers[asked]

    async def close(self) -> None:
        return None


class SwitchedWire:
    """The healthy platform, until it is given another wire."""

    def __init__(self, transport: HttpTransport) -> None:
        self.transport = transport
        self.sent = 0

    async def send(self, request: TransportRequest) -> TransportResponse:
        self.sent += 1
        return await self.transport.send(request)

    async def close(self) -> None:
        return None


class Refusing:
    """Answers 500 to everything."""

    async def send(self, request: TransportRequest) -> TransportResponse:
        return TransportResponse(500, {}, b"")

    async def close(self) -> None:
        return None


@dataclass
class Verdict:
    """What twelve answers came to: how many were right, null with a code, or marked stale; and what was wrong."""

    right: int = 0
    coded: int = 0
    stale: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0


@dataclass
class _Executors:
    """The executor that is asked where the fault is reached, and one with more time for all else: a machine that
    stands still for a second says nothing of a healthy dbt, nor of a breaker that lets nobody through."""

    hasty: GatewayExecutor
    patient: GatewayExecutor
    reaches_fault: bool = False

    async def execute(self, *given: Any, **named: Any) -> Any:
        return await (self.hasty if self.reaches_fault else self.patient).execute(*given, **named)

    def start(self, services: Services) -> None:
        self.hasty.start(services)
        self.patient.start(services)


class Matrix:
    """One edge and one schema for all faults; services of their own for each."""

    def __init__(self, platform: ASGIApp, documented: frozenset[str]) -> None:
        self._platform = platform
        self._healthy = RememberedTransport(AsgiTransport(platform, None, TransportLimits()))
        self._documented = documented
        settings = Settings()
        schema = build_schema()
        runner = OperationRunner(schema, settings.fast_path)
        streams = StreamRunner(schema, runner)
        self._executor = _Executors(GatewayExecutor(runner, streams, SECONDS), GatewayExecutor(runner, streams, 60))
        self._expected: dict[str, Any] = {}

        async def ready() -> Readiness:
            return Readiness(True)

        edge = create_edge(self._executor, EdgePolicy(explorer=False), ready)
        transport = httpx2.ASGITransport(app=edge, client=("127.0.0.1", 1))
        self._client = httpx2.AsyncClient(transport=transport, base_url="http://localhost")

    async def close(self) -> None:
        await self._client.aclose()

    async def learn(self) -> None:
        """The answers of a healthy dbt; other tests hold them against the artifacts."""
        async with self._gateway(self._healthy):
            for name, query in QUESTIONS.items():
                body, _ = await self._ask(query)
                assert "errors" not in body, name
                self._expected[name] = body["data"]

    async def examine(self, fault: str, state: State) -> Verdict:
        """Every question under a fault in a state. Where facts are known they are asked twice: by somebody who takes
        old ones for an error, and by somebody who demands fresh ones; with an open breaker once more when it probes."""
        async with AsyncExitStack() as stack:
            faulty = await self._faulty(fault, stack)
            transport = SwitchedWire(self._healthy)
            clock = Clock()
            disciplined = await stack.enter_async_context(self._gateway(transport, clock))
            if state != "cold":
                await asyncio.gather(*(self._ask(query) for query in QUESTIONS.values()))
            if state == "breaker open":
                await _open_breakers(disciplined, transport)
            transport.transport, transport.sent = faulty, 0
            self._executor.reaches_fault = state != "breaker open"
            verdict = Verdict()
            await self._ask_all(verdict)
            if state != "cold":
                stale = verdict.stale
                await self._ask_all(verdict, NO_CACHE)
                if verdict.stale > stale:
                    verdict.wrong.append("old facts for somebody who demands fresh ones")
            if state == "breaker open":
                if transport.sent:
                    verdict.wrong.append(f"{transport.sent} calls through an open breaker")
                clock.now += 10
                self._executor.reaches_fault = True
                await self._ask_all(verdict, NO_CACHE)
            return verdict

    async def _ask_all(self, verdict: Verdict, headers: Mapping[str, str] | None = None) -> None:
        async def ask(name: str) -> None:
            began = time.perf_counter()
            body, text = await self._ask(QUESTIONS[name], headers)
            verdict.slowest = max(verdict.slowest, time.perf_counter() - began)
            self._weigh(verdict, name, body, text)

        await asyncio.gather(*map(ask, QUESTIONS))

    async def _ask(self, query: str, headers: Mapping[str, str] | None = None) -> tuple[dict[str, Any], str]:
        answer = await asyncio.wait_for(self._client.post("/graphql", json={"query": query}, headers=headers), 30)
        return json.loads(answer.text), answer.text

    def _weigh(self, verdict: Verdict, name: str, body: dict[str, Any], text: str) -> None:
        errors = body.get("errors", [])
        codes = {tuple(error.get("path", ())): error["extensions"]["code"] for error in errors}
        verdict.codes.update(codes.values())
        faults = list(_differences(self._expected[name], body.get("data"), codes, ()))
        unknown = set(codes.values()) - self._documented
        if TOKEN in text or unknown or faults or set(body) - {"data", "errors", "extensions"}:
            verdict.wrong.append(f"{name}: {unknown} {faults[:2]} {TOKEN in text}")
        elif errors:
            verdict.coded += 1
        elif body.get("extensions", {}).get("gateway", {}).get("stale"):
            verdict.stale += 1
        else:
            verdict.right += 1

    async def _faulty(self, fault: str, stack: AsyncExitStack) -> HttpTransport:
        if fault in FAULTS:
            return FAULTS[fault](self._platform)
        if fault == "a closed port":
            async with raw_server(RAW["silence"]) as port:
                pass
        else:
            port = await stack.enter_async_context(raw_server(RAW[fault]))
        transport = ElsewhereWire(port)
        stack.push_async_callback(transport.close)
        return transport

    @asynccontextmanager
    async def _gateway(self, transport: HttpTransport, clock: Clock | None = None) -> AsyncIterator[ResilientTransport]:
        clock = clock or Clock()
        self._executor.reaches_fault = False
        around = TransportDependencies(clock, clock.sleep)
        disciplined = ResilientTransport(
            transport, ResiliencePolicy(margin=0.05, patience=0.1), TransportLimits(), around
        )
        upstream = Upstream(disciplined, "http://dbt/graphql", "http://dbt", 70403103900042)
        # Facts grow old at once: every warm question must ask dbt again whether they still hold.
        stale_policy = StalePolicy(while_reading=0, on_error=3_600)
        freshness = CachePolicy(revision_interval=0.001, topology_seconds=0.001, stale_policy=stale_policy)
        async with open_services(upstream, freshness) as services:
            self._executor.start(services)
            yield disciplined


ALL_FAULTS = (*FAULTS, *RAW, "a closed port")


async def _open_breakers(disciplined: ResilientTransport, transport: SwitchedWire) -> None:
    healthy, transport.transport = transport.transport, Refusing()
    for api in ("discovery", "admin"):
        for _ in range(20):
            with contextlib.suppress(GatewayError):
                await disciplined.send(TransportRequest("GET", "http://dbt/", api=api))
    assert disciplined.status().discovery.breaker == disciplined.status().admin.breaker == "open"
    transport.transport = healthy


def _differences(wanted: Any, got: Any, codes: Mapping[tuple[Any, ...], str], path: tuple[Any, ...]) -> Iterator[str]:
    """Where an answer is neither right nor explained by an error on the way to it."""
    if got == wanted or any(path[: len(known)] == known for known in codes):
        return
    if got is None and any(known[: len(path)] == path for known in codes):
        return
    if isinstance(wanted, dict) and isinstance(got, dict) and wanted.keys() == got.keys():
        for name, value in wanted.items():
            yield from _differences(value, got[name], codes, (*path, name))
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for place, value in enumerate(wanted):
            yield from _differences(value, got[place], codes, (*path, place))
    else:
        yield f"{'.'.join(map(str, path))} is {str(got)[:80]}"


@asynccontextmanager
async def opened_matrix(store: str, documented: frozenset[str]) -> AsyncIterator[Matrix]:
    """The matrix over an archive that holds the demo."""
    archive = Archive.open(store)
    matrix = Matrix(create_platform(archive), documented)
    try:
        await matrix.learn()
        yield matrix
    finally:
        await matrix.close()
        archive.close()
