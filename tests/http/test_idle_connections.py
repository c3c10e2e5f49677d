"""When a connection whose requests are answered before they are parsed counts as idle, by a clock that stands still."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState

from gateway.http.server.context import ReceivingLimits, ServerContext
from gateway.http.server.http_protocol import GuardedProtocol
from gateway.http.server.raw_hook import RawAnswer, RawHook

KEEP_ALIVE = 60
HEAD_SECONDS = ReceivingLimits().head_seconds


class Timer:
    def __init__(self, at: float, act: Callable[[], None]) -> None:
        self.at, self.act, self.is_due = at, act, True

    def cancel(self) -> None:
        self.is_due = False


class StoppedLoop(asyncio.AbstractEventLoop):
    """Time goes on only where a test says so."""

    now = 1000.0

    def __init__(self) -> None:
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., Any], *_: Any, **__: Any) -> Any:
        self.timers.append(Timer(self.now + delay, callback))
        return self.timers[-1]

    def wait(self, seconds: float) -> None:
        self.now += seconds
        due = [one for one in self.timers if one.at <= self.now]
        self.timers = [one for one in self.timers if one.at > self.now]
        for one in due:
            if one.is_due:
                one.act()


class Connection(asyncio.Transport):
    """The server's end of a connection; what is sent on it is counted."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__({"socket": end, "peername": ("127.0.0.1", 1)})
        self.sent = 0
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert bytes(data).endswith(b"content-length: 2\r\n\r\n{}")
        self.sent += 1

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close


@contextmanager
def connected() -> Iterator[tuple[StoppedLoop, GuardedProtocol, Connection, socket.socket]]:
    raw_hook = RawHook()
    raw_hook.open(lambda _peer, _request: RawAnswer(b"", 2, b"{", b"}"))

    loop = StoppedLoop()
    config = uvicorn.Config(Starlette(), lifespan="off", timeout_keep_alive=KEEP_ALIVE)
    client, server = socket.socketpair()
    with client, server:
        context = ServerContext(raw_hook=raw_hook)
        protocol = GuardedProtocol(context, config=config, server_state=ServerState(), app_state={}, _loop=loop)
        connection = Connection(server)
        protocol.connection_made(connection)
        yield loop, protocol, connection, client


def test_it_is_idle_from_its_last_answer_on() -> None:
    with connected() as (loop, protocol, connection, _):
        for answered in range(1, 6):
            protocol.data_received(b"again")
            assert connection.sent == answered
            loop.wait(KEEP_ALIVE * 0.75)
        assert not connection.is_closed
        loop.wait(KEEP_ALIVE * 0.2)
        assert not connection.is_closed
        loop.wait(KEEP_ALIVE * 0.1)
        assert connection.is_closed


def test_a_timer_is_not_set_for_each_answer() -> None:
    with connected() as (loop, protocol, connection, _):
        protocol.data_received(b"again")
        timers = len(loop.timers)
        for _ in range(100):
            protocol.data_received(b"again")
        assert (connection.sent, len(loop.timers)) == (101, timers)


def test_a_request_that_has_arrived_at_the_last_moment_is_answered_and_the_connection_kept() -> None:
    with connected() as (loop, protocol, connection, client):
        protocol.data_received(b"again")
        client.send(b"again")
        loop.wait(KEEP_ALIVE)
        assert not connection.is_closed
        protocol.data_received(connection.get_extra_info("socket").recv(100))
        loop.wait(KEEP_ALIVE * 0.9)
        assert (connection.sent, connection.is_closed) == (2, False)
        loop.wait(KEEP_ALIVE * 0.1)
        assert connection.is_closed


def test_nothing_is_done_to_a_connection_that_is_closed_already() -> None:
    with connected() as (loop, protocol, connection, _):
        protocol.data_received(b"again")
        connection.get_extra_info("socket").close()
        connection.close()
        loop.wait(KEEP_ALIVE)
        assert connection.is_closed


def test_a_first_request_that_came_while_the_process_stood_still_is_answered() -> None:
    with connected() as (loop, protocol, connection, client):
        client.send(b"first")
        loop.wait(HEAD_SECONDS * 10)
        assert not connection.is_closed
        protocol.data_received(connection.get_extra_info("socket").recv(100))
        loop.wait(KEEP_ALIVE * 0.9)
        assert (connection.sent, connection.is_closed) == (1, False)


def test_what_arrives_at_the_last_moment_gives_no_more_than_a_moment() -> None:
    with connected() as (loop, _, connection, client):
        client.send(b"P")
        for _ in range(3):
            loop.wait(HEAD_SECONDS)
        assert connection.is_closed
