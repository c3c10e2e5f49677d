"""The real application behind the real server in this process, with a tap on its upstream: for answers that go on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx2
import pytest
import uvicorn
import websockets
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection

from gateway.app import create_app
from gateway.http.server.context import ServerContext
from gateway.http.server.http_protocol import GuardedProtocol
from gateway.http.server.websocket import GuardedSocket
from gateway.services.bundle import Services
from gateway.settings import Settings
from tests.serving import UpstreamTap
from tests.sockets import listening

SECONDS = 60


@dataclass
class LiveGateway:
    """A gateway on a port of this machine."""

    app: Starlette
    upstream: UpstreamTap
    port: int
    leaving: asyncio.Event

    @property
    def services(self) -> Services:
        found: Services = self.app.state.services
        return found

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @asynccontextmanager
    async def connect(self, **options: Any) -> AsyncIterator[ClientConnection]:
        """A WebSocket that speaks the protocol; nothing has been said on it."""
        options.setdefault("subprotocols", ["graphql-transport-ws"])
        async with websockets.connect(self.url.replace("http", "ws"), compression=None, **options) as connection:
            yield connection

    @asynccontextmanager
    async def talk(self, **options: Any) -> AsyncIterator[ClientConnection]:
        """A WebSocket on which both sides have introduced themselves."""
        async with self.connect(**options) as connection:
            await say(connection, type="connection_init")
            assert (await hear(connection))["type"] == "connection_ack"
            yield connection


async def say(connection: ClientConnection, **message: Any) -> None:
    await connection.send(json.dumps(message))


async def subscribe(connection: ClientConnection, number: str, query: str, **variables: Any) -> None:
    await say(connection, type="subscribe", id=number, payload={"query": query, "variables": variables})


async def hear(connection: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(connection.recv(), SECONDS))


async def closed(connection: ClientConnection) -> int | None:
    """The code with which the server closes the connection."""
    try:
        while True:
            await asyncio.wait_for(connection.recv(), SECONDS)
    except websockets.ConnectionClosed:
        return connection.close_code


async def until(condition: Callable[[], bool]) -> None:
    """Waits for something that is about to become true."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def live(settings: Settings, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[LiveGateway]:
    """A gateway with cold caches, served over a socket; its facts grow old by the clock."""
    upstream = UpstreamTap()
    app = create_app(settings, wrap_platform=upstream.wrap, clock=clock)
    leaving = asyncio.Event()

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "leaving": leaving}, receive, send)

    context = ServerContext()
    config = uvicorn.Config(
        served,
        http=partial(GuardedProtocol, context),
        ws=partial(GuardedSocket, context),
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,
        log_level="error",
        lifespan="off",
    )
    async with app.router.lifespan_context(app), listening(config) as port:
        try:
            yield LiveGateway(app, upstream, port, leaving)
        finally:
            leaving.set()


@pytest.fixture
async def live_gateway(settings: Settings) -> AsyncIterator[LiveGateway]:
    """A gateway over the demo whose facts are believed for an hour: nothing changes unless a test says so."""
    async with live(settings.model_copy(update={"revision_interval": 3600.0})) as opened:
        yield opened


@pytest.fixture
async def http(live_gateway: LiveGateway) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=SECONDS) as client:
        yield client
