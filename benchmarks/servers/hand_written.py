"""What somebody would write by hand for one question each: aiohttp, msgspec, the calls that are needed, nothing else.

    python -m benchmarks.servers.hand_written PORT UPSTREAM_PORT

`/ranking` reads the runtimes of all models, environments side by side, the pages of each one after the other. `/page`
makes the very calls that the gateway makes for a page of models. `/one-by-one` asks for the histories of the models it
found one model after the other; `/fewest` asks for all of them at once, in as few rounds as there can be.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.objects import ACCOUNT_ID

_STATUSES = {"success": "SUCCESS", "error": "FAILURE"}
_FIELDS = """uniqueId name packageName tags materializedType
    executionInfo {
      lastRunId lastJobDefinitionId lastRunStatus lastRunError lastRunGeneratedAt
      lastSuccessRunId lastSuccessJobDefinitionId executionTime executeStartedAt executeCompletedAt
    }"""
_RUN_FIELDS = """uniqueId name packageName tags materializedType runId jobId environmentId status error
  executionTime executeStartedAt executeCompletedAt threadId invocationId runGeneratedAt runElapsedTime"""
_HEADERS = "query($e: BigInt!) { environment(id: $e) { dbtProjectName applied { lastUpdatedAt } } }"
_PAGE = (
    "query($e: BigInt!, $after: String) { environment(id: $e) { dbtProjectName applied { models(first: 500, "
    f"after: $after) {{ pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {_FIELDS} }} }} }} }} }} }}"
)

_RUNTIMES = (
    "query($e: BigInt!, $after: String) { environment(id: $e) { dbtProjectName applied { "
    "models(first: 500, after: $after) { pageInfo { hasNextPage endCursor } "
    "edges { node { name executionInfo { executionTime } } } } } } }"
)


class Info(msgspec.Struct, rename="camel"):
    execution_time: float | None = None
    execute_started_at: datetime | None = None
    last_run_status: str | None = None


class Node(msgspec.Struct, rename="camel"):
    unique_id: str
    name: str
    package_name: str
    materialized_type: str | None
    execution_info: Info


class Edge(msgspec.Struct):
    node: Node


class Models(msgspec.Struct):
    edges: list[Edge]


class Applied(msgspec.Struct):
    models: Models


class Environment(msgspec.Struct, rename="camel"):
    dbt_project_name: str
    applied: Applied


class Data(msgspec.Struct):
    environment: Environment


class Answer(msgspec.Struct):
    data: Data


class RuntimeInfo(msgspec.Struct, rename="camel"):
    execution_time: float


class RuntimeNode(msgspec.Struct, rename="camel"):
    name: str
    execution_info: RuntimeInfo


class RuntimeEdge(msgspec.Struct):
    node: RuntimeNode


class PageInfo(msgspec.Struct, rename="camel"):
    has_next_page: bool
    end_cursor: str | None


class Runtimes(msgspec.Struct, rename="camel"):
    page_info: PageInfo
    edges: list[RuntimeEdge]


class AppliedRuntimes(msgspec.Struct):
    models: Runtimes


class RuntimeEnvironment(msgspec.Struct, rename="camel"):
    dbt_project_name: str
    applied: AppliedRuntimes


class RuntimeData(msgspec.Struct):
    environment: RuntimeEnvironment


class RuntimeAnswer(msgspec.Struct):
    data: RuntimeData


class Run(msgspec.Struct, rename="camel"):
    run_id: int
    execution_time: float | None


class Histories(msgspec.Struct):
    applied: dict[str, list[Run]]


class HistoryData(msgspec.Struct):
    environment: Histories


class HistoryAnswer(msgspec.Struct):
    data: HistoryData


class Client:
    """The calls."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self._models = msgspec.json.Decoder(Answer)
        self._histories = msgspec.json.Decoder(HistoryAnswer)
        self._runtimes = msgspec.json.Decoder(RuntimeAnswer)

    async def environment(self) -> int:
        """The account's only environment."""
        return (await self.environments())[0]

    async def environments(self) -> list[int]:
        """The account's environments, by the three lists that the gateway reads side by side."""
        paths = ("v3/accounts/{}/projects/", "v3/accounts/{}/environments/", "v2/accounts/{}/jobs/")
        _, environments, _ = await asyncio.gather(*(self._get(path.format(ACCOUNT_ID)) for path in paths))
        return [int(one["id"]) for one in environments["data"]]

    async def header(self, environment: int) -> None:
        """What the gateway asks before it believes what it knows."""
        await self._post(_HEADERS, {"e": environment})

    async def page(self, environment: int) -> Environment:
        """The first page of models."""
        return self._models.decode(await self._post(_PAGE, {"e": environment, "after": None})).data.environment

    async def runtimes(self, environment: int) -> list[tuple[float, str]]:
        """The negative runtime and the id of every model."""
        found: list[tuple[float, str]] = []
        after, more = None, True
        while more:
            body = await self._post(_RUNTIMES, {"e": environment, "after": after})
            told = self._runtimes.decode(body).data.environment
            name, models = told.dbt_project_name, told.applied.models
            found += [(-one.node.execution_info.execution_time, f"{name}.{one.node.name}") for one in models.edges]
            after, more = models.page_info.end_cursor, models.page_info.has_next_page
        return found

    async def histories(self, environment: int, unique_ids: list[str]) -> list[list[Run]]:
        """The last twenty runs of each model, in one document."""
        names = [f"u{n}" for n in range(len(unique_ids))]
        aliases = (
            f"m{n}: modelHistoricalRuns(uniqueId: $u{n}, lastRunCount: 20) {{ ...H }}" for n in range(len(names))
        )
        declared = ", ".join(f"${name}: String!" for name in names)
        text = f"query($e: BigInt!, {declared}) {{ environment(id: $e) {{ applied {{ {' '.join(aliases)} }} }} }}"
        text += f" fragment H on ModelNode {{ {_RUN_FIELDS} }}"
        variables = {"e": environment, **dict(zip(names, unique_ids, strict=True))}
        found = self._histories.decode(await self._post(text, variables)).data.environment.applied
        return [found[f"m{n}"] for n in range(len(names))]

    async def _get(self, path: str) -> Any:
        async with self._session.get(f"{self._url}/api/{path}", params={"limit": "100", "offset": "0"}) as response:
            return msgspec.json.decode(await response.read())

    async def _post(self, query: str, variables: dict[str, Any]) -> bytes:
        body = msgspec.json.encode({"query": query, "variables": variables})
        headers = {"Content-Type": "application/json"}
        async with self._session.post(f"{self._url}/graphql", data=body, headers=headers) as response:
            return await response.read()


