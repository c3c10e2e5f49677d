"""The server in front of the edge, over real sockets: slow and greedy clients, and how a gateway leaves."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import ConfigurationError
from gateway.http.server.context import ReceivingLimits, ServerContext
from gateway.http.server.draining import Draining
from gateway.http.server.http_protocol import GuardedProtocol
from gateway.http.server.server import PlainStartup, bind
from tests.sockets import listening

QUICK = ReceivingLimits(head_seconds=0.3, body_seconds=0.6, send_seconds=0.3, head_bytes=4096, headers=20)
BODY = b'{"query": "{ greeting }"}'
HEAD = (
    b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(BODY)
)


@asynccontextmanager
async def served(app: ASGIApp, limits: ReceivingLimits = QUICK) -> AsyncIterator[int]:
    """The application behind the guarded protocol; the port."""
    guarded = partial(GuardedProtocol, ServerContext(limits))
    config = uvicorn.Config(app, http=guarded, log_level="error", lifespan="off", timeout_keep_alive=60)
    async with listening(config) as port:
        yield port


async def converse(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Sends the parts with pauses between them, then reads until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"P",),
        (b"POST /graphql HTTP/1.1\r\n",),
        (HEAD[:-4],),
        (*[HEAD[index : index + 1] for index in range(20)],),
        (HEAD,),
        (HEAD + BODY[:-1],),
        (b"\r\n" * 5,),
    ],
    ids=["silent", "a letter", "a line", "half a head", "a drip", "no body", "half a body", "blank lines"],
)
async def test_a_client_that_does_not_finish_its_request_is_let_go(app: Starlette, parts: tuple[bytes, ...]) -> None:
    async with served(app) as port:
        answer = await converse(port, *parts, pause=0.05)
    assert answer == b""


@pytest.mark.slow
async def test_a_body_that_drips_on_after_the_answer_does_not_hold_the_connection(app: Starlette) -> None:
    head = HEAD.replace(b"application/json", b"text/plain").replace(str(len(BODY)).encode(), b"100000")
    async with served(app) as port:
        answer = await converse(port, head, *[b" "] * 30, pause=0.05)
    assert b" 415 " in answer or answer == b""


@pytest.mark.slow
async def test_a_request_in_time_is_answered_and_the_connection_kept(app: Starlette) -> None:
    async with served(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(HEAD[:30])
            await asyncio.sleep(0.05)
            writer.write(HEAD[30:] + BODY)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert b" 200 " in head
            await reader.readexactly(len(b'{"data":{"greeting":"hello world"}}'))
            # Longer than a head may take: an idle connection is not one that sends slowly.
            await asyncio.sleep(0.4)
        writer.close()


@pytest.mark.slow
async def test_the_next_request_on_a_connection_has_a_deadline_too(app: Starlette) -> None:
    async with served(app) as port:
        answer = await converse(port, HEAD + BODY, HEAD[:20], pause=0.1)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "filler", [b"X-Long: " + b"x" * 8000, b"\r\n".join(b"X-%d: y" % index for index in range(700))]
)
async def test_a_head_that_grows_too_large_is_refused_while_it_arrives(app: Starlette, filler: bytes) -> None:
    async with served(app) as port:
        answer = await converse(port, HEAD[:-2], filler[:5000])
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_too_many_headers_are_refused(app: Starlette) -> None:
    async with served(app) as port:
        many = b"".join(b"X-%d: y\r\n" % index for index in range(30))
        answer = await converse(port, HEAD[:-2] + many + b"Connection: close\r\n\r\n" + BODY)
        fine = await converse(port, HEAD[:-2] + b"Connection: close\r\n\r\n" + BODY)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"HEAD_TOO_LARGE" in answer
    assert fine.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 25\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 25\r\n",
        b"Content-Length: 25\r\nContent-Length: 26\r\n",
        b"Content-Length: +25\r\n",
        b"Content-Length: 25, 25\r\n",
        b"Content-Length: 0x19\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 2_5\r\n",
        b"Content-Length: -25\r\n",
        b"Content-Length: 25\r\nContent-Length: 25\r\n",
        b"Content-Length : 25\r\n",
        b"Content-Length: 99999999999999999999999999\r\n",
    ],
)
async def test_a_body_whose_length_is_ambiguous_is_not_read(app: Starlette, framing: bytes) -> None:
    head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + framing + b"\r\n"
    async with served(app) as port:
        answer = await converse(port, head + b"19\r\n" + BODY + b"\r\n0\r\n\r\n")
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert b"hello" not in answer


def chunked(chunks: bytes, version: bytes = b"1.1") -> bytes:
    head = HEAD.partition(b"Content-Length")[0].replace(b"HTTP/1.1", b"HTTP/" + version)
    return head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks


def with_line(line: bytes) -> bytes:
    return HEAD[:-2] + b"Connection: close\r\n" + line + b"\r\n\r\n" + BODY


LAST = b"\r\n0\r\n\r\n"
ODD_REQUESTS: dict[str, bytes] = {
    "chunk of a negative size": chunked(b"-1\r\n" + BODY + LAST),
    "chunk of a size with a sign": chunked(b"+19\r\n" + BODY + LAST),
    "chunk of a size with 0x": chunked(b"0x19\r\n" + BODY + LAST),
    "chunk of a size with a space": chunked(b"19 \r\n" + BODY + LAST),
    "chunk of a size beyond any number": chunked(b"F" * 17 + b"\r\n" + BODY + LAST),
    "chunk lines that end without CR": chunked(b"19\n" + BODY + b"\n0\n\n"),
    "chunk that does not end where it says": chunked(b"19\r\n" + BODY + b"XX0\r\n\r\n"),
    "chunk of nothing, and a request behind it": chunked(b"0\r\n\r\n" + HEAD + BODY),
    "chunks in HTTP/1.0": chunked(b"19\r\n" + BODY + LAST, b"1.0"),
    "HTTP/2.0 in a line of HTTP/1": HEAD.replace(b"HTTP/1.1", b"HTTP/2.0") + BODY,
    "HTTP/1.10": HEAD.replace(b"HTTP/1.1", b"HTTP/1.10") + BODY,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "method in small letters": HEAD.replace(b"POST", b"post") + BODY,
    "method with an odd letter": HEAD.replace(b"POST", b"P@ST") + BODY,
    "method of 5,000 letters": HEAD.replace(b"POST", b"P" * 5000) + BODY,
    "CONNECT": b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "TRACE": b"TRACE /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: hello\r\n\r\n",
    "lines without CR": HEAD.replace(b"\r\n", b"\n") + BODY,
    "header with a bare CR": with_line(b"X-A: a\rX-B: b"),
    "header with NUL": with_line(b"X-A: a\x00b"),
    "header that is folded": with_line(b"X-A: a\r\n b"),
    "header with a space in its name": with_line(b"X A: a"),
    "header without a colon": with_line(b"XA"),
    "header without a name": with_line(b": a"),
    "media type twice": with_line(b"Content-Type: text/plain"),
    "path with raw bytes": HEAD.replace(b"/graphql", b"/graphql\xc3\xa9") + BODY,
    **{
        f"path {path.decode()}": HEAD[:-2].replace(b"/graphql", path) + b"Connection: close\r\n\r\n" + BODY
        for path in (
            *(
                b"//graphql",
                b"/graphql%00",
                b"/./graphql",
                b"/x/../graphql",
                b"/graphql;a=b",
                b"/GraphQL",
            ),
            *(
                b"/graphql%c0%af",
                b"/graphql/%2f",
                b"/graphql//",
                b"/%zz%1",
                b"*",
                b"/explorer/..%2f..%2fetc/passwd",
                b"/" + b"a" * 3000,
            ),
        )
    },
}


@pytest.mark.parametrize("name", ODD_REQUESTS, ids=lambda name: name[:40])
async def test_an_odd_request_is_refused_once_and_nothing_behind_it_is_answered(app: Starlette, name: str) -> None:
    async with served(app) as port:
        answer = await converse(port, ODD_REQUESTS[name])
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"hello" not in answer


@pytest.mark.slow
async def test_a_client_that_does_not_read_is_let_go() -> None:
    finished = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(100_000):
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                if (await asyncio.wait_for(_next(receive), 0.001)) == "http.disconnect":
                    break
        finally:
            finished.set()

    async with served(endless) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await asyncio.wait_for(finished.wait(), 20)
        writer.close()


async def _next(receive: Receive) -> str:
    try:
        async with asyncio.timeout(0.0005):
            return str((await receive())["type"])
    except TimeoutError:
        return ""


def test_a_bound_socket_listens_before_anybody_accepts() -> None:
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        with pytest.raises(ConfigurationError, match=f"Port {port} on 127.0.0.1 is in use"):
            bind("127.0.0.1", port)


async def test_answers_are_not_held_back_by_the_kernel() -> None:
    """asyncio sees to that for sockets of which it knows that they are TCP; libuv for all."""
    held_back: list[bool] = []

    def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        of_the_connection = writer.get_extra_info("socket")
        held_back.append(not of_the_connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    bound = bind("127.0.0.1", 0)
    async with await asyncio.start_server(serve, sock=bound):
        reader, writer = await asyncio.open_connection(*bound.getsockname())
        assert await reader.read() == b""
        writer.close()
    assert held_back == [False]


@pytest.mark.parametrize("host", ["nowhere.invalid", "", "300.1.1.1", "a" * 300])
def test_an_impossible_host_is_a_configuration_error(host: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an address"):
        bind(host, 0)


class Lifespan:
    """Drives an application's lifespan by hand and notes what it says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self.said: list[Message] = []

    async def start(self) -> None:
        self._running = asyncio.create_task(self._app({"type": "lifespan"}, self._to_app.get, self._note))
        await self._to_app.put({"type": "lifespan.startup"})
        while not self.said and not self._running.done():
            await asyncio.sleep(0)

    async def stop(self) -> None:
        await self._to_app.put({"type": "lifespan.shutdown"})
        await self._running

    async def _note(self, message: Message) -> None:
        self.said.append(message)


