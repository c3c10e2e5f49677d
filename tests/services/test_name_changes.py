"""A name in DNS that points elsewhere is followed, though connections to the old address live; no call is lost."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import unused_port

from gateway.services.transport.aiohttp_transport import AiohttpTransport
from gateway.services.transport.connection_pool import ConnectionPool
from gateway.services.transport.http_transport import TransportLimits, TransportRequest
from tests.clock import Clock

OLD, NEW = "127.0.0.1", "127.0.0.2"


class Names(AbstractResolver):
    """A resolver for which every name is one address."""

    def __init__(self) -> None:
        self.address = OLD
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        return [ResolveResult(hostname=host, host=self.address, port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        return None


class Servers:
    """The same application on two addresses and one port: it says on which, and how many connections are open."""

    def __init__(self) -> None:
        self.port = unused_port()
        self.held = asyncio.Event()
        self.arrived = asyncio.Event()
        self.peers: set[object] = set()

    async def answer(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        self.peers.add(request.transport)
        if request.path == "/slow":
            self.arrived.set()
            await self.held.wait()
        return web.json_response(request.transport.get_extra_info("sockname")[0])

    @property
    def open(self) -> int:
        return sum(not peer.is_closing() for peer in self.peers if isinstance(peer, asyncio.Transport))


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    found = Servers()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", found.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        for address in (OLD, NEW):
            await web.TCPSite(runner, address, found.port).start()
        yield found


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    found = Names()
    monkeypatch.setattr("aiohttp.connector.DefaultResolver", lambda *_, **__: found)
    return found


async def asked(connections: ConnectionPool, url: str) -> str:
    async with connections.session() as session, session.get(url) as response:
        address: str = await response.json()
        return address


async def test_connections_are_replaced_after_some_time(names: Names) -> None:
    clock = Clock()
    async with servers() as found:
        connections = ConnectionPool(aiohttp.TCPConnector, 300.0, clock)
        url = f"http://dbt.example:{found.port}/"
        assert await asked(connections, url) == OLD
        names.address = NEW
        clock.now += 299.0
        assert await asked(connections, url) == OLD, "a connection is used again"
        assert len(found.peers) == 1
        clock.now += 2.0
        assert await asked(connections, url) == NEW
        await asyncio.sleep(0.05)
        assert found.open == 1, "the old one is closed"
        assert names.asked == 2
        await connections.close()


async def test_a_call_under_way_ends_where_it_began(names: Names) -> None:
    clock = Clock()
    async with servers() as found:
        connections = ConnectionPool(aiohttp.TCPConnector, 300.0, clock)
        url = f"http://dbt.example:{found.port}"
        slow = [asyncio.create_task(asked(connections, f"{url}/slow")) for _ in range(3)]
        await found.arrived.wait()
        names.address = NEW
        clock.now += 301.0
        assert await asked(connections, f"{url}/") == NEW
        found.held.set()
        assert await asyncio.gather(*slow) == [OLD] * 3
        await asyncio.sleep(0.05)
        assert found.open == 1
        await connections.close()


async def test_the_wire_to_dbt_follows_a_name(names: Names) -> None:
    async with servers() as found:
        transport = AiohttpTransport(None, TransportLimits(connection_seconds=0.0))
        request = TransportRequest("GET", f"http://dbt.example:{found.port}/")
        got = []
        for names.address in (OLD, NEW):
            got.append(json.loads((await transport.send(request)).body))
        assert got == [OLD, NEW]
        await transport.close()
    assert 60 <= TransportLimits().connection_seconds <= 600, "some minutes"
