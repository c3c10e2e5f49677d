"""The load generator: keep-alive connections that send one request after the other and compare every answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import uvloop

CONNECTIONS = 16
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Question:
    """A GraphQL request and the data that the right answer holds.

    `numbered`: each request carries a number of its own, as behind a proxy that names requests, so that no two are the
    same to the last byte. `unseen`: each names its operation anew, so that no document was ever asked before.
    """

    query: str
    data: Any
    variables: Mapping[str, Any] = field(default_factory=dict)
    path: str = "/graphql"
    numbered: bool = False
    unseen: bool = False

    def requests(self, port: int) -> Callable[[], bytes]:
        """What gives the bytes to send, again and again: what a plain client sends, JSON for JSON."""
        if self.unseen:
            numbers = count(time.time_ns())
            return lambda: self._request(port, f"query Asked{next(numbers)} {self.query}", b"")
        if not self.numbered:
            whole = self._request(port, self.query, b"")
            return lambda: whole
        numbers = count()
        before, after = self._request(port, self.query, b"X-Request-Id: \0\r\n").split(b"\0")
        return lambda: b"%b%08x%b" % (before, next(numbers), after)

    def _request(self, port: int, query: str, more: bytes) -> bytes:
        body = json.dumps({"query": query, "variables": self.variables}).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nContent-Length: {len(body)}\r\n"
        ).encode()
        return head + more + b"\r\n" + body


@dataclass
class Load:
    """What one burst of requests came to. `cpu` are the load generator's own seconds; `wrong` describes the first
    answer that was not the right one."""

    requests: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)
    wrong: str | None = None


def send_load(port: int, question: Question, seconds: float, connections: int = CONNECTIONS, least: int = 1) -> Load:
    """Asks for `seconds`, and at least `least` times."""
    return uvloop.run(_send(port, question, _Course(seconds, least), connections))


@dataclass
class _Course:
    seconds: float
    least: int


async def _send(port: int, question: Question, course: _Course, connections: int) -> Load:
    loop = asyncio.get_running_loop()
    load = Load()
    shared = _Shared(question, question.requests(port), load, time.perf_counter() + course.seconds, course.least)
    began, spent = time.perf_counter(), time.process_time()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: _Client(shared), "127.0.0.1", port)
        clients.append(client)
    for client in clients:
        client.ask()
    await asyncio.gather(*(client.finished for client in clients))
    load.seconds, load.cpu = time.perf_counter() - began, time.process_time() - spent
    return load


class _Shared:
    """What the connections of one burst have in common."""

    def __init__(self, question: Question, request: Callable[[], bytes], load: Load, until: float, least: int) -> None:
        self.request = request
        self.load = load
        self._question = question
        self._until = until
        self._least = least
        self._right = b""

    def goes_on(self) -> bool:
        return self.load.wrong is None and (time.perf_counter() < self._until or self.load.requests < self._least)

    def take(self, body: bytes, seconds: float) -> None:
        """Counts an answer. The first is compared as JSON, the others with the bytes that made up its data."""
        self.load.requests += 1
        self.load.latencies.append(seconds)
        if self._right and body.startswith(self._right):
            return
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {}
        if answer.get("errors") or answer.get("data") != self._question.data:
            self.load.wrong = body[:300].decode(errors="replace")
        self._right = body.partition(b'"extensions"')[0]


class _Client(asyncio.Protocol):
    """One connection. Understands Content-Length and chunked bodies, which is all that the contenders send."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self._buffer = bytearray()
        self._asked = 0.0
        self._length = -1
        self._chunked = False
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self._shared.load.wrong = f"the connection was closed ({exc})"
            self.finished.set_result(None)

    def ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._shared.request())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._length < 0 and not self._chunked and not self._read_head():
            return
        if self._chunked:
            if not self._buffer.endswith(b"0\r\n\r\n"):
                return
            body = _unchunked(bytes(self._buffer))
        elif len(self._buffer) < self._length:
            return
        else:
            body = bytes(self._buffer)
        self._buffer.clear()
        self._length, self._chunked = -1, False
        self._shared.take(body, time.perf_counter() - self._asked)
        if self._shared.goes_on():
            self.ask()
        elif not self.finished.done():
            self.finished.set_result(None)
            self._transport.close()

    def _read_head(self) -> bool:
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            return False
        head = bytes(self._buffer[:end]).lower()
        del self._buffer[: end + 4]
        if b"transfer-encoding: chunked" in head:
            self._chunked = True
        else:
            self._length = int(head.partition(b"content-length:")[2].partition(b"\r")[0])
        return True


def _unchunked(raw: bytes) -> bytes:
    parts, place = [], 0
    while True:
        end = raw.index(b"\r\n", place)
        size = int(raw[place:end], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(raw[end + 2 : end + 2 + size])
        place = end + 4 + size