async def test_a_start_that_fails_for_a_known_reason_is_one_line() -> None:
    @asynccontextmanager
    async def failing(_app: Starlette) -> AsyncIterator[None]:
        raise ConfigurationError("The archive is empty.")
        yield

    lifespan = Lifespan(PlainStartup(Starlette(lifespan=failing)))
    await lifespan.start()
    assert lifespan.said == [{"type": "lifespan.startup.failed", "message": "error: The archive is empty."}]


@pytest.mark.slow
async def test_a_leaving_gateway_serves_on_says_no_when_asked_and_closes_connections(app: Starlette) -> None:
    left = asyncio.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: left.set())
    try:
        draining = Draining(app, 0.5)
        lifespan = Lifespan(draining)
        await lifespan.start()
        transport = httpx2.ASGITransport(app=draining)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get("/readyz")).status_code == 200
            signal.raise_signal(signal.SIGTERM)
            refused = await client.get("/readyz")
            assert (refused.status_code, refused.json()) == (503, {"status": "draining"})
            served_on = await client.post("/graphql", json={"query": "{ greeting }"})
            assert (served_on.status_code, served_on.headers["connection"]) == (200, "close")
            assert (await client.get("/livez")).status_code == 200
            assert not left.is_set()
            await asyncio.wait_for(left.wait(), 10)
        await lifespan.stop()
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_a_second_signal_ends_the_waiting(app: Starlette) -> None:
    left = asyncio.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: left.set())
    try:
        lifespan = Lifespan(Draining(app, 3600))
        await lifespan.start()
        signal.raise_signal(signal.SIGTERM)
        assert not left.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert left.is_set()
        await lifespan.stop()
    finally:
        signal.signal(signal.SIGTERM, before)
