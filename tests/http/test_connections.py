"""What arrives on a connection: handshakes nobody can read, trailers, very much at once, and who holds the places."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import uvicorn
import websockets
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.server.connections import ConnectionLimiter, forwarded_address
from gateway.http.server.context import ReceivingLimits, ServerContext
from gateway.http.server.http_protocol import GuardedProtocol
from gateway.http.server.slices import SLICE_BYTES, TURN_EVENTS, TURNS_AT_ONCE
from gateway.http.server.websocket import FRAGMENTS, GuardedSocket
from tests.sockets import listening

QUICK = ReceivingLimits(head_seconds=0.3, body_seconds=0.6, send_seconds=0.3, head_bytes=16 * 1024, headers=20)
LASTING = ReceivingLimits()
GET = b"GET /seen HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"POST /seen HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
OPENING = (
    b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
EMPTY_PING, EMPTY_PONG, EMPTY_PART = (bytes([first, 0x80, 0, 0, 0, 0]) for first in (0x89, 0x8A, 0x00))


class Seeing:
    """An application that answers what it was asked, and counts; `scopes` are those of its requests."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []
        self.accepts = True
        self.heard: list[Any] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await self._talk(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _talk(self, receive: Receive, send: Send) -> None:
        await receive()
        if not self.accepts:
            self.heard.append(await receive())
            return
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            self.heard.append(message)
            if message["type"] == "websocket.disconnect":
                return


@asynccontextmanager
async def served(app: ASGIApp, limits: ReceivingLimits = LASTING) -> AsyncIterator[tuple[int, ServerContext]]:
    """The application behind the server's protocols: the port, and what its connections share."""
    context = ServerContext(limits)
    config = uvicorn.Config(
        app,
        http=partial(GuardedProtocol, context),  # type: ignore[arg-type]
        ws=partial(GuardedSocket, context),  # type: ignore[arg-type]
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,
        log_level="error",
        lifespan="off",
        proxy_headers=False,
        timeout_keep_alive=60,
    )
    async with listening(config) as port:
        yield port, context


async def ask(port: int, *parts: bytes, seconds: float = 20) -> bytes:
    """Sends the parts, and reads until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
        async with asyncio.timeout(seconds):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


# --- handshakes -------------------------------------------------------------------------------------------------------

UNREADABLE: dict[str, bytes] = {
    "a body": OPENING + b"Content-Length: 5\r\n\r\n",
    "a chunked body": OPENING + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "many headers": OPENING + b"".join(b"X-%d: 1\r\n" % number for number in range(130)) + b"\r\n",
    "a long header": OPENING + b"X-A: " + b"a" * 9000 + b"\r\n\r\n",
    "a long path": OPENING.replace(b"/graphql", b"/graphql" + b"a" * 9000) + b"\r\n",
    "another method": OPENING.replace(b"GET", b"POST") + b"\r\n",
    "HTTP/1.0": OPENING.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
    "no key": OPENING.replace(b"Sec-WebSocket-Key", b"X-Key") + b"\r\n",
    "a key that is none": OPENING.replace(b"AAAA==", b"==") + b"\r\n",
    "another version": OPENING.replace(b"13", b"12") + b"\r\n",
    "two hosts": OPENING + b"Host: elsewhere\r\n\r\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_handshake_that_cannot_be_read_is_refused_at_once(name: str) -> None:
    app = Seeing()
    async with served(app, replace(LASTING, head_bytes=16 * 1024)) as (port, context):
        answer = await ask(port, UNREADABLE[name])
        assert answer.startswith(b"HTTP/1.1 4")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert len(context.limiter) == 0
    assert app.scopes == []


@pytest.mark.slow
async def test_a_handshake_that_nobody_accepts_is_let_go() -> None:
    app = Seeing()
    app.accepts = False
    async with served(app, QUICK) as (port, context):
        assert await ask(port, OPENING + b"\r\n") == b""
        assert len(context.limiter) == 0


@pytest.mark.slow
async def test_half_a_handshake_is_let_go() -> None:
    async with served(Seeing(), QUICK) as (port, _):
        assert await ask(port, OPENING) == b""


async def test_frames_behind_the_handshake_wait_until_it_is_accepted() -> None:
    app = Seeing()
    async with served(app) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(OPENING + b"\r\n" + b"\x81\x82\x00\x00\x00\x00hi")
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(20):
            while not app.heard:
                await asyncio.sleep(0.001)
        writer.close()
    assert app.heard[0]["text"] == "hi"


@pytest.mark.slow
async def test_of_many_handshakes_a_few_begin_in_each_turn() -> None:
    app = Seeing()
    begun = [0]
    async with served(app) as (port, _):
        writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(100)]
        for writer in writers:
            writer.write(OPENING + b"\r\n")
        async with asyncio.timeout(20):
            while begun[-1] < len(writers):
                await asyncio.sleep(0)
                begun.append(len(app.scopes))
        for writer in writers:
            writer.close()
    steps = [after - before for before, after in itertools.pairwise(begun)]
    assert max(steps) <= TURNS_AT_ONCE


@pytest.mark.slow
@pytest.mark.parametrize("first", [OPENING + b"\r\n", OPENING[:58], OPENING[: OPENING.index(b"grade: web")]])
async def test_a_request_is_served_before_handshakes_that_came_earlier(first: bytes) -> None:
    """Each handshake takes as long as several requests, whether it came whole or in parts."""
    app = Seeing()
    rest = (OPENING + b"\r\n")[len(first) :]
    async with served(app) as (port, context):
        writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(100)]
        reader, asking = await asyncio.open_connection("127.0.0.1", port)
        for part in (first, rest):
            for writer in writers:
                writer.write(part)
            # So long nothing but a part of a head has come: all of it has been read.
            await asyncio.sleep(0.2 if rest and part is first else 0)
        asking.write(GET + b"\r\n")
        async with asyncio.timeout(20):
            while not any(scope["type"] == "http" for scope in app.scopes):
                await asyncio.sleep(0)
            sockets = sum(isinstance(connection, GuardedSocket) for connection in context.limiter.held())
            while len(app.scopes) <= len(writers):
                await asyncio.sleep(0)
        assert (await reader.read(100)).startswith(b"HTTP/1.1 200 ")
        for writer in (*writers, asking):
            writer.close()
    assert sockets <= 4 * TURNS_AT_ONCE


async def test_a_handshake_whose_client_has_left_begins_nothing() -> None:
    app = Seeing()
    async with served(app) as (port, context):
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(OPENING + b"\r\n")
            writer.transport.abort()
        assert (await ask(port, GET + b"Connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        async with asyncio.timeout(20):
            while len(context.limiter):
                await asyncio.sleep(0.001)


@pytest.mark.parametrize("upgrade", [b"h2c", b"foo", b"websocket2"])
async def test_another_upgrade_is_answered_as_if_not_asked_for_and_nothing_behind_it(upgrade: bytes) -> None:
    app = Seeing()
    offered = GET + b"Connection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n\r\n"
    async with served(app) as (port, _):
        answer = await ask(port, offered + GET + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert len(app.scopes) == answer.count(b"HTTP/1.1 ") == 1


# --- targets and hosts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("http://localhost/seen", "Host: localhost\r\n", 200),
        ("http://LOCALHOST:80/seen", "Host: localhost\r\n", 200),
        ("http://localhost:8000/seen", "Host: localhost:8000\r\n", 200),
        ("http://[::1]:8000/seen", "Host: [::1]:8000\r\n", 200),
        ("http://elsewhere/seen", "Host: localhost\r\n", 400),
        ("http://localhost:81/seen", "Host: localhost\r\n", 400),
        ("http://a@localhost/seen", "Host: localhost\r\n", 400),
        ("ftp://localhost/seen", "Host: localhost\r\n", 400),
        ("/seen", "", 400),
        ("/seen", "Host: localhost\r\nHost: localhost\r\n", 400),
        ("/seen", "Host: localhost\r\nhost: elsewhere\r\n", 400),
    ],
)
async def test_target_and_host_agree(target: str, host: str, status: int) -> None:
    app = Seeing()
    async with served(app) as (port, _):
        answer = await ask(port, f"GET {target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert [scope["path"] for scope in app.scopes] == (["/seen"] if status == 200 else [])


@pytest.mark.parametrize("line", [b"", b"Connection: keep-alive\r\n", b"Host: localhost\r\n"])
async def test_http_1_0_is_answered_once_and_closed(line: bytes) -> None:
    app = Seeing()
    request = b"GET /seen HTTP/1.0\r\n" + line + b"\r\n"
    async with served(app) as (port, _):
        answer = await ask(port, request + request)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert len(app.scopes) == answer.count(b"HTTP/1.1 ") == 1


# --- trailers ---------------------------------------------------------------------------------------------------------


async def test_trailers_are_no_headers() -> None:
    app = Seeing()
    expected = {b"host": b"localhost", b"transfer-encoding": b"chunked"}
    trailers = b"X-API-Key: dbtgw_x\r\nHost: elsewhere\r\nX-Forwarded-For: 10.0.0.1\r\n"
    async with served(app) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(CHUNKED + b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n")
            assert b" 200 " in await reader.readuntil(b"ok")
        writer.close()
    assert [dict(scope["headers"]) for scope in app.scopes] == [expected] * 2
    assert app.bodies == [b"{}"] * 2


@pytest.mark.parametrize(
    "endless",
    [b"x: " + b"a" * 20_000, b"x: a\r\n" * 3_000, b"x" * 20_000],
    ids=["long value", "many", "long name"],
)
@pytest.mark.parametrize("start", [b"2\r\n{}\r\n0\r\n", b"2;"], ids=["trailer", "extension"])
async def test_what_is_no_body_is_bounded_within_a_body(start: bytes, endless: bytes) -> None:
    async with served(Seeing()) as (port, context):
        answer = await ask(port, CHUNKED + start, endless)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
        assert len(context.limiter) == 0


async def test_small_trailers_and_small_chunks_are_taken() -> None:
    app = Seeing()
    async with served(app) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED + b"1;a=b\r\nx\r\n" * 10_000 + b"0\r\n" + b"x: " + b"a" * 7000 + b"\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"ok")
        writer.close()
    assert app.bodies == [b"x" * 10_000]


# --- much at once -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_pipelined_requests_are_all_answered_in_their_order_and_parsed_a_slice_at_a_time() -> None:
    app = Seeing()
    waiting: list[int] = []

    async def watching(scope: Scope, receive: Receive, send: Send) -> None:
        waiting.append(max(len(one.pipeline) for one in server_state()))
        await app(scope, receive, send)

    async with served(watching) as (port, context):

        def server_state() -> list[Any]:
            return [one for one in context.limiter.held() if isinstance(one, GuardedProtocol)]

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        requests = [b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3_000)]
        writer.write(b"".join(requests))
        for _ in requests:
            await reader.readuntil(b"ok")
        writer.close()
    assert [scope["path"] for scope in app.scopes] == [f"/{number}" for number in range(3_000)]
    assert max(waiting) <= SLICE_BYTES // min(map(len, requests)) + 1


async def test_a_neighbour_is_answered_between_the_requests_of_a_pipeline() -> None:
    app = Seeing()
    async with served(app) as (port, _):
        _, attacker = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        attacker.write(b"GET /many HTTP/1.1\r\nHost: a\r\n\r\n" * 5_000)
        while not app.scopes:
            await asyncio.sleep(0)
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"ok")
        before = next(number for number, scope in enumerate(app.scopes) if scope["path"] == "/seen")
        attacker.close()
        writer.close()
    assert before < 500


@pytest.mark.slow
@pytest.mark.parametrize("frame", [EMPTY_PING, EMPTY_PONG], ids=["pings", "pongs"])
async def test_a_neighbour_is_answered_between_the_frames_of_one_read(
    frame: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled = 0
    handle = GuardedSocket._handle_frame

    def counting(self: GuardedSocket, one: Any) -> None:
        nonlocal handled
        handled += 1
        handle(self, one)

    monkeypatch.setattr(GuardedSocket, "_handle_frame", counting)
    app = Seeing()
    async with served(app) as (port, _):
        reader, attacker = await asyncio.open_connection("127.0.0.1", port)
        attacker.write(OPENING + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        sending = asyncio.create_task(_send_all(attacker, frame * 43_000))
        while not handled:
            await asyncio.sleep(0)
        turns = [handled]
        for _ in range(10):
            answer = await ask(port, GET + b"Connection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 ")
            turns.append(handled)
        sending.cancel()
        attacker.close()
    assert turns[-1] - turns[0] < 10 * 5_000
    assert turns[0] <= TURN_EVENTS + SLICE_BYTES // len(frame)


async def _send_all(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def test_a_message_has_a_bounded_number_of_fragments() -> None:
    app = Seeing()
    async with served(app) as (port, _):
        answer = await ask(port, OPENING + b"\r\n", b"\x01\x80\0\0\0\0" + EMPTY_PART * FRAGMENTS)
    assert answer.endswith(b"\x88\x02" + (1009).to_bytes(2, "big"))
    assert [one["type"] for one in app.heard] == ["websocket.disconnect"]


async def test_text_that_is_none_closes_the_socket_without_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    app = Seeing()
    async with served(app) as (port, _):
        answer = await ask(port, OPENING + b"\r\n", b"\x81\x81\0\0\0\0\xff")
        bad_frame = await ask(port, OPENING + b"\r\n", b"\x83\x81\0\0\0\0\xff")
        no_http = await ask(port, b"\x16\x03\x01\r\n\r\n")
    assert answer.endswith(b"\x88\x02" + (1007).to_bytes(2, "big"))
    assert b"\x88" in bad_frame
    assert no_http.startswith(b"HTTP/1.1 400 ")
    assert [one.getMessage() for one in caplog.records if one.levelname in ("WARNING", "ERROR")] == []


@pytest.mark.slow
async def test_pings_of_a_client_that_does_not_read_are_not_read_on() -> None:
    app = Seeing()
    ping = b"\x89\xfd\0\0\0\0" + b"p" * 125
    async with served(app, replace(LASTING, send_seconds=60)) as (port, context):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(OPENING + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        socket = next(iter(context.limiter.held()))
        # What both kernels and our own end may keep, and then some.
        sent = 0
        for _ in range(4_000):
            writer.write(ping * 100)
            sent += 100 * len(ping)
            try:
                async with asyncio.timeout(0.5):
                    await writer.drain()
            except TimeoutError:
                break
        else:
            pytest.fail("all was read")
        transport: Any = socket.transport
        assert transport.get_write_buffer_size() < 512 * 1024
        writer.transport.abort()


@pytest.mark.slow
async def test_a_client_that_reads_again_is_answered_on() -> None:
    ping = b"\x89\xfd\0\0\0\0" + b"p" * 125
    async with served(Seeing()) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(OPENING + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        sending = asyncio.create_task(_send_all(writer, ping * 50_000))
        await asyncio.sleep(0.2)
        for _ in range(50_000):
            assert (await reader.readexactly(127))[:2] == b"\x8a\x7d"
        await sending
        writer.close()


@pytest.mark.slow
async def test_empty_lines_hold_no_connection() -> None:
    async with served(Seeing(), QUICK) as (port, context):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"ok")
        async with asyncio.timeout(20):
            while len(context.limiter):
                writer.write(b"\r\n")
                await asyncio.sleep(0.05)
        writer.close()


# --- places -----------------------------------------------------------------------------------------------------------


async def asked_on(port: int, path: bytes = b"/seen") -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """A request on a new connection, which is kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
    return head, reader, writer


@pytest.mark.parametrize("bound", ["connections", "address_connections"])
async def test_connections_that_ask_nothing_make_room(bound: str) -> None:
    async with served(Seeing(), replace(LASTING, **{bound: 5})) as (port, context):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        for _ in range(3):
            head, _, writer = await asked_on(port)
            assert head.startswith(b"HTTP/1.1 200 ")
            writer.close()
        assert len(context.limiter) <= 5
        for _, writer in silent:
            writer.close()


async def test_sockets_that_were_closed_and_say_no_goodbye_make_room() -> None:
    async def closing(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await Seeing()(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4408})
        await receive()

    async with served(closing, replace(LASTING, address_connections=3)) as (port, _):
        deaf = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for reader, writer in deaf:
            writer.write(OPENING + b"\r\n")
            await reader.readuntil(b"\x11\x38")
        head, _, writer = await asked_on(port)
        assert head.startswith(b"HTTP/1.1 200 ")
        for _, one in [*deaf, (None, writer)]:
            one.close()


async def test_connections_that_are_in_use_do_not() -> None:
    port_bound = 3
    async with served(Seeing(), replace(LASTING, address_connections=port_bound)) as (port, _):
        kept = [await asked_on(port) for _ in range(port_bound)]
        head, reader, writer = await asked_on(port)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b'"OVERLOADED"' in await reader.read()
        writer.close()
        probe, probing, writer = await asked_on(port, b"/livez")
        assert probe.startswith(b"HTTP/1.1 200 ")
        assert await probing.read() == b"ok", "probes are answered, and hold no place"
        writer.close()
        handshake = await ask(port, OPENING + b"\r\n")
        assert handshake.startswith(b"HTTP/1.1 503 ")
        for _, _, writer in kept:
            writer.close()


async def test_addresses_of_trusted_proxies_are_not_bounded_and_believed() -> None:
    app = Seeing()
    proxies = (ipaddress.ip_network("127.0.0.0/8"),)
    async with served(app, replace(LASTING, address_connections=2, proxies=proxies)) as (port, _):
        kept = [await asked_on(port) for _ in range(10)]
        assert all(head.startswith(b"HTTP/1.1 200 ") for head, _, _ in kept)
        await ask(port, GET + b"X-Forwarded-For: 192.0.2.1, 192.0.2.7, 127.0.0.9\r\nConnection: close\r\n\r\n")
        uri = f"ws://127.0.0.1:{port}/graphql"
        async with websockets.connect(uri, additional_headers={"X-Forwarded-For": "192.0.2.8"}, compression=None):
            pass
        for _, _, writer in kept:
            writer.close()
    assert [scope["client"][0] for scope in app.scopes][-3:] == ["127.0.0.1", "192.0.2.7", "192.0.2.8"]


async def test_who_is_no_trusted_proxy_is_not_believed() -> None:
    app = Seeing()
    async with served(app) as (port, _):
        await ask(port, GET + b"X-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n")
    assert app.scopes[0]["client"][0] == "127.0.0.1"


@pytest.mark.parametrize(
    ("values", "client"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
        (["198.51.100.1", "192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1, 10.0.0.1,10.9.9.9"], "192.0.2.1"),
        (["192.0.2.1:443"], "192.0.2.1"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["::ffff:10.0.0.1"], None),
        (["10.0.0.1"], None),
        (["192.0.2.1, nonsense"], None),
        ([""], None),
        ([], None),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy(values: list[str], client: str | None) -> None:
    networks = [ipaddress.ip_network("10.0.0.0/8")]
    assert forwarded_address([value.encode() for value in values], networks) == client


class Held:
    """A connection of a test; `idle_seconds` and `has_asked` are what it is told to be."""

    def __init__(self, idle_seconds: float | None, has_asked: bool = True) -> None:
        self.idle_seconds, self.has_asked, self.is_evicted = idle_seconds, has_asked, False

    def evict(self) -> None:
        self.is_evicted = True


def test_who_makes_room() -> None:
    limiter = ConnectionLimiter(4)
    busy, long_idle, idle, fresh = Held(None), Held(100), Held(30), Held(5)
    for one in (busy, idle, long_idle, fresh):
        assert limiter.admit(one, "192.0.2.1")
    newcomers = [Held(0, has_asked=False) for _ in range(5)]
    assert [limiter.admit(one, "192.0.2.2") for one in newcomers[:1]] == [True]
    assert [one.is_evicted for one in (busy, idle, long_idle, fresh)] == [False, False, True, False]
    assert limiter.admit(newcomers[1], "192.0.2.2")
    assert newcomers[0].is_evicted, "who has asked nothing goes before who is idle"
    newcomers[1].has_asked = True
    assert limiter.admit(newcomers[2], "192.0.2.2")
    assert idle.is_evicted
    newcomers[2].has_asked = True
    assert not limiter.admit(newcomers[3], "192.0.2.2"), "nobody has been idle for long"
    limiter.release(newcomers[3])
    assert len(limiter) == 4
