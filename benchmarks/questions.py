"""What the main questions cost: upstream requests and time, against asking by hand.

    python -m benchmarks.questions [--store sqlite:///runs.db] [--rounds 3] [--sample 200]

Without a store the embedded demo is measured. The local platform runs in a process of its own and is asked over HTTP.
Each question is asked of a gateway that knows nothing yet (cold) and again (warm). Beside it:

- by hand: the very requests the gateway sent, sent again with plain aiohttp, each as soon as the gateway could have
  sent it, and decoded with the standard library; nothing is filtered, ranked or joined;
- one by one: a request for every model (or job) that the question is about, twenty at a time; on large accounts a
  sample is timed and scaled up, which the table marks with ~.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from graphql import parse
from pydantic import SecretStr

from benchmarks.platform_process import PlatformProcess, run_platform
from gateway.execution.executor import GatewayExecutor
from gateway.execution.incremental_delivery import StreamRunner
from gateway.execution.operation_runner import OperationRunner
from gateway.execution.request import Caller, GraphQLParams
from gateway.schema.build import build_schema
from gateway.services.bundle import CachePolicy, Upstream, open_services
from gateway.services.transport.aiohttp_transport import AiohttpTransport
from gateway.services.transport.http_transport import (
    HttpTransport,
    TransportLimits,
    TransportRequest,
    TransportResponse,
)
from gateway.settings import Settings
from gateway.wiring.upstream import open_archive

_TOKEN = SecretStr("benchmark")
_AT_ONCE = 20


@dataclass(frozen=True)
class Question:
    """A question and the root field whose one-by-one twin is timed: `model`, `history` or `job`."""

    name: str
    text: str
    one_by_one: str


QUESTIONS = (
    Question(
        "slowestModels(first: 5)", "{ account { slowestModels(first: 5) { rank runtime model { id } } } }", "model"
    ),
    Question(
        "slowestModels(first: 5, lastRuns: 5)",
        "{ account { slowestModels(first: 5, lastRuns: 5) { rank runtime runCount model { id } } } }",
        "history",
    ),
    Question(
        "longestRunningJobs(lastRuns: 5)",
        "{ account { longestRunningJobs(first: 5, lastRuns: 5) { rank runtime runCount job { id name } } } }",
        "job",
    ),
    Question(
        "projects > models > runs, jobs",
        "{ account { projects { nodes { models(first: 50) { nodes { name runs(first: 5) { nodes { runtime } } "
        "jobs { nodes { name } } } } } } } }",
        "listed history",
    ),
)


@dataclass(frozen=True)
class Sent:
    """One recorded request with the seconds at which it began and ended."""

    request: TransportRequest
    began: float
    ended: float


@dataclass
class RecordingWire:
    """Passes requests on and remembers them."""

    inner: HttpTransport
    sent: list[Sent] = field(default_factory=list)

    async def send(self, request: TransportRequest) -> TransportResponse:
        began = time.perf_counter()
        response = await self.inner.send(request)
        self.sent.append(Sent(request, began, time.perf_counter()))
        return response

    async def close(self) -> None:
        await self.inner.close()


@dataclass(frozen=True)
class Measured:
    """Seconds, and how many requests went upstream when cold."""

    cold: float
    warm: float
    requests: int
    by_hand: float


async def measure(question: Question, platform: PlatformProcess) -> Measured:
    """One cold and one warm asking, and the same requests by hand."""
    async with gateway(platform) as (executor, transport):
        cold = await ask(executor, question.text)
        sent = list(transport.sent)
        warm = await ask(executor, question.text)
    return Measured(cold, warm, len(sent), await replay(sent))


@asynccontextmanager
async def gateway(platform: PlatformProcess) -> AsyncIterator[tuple[GatewayExecutor, RecordingWire]]:
    """A gateway that knows nothing yet, over the platform."""
    transport = RecordingWire(AiohttpTransport(_TOKEN, TransportLimits(seconds=300, connections=_AT_ONCE)))
    upstream = Upstream(transport, f"{platform.url}/graphql", platform.url, platform.account_id)
    schema = build_schema()
    runner = OperationRunner(schema)
    executor = GatewayExecutor(runner, StreamRunner(schema, runner), request_seconds=600)
    async with open_services(upstream, CachePolicy(3600, 3600, reading_seconds=600)) as services:
        executor.start(services)
        yield executor, transport


async def ask(executor: GatewayExecutor, text: str) -> float:
    """Seconds one question took. Refuses to time a wrong answer."""
    params = GraphQLParams(text, parse(text))
    began = time.perf_counter()
    answer = await executor.execute(params, Caller())
    took = time.perf_counter() - began
    if answer.errors or answer.data is None:
        raise SystemExit(f"no figures: {text} was answered with {answer.errors}")
    return took


async def replay(sent: Sequence[Sent]) -> float:
    """Seconds the same requests take by hand, in the gateway's own rounds."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_AT_ONCE)) as session:
        began = time.perf_counter()
        for wave in waves(sent):
            await asyncio.gather(*(fetch(session, one.request) for one in wave))
        return time.perf_counter() - began


