"""Gateways whose upstream can be disturbed: the platform in process, and over HTTP with a service token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.archive.archive import Archive
from gateway.local_platform.app import create_platform
from gateway.settings import Settings
from tests.services.faults import TOKEN
from tests.serving import Gateway, UpstreamTap, serving

ACCOUNT = 70403103900042


@dataclass(frozen=True)
class ServedPlatform:
    """The platform on a socket, behind a tap, open to the token only."""

    url: str
    tap: UpstreamTap

    def settings(self, **others: object) -> Settings:
        return Settings(
            discovery_url=f"{self.url}/graphql",
            admin_url=self.url,
            account_id=ACCOUNT,
            service_token=TOKEN,
            **others,
        )


@pytest.fixture(scope="session")
async def platform_server(demo_store: str) -> AsyncIterator[ServedPlatform]:
    """One server for all tests: connections that a test leaves behind do not outlive it."""
    tap = UpstreamTap()
    archive = Archive.open(demo_store)
    transport = httpx2.ASGITransport(app=tap.wrap(create_platform(archive, token=TOKEN)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://platform") as client:

        async def forward(request: web.Request) -> web.Response:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
            body = await request.read()
            answer = await client.request(request.method, str(request.rel_url), headers=headers, content=body)
            kept = {name: answer.headers[name] for name in ("retry-after", "location") if name in answer.headers}
            return web.Response(body=answer.content, status=answer.status_code, headers=kept)

        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", forward)
        server = TestServer(app)
        await server.start_server()
        try:
            yield ServedPlatform(str(server.make_url("/")).rstrip("/"), tap)
        finally:
            await asyncio.sleep(0.1)  # a server closes only the connections it has accepted already
            await server.close()
            archive.close()


@asynccontextmanager
async def serving_over_http(platform: ServedPlatform, **others: object) -> AsyncIterator[Gateway]:
    platform.tap.calls.clear()
    async with serving(platform.settings(**others)) as opened:
        try:
            yield Gateway(opened.client, platform.tap)
        finally:
            platform.tap.fault = platform.tap.rewrite = None


@pytest.fixture
async def gateway_over_http(platform_server: ServedPlatform) -> AsyncIterator[Gateway]:
    """A gateway with cold caches that speaks to the platform as it would to dbt."""
    async with serving_over_http(platform_server) as opened:
        yield opened


@pytest.fixture(params=["in process", "over HTTP"])
async def disturbed(
    request: pytest.FixtureRequest, platform_server: ServedPlatform, demo_store: str
) -> AsyncIterator[Gateway]:
    """A gateway with cold caches, whose upstream's answers can be replaced, on either wire."""
    in_process = serving(Settings(store_url=demo_store))
    async with in_process if request.param == "in process" else serving_over_http(platform_server) as opened:
        yield opened


@pytest.fixture(params=["in process", "over HTTP"])
async def impatient(
    request: pytest.FixtureRequest, platform_server: ServedPlatform, demo_store: str
) -> AsyncIterator[Gateway]:
    """The same, waiting two seconds for each call and no longer."""
    in_process = serving(Settings(store_url=demo_store, upstream_seconds=2))
    over_http = serving_over_http(platform_server, upstream_seconds=2)
    async with in_process if request.param == "in process" else over_http as opened:
        yield opened
