"""What may come from dbt, or from the way to it, instead of an answer: each fault as a wire that brings it."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.local_platform.faults.fault_gate import FaultGate
from gateway.local_platform.faults.switches import Faults
from gateway.services.transport.aiohttp_transport import AiohttpTransport
from gateway.services.transport.http_transport import (
    AsgiTransport,
    HttpTransport,
    TransportLimits,
    TransportRequest,
    TransportResponse,
)
from tests.services.faults import ANSWERS, HTML, TOKEN, reply

LIMITS = TransportLimits(seconds=0.4, connections=20, response_bytes=2 * 1024 * 1024)

Bring = Callable[[ASGIApp], HttpTransport]


def answering(respond: Callable[[], Response]) -> Bring:
    """The same answer to everything."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond()(scope, receive, send)

    return lambda _: AsgiTransport(app, SecretStr(TOKEN), LIMITS)


def switched(**switches: float) -> Bring:
    """The platform's own misbehaviour."""
    on = Faults({name.replace("_", "-"): value for name, value in switches.items()})
    return lambda platform: AsgiTransport(FaultGate(platform, on), SecretStr(TOKEN), LIMITS)


def rewritten(rewrite: Callable[[str], str]) -> Bring:
    """The platform's answers with their text changed."""

    def bring(platform: ASGIApp) -> HttpTransport:
        inner = AsgiTransport(platform, SecretStr(TOKEN), TransportLimits())

        class Rewriting:
            async def send(self, request: TransportRequest) -> TransportResponse:
                answer = await inner.send(request)
                return replace(answer, body=rewrite(answer.body.decode()).encode("utf-8", "surrogatepass"))

            async def close(self) -> None:
                return None

        return Rewriting()

    return bring


@dataclass(frozen=True)
class Raw:
    """Bytes on a connection, however little they are HTTP. `hold`: the connection stays open after them."""

    sent: bytes = b""
    hold: bool = False
    reset: bool = False


class ElsewhereWire:
    """Speaks HTTP to another address than it was asked to."""

    def __init__(self, port: int) -> None:
        self._transport = AiohttpTransport(SecretStr(TOKEN), LIMITS)
        self._port = port

    async def send(self, request: TransportRequest) -> TransportResponse:
        path = urlsplit(request.url).path
        return await self._transport.send(replace(request, url=f"http://127.0.0.1:{self._port}{path}"))

    async def close(self) -> None:
        await self._transport.close()


@asynccontextmanager
async def raw_server(raw: Raw) -> AsyncIterator[int]:
    """Its port. It reads a request's head and answers with the bytes.

    asyncio's own server loses a connection that it has taken and not yet wrapped when it closes; this one has each in
    its hands from the beginning.
    """
    answering: dict[asyncio.Task[None], socket.socket] = {}
    loop = asyncio.get_running_loop()

    def accept() -> None:
        connection, _ = listening.accept()
        task = loop.create_task(_answer(raw, connection))
        answering[task] = connection
        task.add_done_callback(answering.pop)

    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        listening.setblocking(False)
        loop.add_reader(listening, accept)
        try:
            yield listening.getsockname()[1]
        finally:
            loop.remove_reader(listening)
            left = dict(answering)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            # One that was ended before it began has closed nothing.
            for connection in left.values():
                connection.close()


async def _answer(raw: Raw, connection: socket.socket) -> None:
    """Answers a request with the bytes, and leaves no end of the connection open."""
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        await reader.readuntil(b"\r\n\r\n")
        if raw.reset:
            return
        writer.write(raw.sent)
        await writer.drain()
        if raw.hold:
            await reader.read()
        writer.close()
        await writer.wait_closed()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        # Resets what is not closed yet; the loop closes it at its next turn.
        writer.transport.abort()
        await asyncio.sleep(0)


def _http(body: bytes, **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    length = [] if "Transfer_Encoding" in headers or "Content_Length" in headers else [f"Content-Length: {len(body)}"]
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *length, *lines, "", ""]).encode() + body


BOMB = gzip.compress(b" " * 8 * LIMITS.response_bytes, 6)

RAW: Mapping[str, Raw] = {
    "the connection is reset": Raw(reset=True),
    "the connection is closed": Raw(),
    "silence": Raw(hold=True),
    "no HTTP": Raw(b"hello\r\n\r\n"),
    "a broken status line": Raw(b"HTTP/9.9 abc\r\n\r\n"),
    "half a head": Raw(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "half a head, then silence": Raw(b"HTTP/1.1 200 OK\r\nContent-Ty", hold=True),
    "a head of a megabyte": Raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n{}"),
    "a body shorter than promised": Raw(_http(b'{"data"', Content_Length="500")),
    "a body that stops, then silence": Raw(_http(b'{"data"', Content_Length="500"), hold=True),
    "a broken chunk": Raw(_http(b"zz\r\n{}\r\n0\r\n\r\n", Transfer_Encoding="chunked")),
    "a chunk cut off": Raw(_http(b"50\r\n{}", Transfer_Encoding="chunked")),
    "a bomb of gzip": Raw(_http(BOMB, Content_Encoding="gzip")),
    "gzip that is none": Raw(_http(b"not gzip at all", Content_Encoding="gzip")),
    "a compression nobody knows": Raw(_http(b'{"data": {}}', Content_Encoding="rot13")),
}


def _doubled(text: str) -> str:
    body = json.loads(text)
    return text.replace('"data":', '"data": null, "data":', 1) if body.get("data") else text


def _deeper(text: str) -> str:
    return text.replace('"uniqueId":', '"uniqueId": "model.x.y", "uniqueId":', 1) if "uniqueId" in text else "{}"


async def _never() -> Response:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


def silent(_: ASGIApp) -> HttpTransport:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await (await _never())(scope, receive, send)

    return AsgiTransport(app, SecretStr(TOKEN), LIMITS)


FAULTS: Mapping[str, Bring] = {
    **{name: answering(respond) for name, (respond, _) in ANSWERS.items()},
    **{f"status {status}": answering(reply(status, HTML)) for status in (204, 307, 405, 409, 418, 422, 501, 502, 504)},
    "429 until a date": answering(reply(429, b"", Retry_After="Wed, 21 Oct 2099 07:28:00 GMT")),
    "503 with Retry-After": answering(reply(503, b"", Retry_After="30")),
    "no answer": silent,
    "an answer after the time": switched(latency=0.6),
    "an answer drop by drop": switched(slow_drip=0.1),
    "half an answer": switched(truncated=0),
    "numbers that are lists": switched(wrong_types=0),
    "the first part null": switched(partial_errors=0),
    "too complex": switched(complexity=1),
    "too large": switched(oversized=3_000_000),
    "401 of the platform": switched(unauthenticated=0),
    "200 without a token, of the platform": switched(unauthenticated_200=0),
    "a doubled key at the top": rewritten(_doubled),
    "a doubled key in a row": rewritten(_deeper),
    "text behind the answer": rewritten(lambda text: text + "x"),
    "two answers": rewritten(lambda text: text + text),
    "a byte order mark": rewritten(lambda text: "\ufeff" + text),
    "half a surrogate pair": rewritten(lambda text: text.replace(":", ':"\ud800",', 1)),
    "numbers without end": rewritten(lambda text: text.replace(":", ": 1e999, ", 1)),
}