def waves(sent: Sequence[Sent]) -> list[list[Sent]]:
    """The requests in rounds: those of a round began before any of that round had ended."""
    rounds: list[list[Sent]] = []
    first_end = float("-inf")
    for one in sorted(sent, key=lambda each: each.began):
        if one.began >= first_end:
            rounds.append([])
            first_end = one.ended
        rounds[-1].append(one)
        first_end = min(first_end, one.ended)
    return rounds


async def fetch(session: aiohttp.ClientSession, request: TransportRequest) -> Any:
    headers = {"Authorization": f"Token {_TOKEN.get_secret_value()}", "Content-Type": "application/json"}
    call = session.request(request.method, request.url, params=dict(request.query), data=request.body, headers=headers)
    async with call as response:
        return json.loads(await response.read())


async def one_by_one(question: Question, platform: PlatformProcess, sample: int) -> tuple[float, int, bool]:
    """Seconds, requests, and whether they were scaled up from a sample."""
    async with gateway(platform) as (executor, _):
        await ask(executor, "{ account { models(first: 5000) { totalCount } jobs { totalCount } } }")
        models = await ids(executor, question)
    requests = [single(question, platform, one) for one in models]
    timed = requests[:: max(1, len(requests) // sample)][:sample]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_AT_ONCE)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(fetch(session, request) for request in timed))
        took = time.perf_counter() - began
    return took * len(requests) / len(timed), len(requests), len(timed) < len(requests)


async def ids(executor: GatewayExecutor, question: Question) -> list[tuple[str, str]]:
    """(environment, unique id) of every model the question is about, or (job, "") of every job."""
    size = 50 if question.one_by_one == "listed history" else 5000
    text = (
        "{ account { projects { nodes { environmentId jobs { nodes { id } } "
        f"models(first: {size}) {{ nodes {{ uniqueId }} }} }} }} }} }}"
    )
    answer = await executor.execute(GraphQLParams(text, parse(text)), Caller())
    # Rows of lists are objects that only the encoder reads.
    projects = msgspec.json.decode(msgspec.json.encode(answer.data))["account"]["projects"]["nodes"]
    if question.one_by_one == "job":
        return [(job["id"], "") for project in projects for job in project["jobs"]["nodes"]]
    return [(one["environmentId"], model["uniqueId"]) for one in projects for model in one["models"]["nodes"]]


def single(question: Question, platform: PlatformProcess, key: tuple[str, str]) -> TransportRequest:
    """The request that asks about one thing."""
    if question.one_by_one == "job":
        query = {"job_definition_id": key[0], "order_by": "-id", "limit": "5"}
        return TransportRequest("GET", f"{platform.url}/api/v2/accounts/{platform.account_id}/runs/", query)
    field_text = (
        "models(first: 1, filter: { uniqueIds: [$u] }) { edges { node { uniqueId executionInfo { executionTime } } } }"
        if question.one_by_one == "model"
        else "modelHistoricalRuns(uniqueId: $u, lastRunCount: 7) { runId jobId status executionTime }"
    )
    text = f"query One($e: BigInt!, $u: String!) {{ environment(id: $e) {{ applied {{ {field_text} }} }} }}"
    body = json.dumps({"query": text, "variables": {"e": int(key[0]), "u": key[1]}}).encode()
    return TransportRequest("POST", f"{platform.url}/graphql", body=body)


async def report(platform: PlatformProcess, rounds: int, sample: int) -> None:
    """Measures every question and prints the table; medians of the rounds."""
    print(f"{'question':40} {'requests':>8} {'cold':>9} {'warm':>9} {'by hand':>9} {'one by one':>11} {'requests':>9}")
    for question in QUESTIONS:
        measured = [await measure(question, platform) for _ in range(rounds)]
        seconds, requests, scaled = await one_by_one(question, platform, sample)
        cold, warm, by_hand = (
            statistics.median(getattr(one, name) for one in measured) for name in ("cold", "warm", "by_hand")
        )
        mark = "~" if scaled else " "
        print(
            f"{question.name:40} {measured[0].requests:>8} {cold:>7.3f} s {warm:>7.3f} s {by_hand:>7.3f} s "
            f"{mark}{seconds:>8.2f} s {requests:>9}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="What the main questions cost, against asking by hand.")
    parser.add_argument("--store", help="SQL archive to serve; the embedded demo if left out")
    parser.add_argument("--rounds", type=int, default=3, help="times each question is asked cold (3)")
    parser.add_argument("--sample", type=int, default=200, help="one-by-one requests that are really timed (200)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        store = given.store or f"sqlite:///{directory}/runs.db"
        if not given.store:
            archive, _ = open_archive(Settings(), Path(directory))
            archive.close()
        with run_platform(store) as platform:
            asyncio.run(report(platform, given.rounds, given.sample))


if __name__ == "__main__":
    main()
