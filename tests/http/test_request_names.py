"""Headers that name a request make no other request of it; whatever else differs is read, and answered for itself."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.http.server.request_names import unnamed
from gateway.settings import Settings
from tests.http.test_known_requests import PROJECTS, Opened, warm
from tests.http.test_response_cache import raw

NAMES = (
    *("X-Request-Id: 5f", "x-correlation-id: a b", "traceparent: 00-4bf92f3577b34da6-00f067aa0ba902b7-01", "b3: 1-2-1"),
    *("tracestate: a=1,b=2", "baggage: user=%20", "X-B3-TraceId: 1", "X-B3-SpanId:2", "X-Amzn-Trace-Id: Root=1-2"),
    *("X-Cloud-Trace-Context: 1/2;o=1", "x-datadog-trace-id: 7", "sentry-trace: 1-2", "uber-trace-id: 1:2:0:1"),
    *("CF-Ray: 8-TXL", "X-Request-Start: t=1", "X-Request-Id:", "X-Request-Id: \t "),
)
OTHERS = (
    *("X-Request-Idx: 1", "X-Other: 1", "X-B3: 1", "X-Request-Id : 1", "X-Request-Id", " X-Request-Id: 1"),
    *("X-Request-Id: 1\r\n folded", "X-Request-Id: 1\r\n\tfolded", "X-Request-Id: \x00", "X-Request-Id: \x7f"),
    *("X-Request-Id: \xe4", "X-Request-Id: 1\rX: 1", "X-Request-Id: 1\nX: 1", "X-Request-Id: 1\n", "\rX-Request-Id: 1"),
    *("Cache-Control: no-cache", "Origin: http://localhost", "X-API-Key: another", "Transfer-Encoding: chunked"),
    *("Content-Length: 3", "Content-Type: text/plain", "Connection: close", "Expect: 100-continue"),
    "\r\n".join(f"X-Request-Id: {number}" for number in range(9)),
)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_taken_out_wherever_they_stand(name: str) -> None:
    request = raw(PROJECTS, "Accept: application/json")
    start, *lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")
    for place in range(len(lines) + 1):
        head = [start, *lines[:place], name.encode(), *lines[place:]]
        assert unnamed(b"\r\n".join(head) + b"\r\n\r\n" + PROJECTS) == request


@pytest.mark.parametrize("other", OTHERS)
def test_nothing_else_is(other: str) -> None:
    request = raw(PROJECTS, other)
    assert unnamed(request) is request


def test_bodies_long_heads_and_parts_are_left_alone() -> None:
    body = b'{"query":"{ a }"}\r\n\r\nX-Request-Id: 1\r\nX-Request-Id: 2\r\n\r\n'
    assert unnamed(raw(body)) == raw(body)
    assert unnamed(raw(body, "X-Request-Id: 3")) == raw(body)
    long = raw(body, "X-Long: " + "a" * 9_000, "X-Request-Id: 3")
    assert unnamed(long) is long
    part = b"POST /graphql HTTP/1.1\r\nX-Request-Id: 1\r\n"
    assert unnamed(part) is part


async def told(port: int, request: bytes) -> tuple[bytes, Any]:
    """The status of the answer, and its data or the codes of its errors."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(20):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int((head + b"content-length: 0\r").partition(b"content-length: ")[2].partition(b"\r")[0])
            body = await reader.readexactly(length)
    except asyncio.IncompleteReadError as end:
        head, body = end.partial, b""
    finally:
        writer.close()
    answer = json.loads(body) if body.startswith(b"{") else {"data": body}
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    return head.partition(b"\r\n")[0], codes or answer.get("data")


@pytest.mark.slow
@pytest.mark.parametrize("kept_bytes", [0, 1_000_000])
async def test_whatever_comes_is_answered_as_if_nothing_had_come_before(demo_store: str, kept_bytes: int) -> None:
    settings = Settings(store_url=demo_store, open=True, response_cache_bytes=kept_bytes)
    opened, reading = Opened(settings), Opened(settings)
    # This one reads each request.
    reading.raw_hook.close()
    async with AsyncExitStack() as stack:
        ports = []
        for one in (opened, reading):
            connection = await stack.enter_async_context(one.connect())
            await warm(connection, raw(PROJECTS))
            ports.append(connection.writer.get_extra_info("peername")[1])
        assert opened.raw_hook.answer is not None
        assert opened.raw_hook.answer("127.0.0.1", raw(PROJECTS)) is not None
        for header in (*NAMES, *OTHERS):
            request = raw(PROJECTS, header)
            early = opened.raw_hook.answer("127.0.0.1", unnamed(request))
            assert (early is not None) == (header in NAMES), header
            assert await told(ports[0], request) == await told(ports[1], request), header