async def page(client: Client) -> Any:
    environment = await client.environment()
    _, found = await asyncio.gather(client.header(environment), client.page(environment))
    nodes = [_shown(found.dbt_project_name, edge.node) for edge in found.applied.models.edges]
    return {"account": {"models": {"nodes": sorted(nodes, key=lambda node: str(node["id"]))}}}


def _shown(project: str, node: Node) -> dict[str, object]:
    info = node.execution_info
    return {
        "id": f"{project}.{node.name}",
        "uniqueId": node.unique_id,
        "name": node.name,
        "packageName": node.package_name,
        "materialization": node.materialized_type,
        "runtime": info.execution_time,
        "startTime": info.execute_started_at.isoformat() if info.execute_started_at else None,
        "lastRunStatus": _STATUSES[info.last_run_status or "success"],
    }


async def ranking(client: Client) -> Any:
    found = await asyncio.gather(*map(client.runtimes, await client.environments()))
    slowest = heapq.nsmallest(5, itertools.chain.from_iterable(found))
    ranked = [{"rank": n, "runtime": -one, "model": {"id": model}} for n, (one, model) in enumerate(slowest, 1)]
    return {"account": {"slowestModels": ranked}}


async def one_by_one(client: Client) -> Any:
    environment = await client.environment()
    found = await client.page(environment)
    ids = [edge.node.unique_id for edge in found.applied.models.edges]
    return _runs(found, [(await client.histories(environment, [one]))[0] for one in ids])


async def fewest(client: Client) -> Any:
    environment = await client.environment()
    found = await client.page(environment)
    ids = [edge.node.unique_id for edge in found.applied.models.edges]
    return _runs(found, await client.histories(environment, ids))


def _runs(found: Environment, histories: list[list[Run]]) -> Any:
    nodes = [
        {"id": f"{found.dbt_project_name}.{edge.node.name}", "runs": {"nodes": [_run(run) for run in runs]}}
        for edge, runs in zip(found.applied.models.edges, histories, strict=True)
    ]
    return {"account": {"models": {"nodes": sorted(nodes, key=lambda node: str(node["id"]))}}}


def _run(run: Run) -> dict[str, object]:
    return {"runtime": run.execution_time}


def application(upstream_port: int) -> Starlette:
    clients: list[Client] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=20)) as session:
            clients.append(Client(session, f"http://127.0.0.1:{upstream_port}"))
            yield

    def answered(work: Callable[[Client], Awaitable[Any]]) -> Callable[[Request], Awaitable[Response]]:
        async def respond(_request: Request) -> Response:
            body = msgspec.json.encode({"data": await work(clients[0])})
            return Response(body, media_type="application/json")

        return respond

    routes = {"/ranking": ranking, "/page": page, "/one-by-one": one_by_one, "/fewest": fewest}
    return Starlette(
        routes=[Route(path, answered(work), methods=["POST"]) for path, work in routes.items()], lifespan=lifespan
    )


if __name__ == "__main__":
    uvicorn.run(application(int(sys.argv[2])), port=int(sys.argv[1]), access_log=False, log_level="warning")
