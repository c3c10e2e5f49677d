"""What can go wrong on the way to dbt: connections, bodies, redirects; and what the gateway sends there."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import brotli
import pytest
import zstandard
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from gateway.settings import Settings
from tests.chaos.faults import RAW, raw_server
from tests.services.faults import TOKEN
from tests.serving import serving

QUERY = '{ project(id: "finance") { id } job(id: "1") { id } }'
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def upstream(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await asyncio.sleep(0.1)  # a server closes only the connections it has accepted already
        await server.close()


def settings(url: str, **others: object) -> Settings:
    return Settings(discovery_url=f"{url}/graphql", admin_url=url, account_id=1, service_token=TOKEN, **others)


async def codes(handler: Handler, **others: object) -> dict[str, str]:
    async with upstream(handler) as url, serving(settings(url, **others)) as gateway:
        reply = await gateway.ask(QUERY)
        assert TOKEN not in reply.text
        assert reply.data == {"project": None, "job": None}
        return reply.codes


async def test_a_closed_port_is_unavailable() -> None:
    async with serving(settings(f"http://127.0.0.1:{unused_port()}")) as gateway:
        reply = await gateway.ask(QUERY)
    assert reply.codes == dict.fromkeys(["project", "job"], "UPSTREAM_UNAVAILABLE")


async def test_a_name_that_is_no_host_is_unavailable() -> None:
    async with serving(settings("https://dbt.invalid")) as gateway:
        reply = await gateway.ask(QUERY)
    assert reply.codes == dict.fromkeys(["project", "job"], "UPSTREAM_UNAVAILABLE")


async def test_a_connection_cut_before_the_answer_is_unavailable() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    assert await codes(cut) == dict.fromkeys(["project", "job"], "UPSTREAM_UNAVAILABLE")


async def test_a_body_shorter_than_promised_is_unavailable() -> None:
    async def short(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"data": [')
        assert request.transport is not None
        request.transport.close()
        return response

    assert await codes(short) == dict.fromkeys(["project", "job"], "UPSTREAM_UNAVAILABLE")


@pytest.mark.parametrize(
    "what", ["no HTTP", "a broken status line", "a head of a megabyte", "a broken chunk", "gzip that is none"]
)
async def test_what_is_no_http_is_no_answer_and_not_asked_for_again(what: str) -> None:
    async with raw_server(RAW[what]) as port, serving(settings(f"http://127.0.0.1:{port}")) as gateway:
        reply = await gateway.ask('{ job(id: "1") { id } }')
    assert reply.codes == {"job": "UPSTREAM_INVALID_RESPONSE"}
    assert reply.gateway["upstreamRequests"] == 1


@pytest.mark.slow
async def test_a_body_that_comes_drop_by_drop_ends_with_the_deadline() -> None:
    async def drops(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport is not None and not request.transport.is_closing():
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    assert await codes(drops, upstream_seconds=0.5) == dict.fromkeys(["project", "job"], "UPSTREAM_TIMEOUT")
    assert await codes(drops, request_seconds=0.5) == dict.fromkeys(["project", "job"], "UPSTREAM_TIMEOUT")


LARGE = b" " * 100_000
PACKED = {
    "identity": LARGE,
    "gzip": gzip.compress(LARGE),
    "deflate": zlib.compress(LARGE),
    "br": brotli.compress(LARGE),
    "zstd": zstandard.compress(LARGE),
}


@pytest.mark.parametrize("encoding", PACKED)
async def test_a_body_over_the_cap_is_refused_however_it_is_packed(encoding: str) -> None:
    async def large(request: web.Request) -> web.StreamResponse:
        return web.Response(body=PACKED[encoding], headers={"Content-Encoding": encoding})

    found = await codes(large, upstream_response_bytes=10_000)
    assert found == dict.fromkeys(["project", "job"], "UPSTREAM_INVALID_RESPONSE")


async def test_a_redirect_is_not_followed_and_takes_no_token_along() -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    assert await codes(elsewhere) == dict.fromkeys(["project", "job"], "UPSTREAM_INVALID_RESPONSE")
    assert "/elsewhere" not in seen


async def test_the_token_goes_into_the_authorization_header_only_and_cookies_are_not_kept() -> None:
    seen: list[web.Request] = []

    async def note(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.Response(status=403, headers={"Set-Cookie": "session=1; Path=/"})

    async with upstream(note) as url, serving(settings(url)) as gateway:
        for _ in range(2):
            assert set((await gateway.ask(QUERY)).codes.values()) == {"UPSTREAM_FORBIDDEN"}
    assert seen
    for request in seen:
        assert request.headers["Authorization"] == f"Token {TOKEN}"
        assert "Cookie" not in request.headers
        assert TOKEN not in request.path_qs
        others = {name: value for name, value in request.headers.items() if name != "Authorization"}
        assert TOKEN not in str(others)


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_port()}")

    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=403)

    assert await codes(refuse) == dict.fromkeys(["project", "job"], "UPSTREAM_FORBIDDEN")


async def test_connections_are_kept_for_the_next_calls_and_never_too_many() -> None:
    """Ten details at once, which are never kept, over two connections."""
    under_way = most = 0
    peers = set()

    async def refuse_late(request: web.Request) -> web.StreamResponse:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        await asyncio.sleep(0.01)
        under_way -= 1
        return web.Response(status=404)

    query = "{" + " ".join(f'r{number}: run(id: "{number}") {{ id }}' for number in range(10)) + "}"
    async with upstream(refuse_late) as url, serving(settings(url, upstream_connections=2)) as gateway:
        for _ in range(3):
            assert set((await gateway.ask(query)).codes.values()) == {"NOT_FOUND"}
    assert most == 2
    assert len(peers) == 2
