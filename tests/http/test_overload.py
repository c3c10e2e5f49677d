"""More is asked than can be answered: who is refused, how, and who is still let in."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from gateway.http.server.accept_loop import AcceptingLoop
from gateway.http.server.concurrency_limit import AdaptiveConcurrencyLimit, ConcurrencyPolicy, ConcurrencyWindow
from gateway.http.server.context import ReceivingLimits, ServerContext
from gateway.http.server.http_protocol import GuardedProtocol
from gateway.http.server.raw_hook import ARRIVED
from gateway.telemetry.request_record import RequestRecord
from tests.clock import Clock
from tests.sockets import listening

QUICK, LONG = 0.001, 1.0


def passed(window: ConcurrencyWindow, seconds: float, waited: float, in_flight: int, since: float = 0.0) -> float:
    """The window after so long with a request every 10 ms; the time then."""
    for number in range(round(seconds * 100)):
        window.note(waited, since + number / 100, in_flight)
    return since + seconds


def test_the_window_shrinks_while_requests_wait_and_grows_when_they_do_not() -> None:
    window = ConcurrencyWindow(ConcurrencyPolicy(200, 0.05), 0.0)
    now = passed(window, 5.0, QUICK, 100)
    assert window.size == 200
    now = passed(window, 0.3, LONG, 150, now)
    assert 16 < window.size <= 150 * 0.8
    now = passed(window, 30.0, LONG, 150, now)
    assert 16 <= window.size < 17, "so many may always run"
    now = passed(window, 1.0, QUICK, 16, now)
    assert 16 < window.size < 200
    passed(window, 10.0, QUICK, 16, now)
    assert window.size == 200


def test_after_a_pause_the_window_is_wide_again() -> None:
    window = ConcurrencyWindow(ConcurrencyPolicy(200, 0.05), 0.0)
    now = passed(window, 30.0, LONG, 150)
    window.note(QUICK, now + 60, 0)
    assert window.size == 200


def test_one_long_wait_among_short_ones_changes_nothing() -> None:
    window = ConcurrencyWindow(ConcurrencyPolicy(200, 0.05), 0.0)
    for number in range(1_000):
        window.note(0.2 if number % 20 == 0 else QUICK, number / 100, 100)
    assert window.size == 200


def test_the_window_is_never_wider_than_the_limit() -> None:
    window = ConcurrencyWindow(ConcurrencyPolicy(4, 0.05), 0.0)
    assert window.size == 4
    now = passed(window, 30.0, LONG, 4)
    assert window.size == 4
    passed(window, 30.0, QUICK, 0, now)
    assert window.size == 4


class Door:
    """An application behind its turns; `said` is what was sent, `seen` what was observed."""

    def __init__(self, in_flight: int) -> None:
        self.clock = Clock()
        self.in_flight = in_flight
        self.seen: list[RequestRecord] = []
        self.let_in = 0
        policy = ConcurrencyPolicy(200, 0.05)
        self._app = AdaptiveConcurrencyLimit(
            self._inside, policy, lambda: self.in_flight, [self.seen.append], self.clock
        )

    async def _inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.let_in += 1

    async def ask(self, path: str = "/graphql", **scope: Any) -> list[Any]:
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message)

        await self._app({"type": "http", "method": "POST", "path": path, "headers": [], **scope}, _nothing, send)
        return said


async def _nothing() -> Any:
    raise AssertionError("nothing is read of a request that is refused")


async def test_who_is_too_many_is_refused_with_a_code_and_counted() -> None:
    door = Door(in_flight=100)
    for _ in range(100):
        door.clock.now += 0.05
        said = await door.ask(**{ARRIVED: door.clock.now - 1.0})
    assert said[0]["status"] == 503
    assert dict(said[0]["headers"])[b"retry-after"] == b"1"
    assert b'"OVERLOADED"' in said[1]["body"]
    refused = 100 - door.let_in
    assert refused > 50
    assert [(one.status, list(one.codes)) for one in door.seen] == [(503, ["OVERLOADED"])] * refused
    let_in = door.let_in
    assert await door.ask("/livez", **{ARRIVED: 0.0}) == []
    assert await door.ask() == []
    door.in_flight = 3
    assert await door.ask(**{ARRIVED: door.clock.now - 1.0}) == []
    assert door.let_in == let_in + 3, "probes, what came another way, and the few that may always run"


def request(path: str = "/graphql") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def told_arrival(scope: Scope, receive: Receive, send: Send) -> None:
    body = b"yes" if ARRIVED in scope else b"no"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": body})


def guarded(limits: ReceivingLimits) -> uvicorn.Config:
    context = ServerContext(limits)

    def protocol(**given: Any) -> GuardedProtocol:
        return GuardedProtocol(context, **given)

    return uvicorn.Config(told_arrival, http=protocol, log_level="error", lifespan="off")  # type: ignore[arg-type]


async def answered(reader: asyncio.StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])
    return head + await reader.readexactly(length)


async def test_a_request_behind_another_on_its_connection_does_not_count_as_waiting() -> None:
    async with listening(guarded(ReceivingLimits())) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request() * 3)
        bodies = [(await answered(reader)).rpartition(b"\n")[2] for _ in range(3)]
        writer.write(request())
        bodies.append((await answered(reader)).rpartition(b"\n")[2])
        writer.close()
    assert bodies == [b"yes", b"no", b"no", b"yes"]


async def test_connections_beyond_the_limit_are_refused_and_the_others_go_on() -> None:
    async with listening(guarded(ReceivingLimits(connections=2))) as port:
        first = await asyncio.open_connection("127.0.0.1", port)
        second = await asyncio.open_connection("127.0.0.1", port)
        for reader, writer in (first, second):
            writer.write(request())
            assert b" 200 " in await answered(reader)
        for path, status in (("/graphql", b" 503 "), ("/livez", b" 200 "), ("/readyz", b" 200 ")):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request(path))
            answer = await answered(reader)
            assert status in answer
            if status == b" 503 ":
                assert b'"OVERLOADED"' in answer
                assert b"retry-after: 1" in answer
                assert await reader.read() == b"", "it is closed"
            writer.close()
        first[1].write(request())
        assert b" 200 " in await answered(first[0]), "who was there before is answered as ever"
        for _, writer in (first, second):
            writer.close()


@pytest.mark.parametrize(("loop", "turns"), [(uvloop.Loop, 40), (AcceptingLoop, 10)])
def test_a_busy_loop_takes_in_all_who_wait(loop: type[uvloop.Loop], turns: int) -> None:
    """Fifty wait at the door of a loop whose turns are long. libuv's own way is here to show what it is about."""
    with asyncio.Runner(loop_factory=loop) as runner:
        made = runner.run(_accepted_in(turns))
    assert (made == 50) == (loop is AcceptingLoop)


