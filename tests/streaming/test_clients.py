"""The clients that front ends use, graphql-ws and graphql-sse, as processes of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.node import install_packages, node
from tests.oracle.account import Oracle
from tests.streaming.conftest import SECONDS, LiveGateway, until
from tests.streaming.test_socket import FINISHED, finished

pytestmark = pytest.mark.external

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def packages() -> None:
    """The clients of package-lock.json."""
    install_packages(HERE)


class Client:
    """A Node process that subscribes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def subscribe(self, query: str, **variables: Any) -> None:
        await self._write(json.dumps({"query": query, "variables": variables}))

    async def stop(self) -> None:
        await self._write("STOP")

    async def hear(self) -> Any:
        assert self._process.stdout
        line = await asyncio.wait_for(self._process.stdout.readline(), SECONDS)
        assert line, await self._process.stderr.read() if self._process.stderr else ""
        return json.loads(line)

    async def _write(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def client(kind: str, url: str) -> AsyncIterator[Client]:
    pipe = asyncio.subprocess.PIPE
    command = (str(node()), str(HERE / "clients.mjs"), kind, url)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield Client(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ws", "sse"])
async def test_a_client_is_sent_runs_and_the_end(
    packages: None, live_gateway: LiveGateway, oracle: Oracle, kind: str
) -> None:
    change, told = finished(oracle)
    async with client(kind, live_gateway.url) as node_client:
        await node_client.subscribe(FINISHED)
        await until(lambda: live_gateway.services.poller.listeners == 1)
        live_gateway.services.events.publish(change)
        heard = await node_client.hear()
        assert heard["next"]["data"]["runFinished"]["id"] == told["id"]
        live_gateway.leaving.set()
        ends = [await node_client.hear() for _ in range(2 if kind == "ws" else 1)]
        assert {"complete": True} in ends
        if kind == "ws":
            assert {"closed": 1001} in ends


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ws", "sse"])
async def test_a_client_asks_queries_and_is_told_of_errors(
    packages: None, live_gateway: LiveGateway, kind: str
) -> None:
    async with client(kind, live_gateway.url) as node_client:
        await node_client.subscribe("query ($id: ID!) { project(id: $id) { id } }", id="finance")
        assert (await node_client.hear())["next"]["data"] == {"project": {"id": "finance"}}
        assert await node_client.hear() == {"complete": True}
        await node_client.subscribe("subscription { nonsense }")
        heard = [await node_client.hear()]
        while "error" not in heard[-1]:
            heard.append(await node_client.hear())
        if kind == "ws":
            assert heard[-1]["error"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("kind", ["ws", "sse"])
async def test_a_client_that_is_disposed_of_frees_its_place(
    packages: None, live_gateway: LiveGateway, kind: str
) -> None:
    async with client(kind, live_gateway.url) as node_client:
        for _ in range(3):
            await node_client.subscribe(FINISHED)
        await until(lambda: live_gateway.services.poller.listeners == 3)
        await node_client.stop()
        await until(lambda: live_gateway.services.poller.listeners == 0)
