"""Asks a gateway for five times what it can answer, and counts what is still answered in time.

    python -m benchmarks.overload [FACTOR] [SECONDS]

First clients that wait for each answer find out the capacity; then requests come at FACTOR times that rate, whether or
not those before have been answered, over as many connections as that takes. Everything runs on the loopback. Figures
are also told per second of the gateway's CPU, as the machine may have other work.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import uvloop

from benchmarks.processes import LOAD_CORE, Program, Running, pin, running

# What a caller waits for, in seconds: an answer that comes later is of no use to him.
PATIENCE = 5.0
CLIENTS = 16
MOST_CONNECTIONS = 950
QUESTION = """{ account { models(first: 100) { nodes { id name runtime lastRunStatus tags
  project { name } jobs { nodes { id name } } } } } }"""
GATEWAY = Program(
    (sys.executable, "-m", "gateway", "serve", "--port", "{port}"),
    # Nobody reads what it logs.
    {"GATEWAY_RESPONSE_CACHE_BYTES": "0", "GATEWAY_SLOW_SECONDS": "3600"},
)


@dataclass
class Tally:
    """What became of the requests of one phase; seconds of answers with data, by when they were due."""

    seconds: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    cpu: float = 0.0
    took: float = 0.0

    @property
    def in_time(self) -> int:
        return sum(one <= PATIENCE for one in self.seconds)

    def show(self, name: str) -> None:
        took = sorted(self.seconds) or [0.0]
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        print(
            f"{name}: {self.sent / self.took:,.0f} asked/s, {self.in_time / self.took:,.0f} answered/s within "
            f"{PATIENCE:g} s ({self.in_time / self.cpu:,.0f} per CPU second), p50 {p50 * 1000:,.0f} ms, "
            f"p99 {p99 * 1000:,.0f} ms; {dict(self.others)}"
        )


class Connection(asyncio.Protocol):
    """A keep-alive connection with one request at a time; answers have a Content-Length."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answered: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything else
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # of TCP

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionResetError(str(exc)))

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._answered is None:
            return
        head = bytes(self._buffer[:end]).lower()
        whole = end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r")[0] or 0)
        if len(self._buffer) < whole:
            return
        body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        self.is_open = b"connection: close" not in head
        if not self._answered.done():
            self._answered.set_result((int(head[9:12]), body))


class Callers:
    """Sends requests over idle connections, or new ones."""

    def __init__(self, port: int, tally: Tally) -> None:
        body = json.dumps({"query": QUESTION}).encode()
        head = f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        self._request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self._port = port
        self._idle: list[Connection] = []
        self._open = 0
        self._tally = tally
        self._length: int | None = None

    async def ask(self, due: float) -> None:
        """One request that was due at a moment of the loop's clock, and what became of it."""
        loop, tally = asyncio.get_running_loop(), self._tally
        tally.sent += 1
        try:
            connection = await self._connection()
        except OSError as refused:
            tally.others[f"no connection ({refused.strerror})"] += 1
            return
        if connection is None:
            tally.others["no connection left"] += 1
            return
        try:
            async with asyncio.timeout(PATIENCE * 4):
                status, body = await connection.ask(self._request)
        except (TimeoutError, ConnectionResetError) as problem:
            tally.others[type(problem).__name__] += 1
            connection.transport.abort()
            self._open -= 1
            return
        self._note(status, body, loop.time() - due)
        if connection.is_open:
            self._idle.append(connection)
        else:
            connection.transport.close()
            self._open -= 1

    def _note(self, status: int, body: bytes, seconds: float) -> None:
        if status != 200:
            self._tally.others[str(status)] += 1
        elif b'"errors"' in body[:20] or b'"nodes"' not in body[:60]:
            self._tally.others["wrong"] += 1
        else:
            self._tally.seconds.append(seconds)

    async def _connection(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
            self._open -= 1
        if self._open >= MOST_CONNECTIONS:
            return None
        self._open += 1
        try:
            _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        except OSError:
            self._open -= 1
            raise
        return made


async def waiting(port: int, seconds: float, tally: Tally) -> None:
    """Clients of whom each waits for its answer."""
    callers, loop = Callers(port, tally), asyncio.get_running_loop()
    end = loop.time() + seconds

    async def go_on() -> None:
        while loop.time() < end:
            await callers.ask(loop.time())

    await asyncio.gather(*(go_on() for _ in range(CLIENTS)))


async def pouring(port: int, seconds: float, rate: float, tally: Tally) -> None:
    """So many requests a second, whatever becomes of them."""
    callers, loop = Callers(port, tally), asyncio.get_running_loop()
    began, asked = loop.time(), set[asyncio.Task[None]]()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        task = loop.create_task(callers.ask(due))
        asked.add(task)
        task.add_done_callback(asked.discard)
    await asyncio.gather(*asked)


def measured(gateway: Running, phase: Any, *arguments: float) -> Tally:
    tally = Tally()
    cpu, began = gateway.cpu_seconds(), time.perf_counter()
    uvloop.run(phase(gateway.port, *arguments, tally))
    tally.cpu, tally.took = max(0.01, gateway.cpu_seconds() - cpu), time.perf_counter() - began
    return tally


def main() -> None:
    factor = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    pin(0, frozenset({LOAD_CORE}))
    with running(GATEWAY) as gateway:
        measured(gateway, waiting, 3.0)
        capacity = measured(gateway, waiting, seconds / 2)
        capacity.show("capacity")
        before = gateway.memory_bytes()
        over = measured(gateway, pouring, seconds, factor * len(capacity.seconds) / capacity.took)
        over.show(f"{factor:g} times that")
        after = measured(gateway, waiting, seconds / 4)
        after.show("afterwards")
        print(f"memory before {before / 2**20:,.0f} MB, after {gateway.memory_bytes() / 2**20:,.0f} MB")
        kept = (over.in_time / over.cpu) / (capacity.in_time / capacity.cpu)
        print(f"goodput per CPU second: {kept:.0%} of capacity")


if __name__ == "__main__":
    main()