def test_who_is_there_already_has_turns_while_many_are_taken_in() -> None:
    async def accept_many() -> list[int]:
        made: list[Arrival] = []
        counts = [0]
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0), backlog=512) as bound:
            server = await loop.create_server(lambda: Arrival(made), sock=bound, backlog=512)
            waiting = [socket.create_connection(bound.getsockname()) for _ in range(300)]
            while len(made) < 300:
                time.sleep(0.006)  # noqa: ASYNC251  # a turn with something to do
                await asyncio.sleep(0)
                counts.append(len(made))
            server.close()
            for one in waiting:
                one.close()
        return counts

    with asyncio.Runner(loop_factory=AcceptingLoop) as runner:
        counts = runner.run(asyncio.wait_for(accept_many(), 20))
    assert max(after - before for before, after in itertools.pairwise(counts)) < 80


class Arrival(asyncio.Protocol):
    def __init__(self, made: list[Arrival]) -> None:
        self._made = made
        self.told = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made.append(self)

    def shutdown(self) -> None:
        self.told = True


async def _accepted_in(turns: int) -> int:
    made: list[Arrival] = []
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as bound:
        server = await loop.create_server(lambda: Arrival(made), sock=bound, backlog=128)
        waiting = [socket.create_connection(bound.getsockname()) for _ in range(50)]
        for _ in range(turns):
            time.sleep(0.01)  # noqa: ASYNC251  # a turn with much to do
            await asyncio.sleep(0)
        accepted = len(made)
        server.close()
        for one in waiting:
            one.close()
    return accepted


def test_who_waits_when_the_door_is_closed_is_taken_in_and_told() -> None:
    async def close_at_once() -> tuple[int, int]:
        made: list[Arrival] = []
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0), backlog=128) as bound:
            server = await loop.create_server(lambda: Arrival(made), sock=bound, backlog=128)
            waiting = [socket.create_connection(bound.getsockname()) for _ in range(20)]
            server.close()
            await server.wait_closed()
        async with asyncio.timeout(20):
            while sum(one.told for one in made) < 20:
                await asyncio.sleep(0.001)
        for one in waiting:
            one.close()
        return len(made), sum(one.told for one in made)

    with asyncio.Runner(loop_factory=AcceptingLoop) as runner:
        assert runner.run(close_at_once()) == (20, 20)
