"""Fuzzes what arrives on a connection: bytes in pieces, into the server's own protocols, without a network.

    python -m tests.fuzzing.connections --seconds 600

With `atheris` installed (`pip install atheris`, in an environment of its own) it is guided by the coverage of the
server's protocols, of uvicorn's and of websockets; else it mutates the seeds blindly. A find is written to a file whose
name is printed, and ends the run; `--replay FILE` shows it again.

Held for every input: nothing is raised, nothing is an error in the log, no more than a slice is kept parsed, what has
arrived is handed on in the end, the same bytes in other pieces are the same requests, and nothing is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import logging
import random
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

if __name__ == "__main__" and importlib.util.find_spec("atheris"):
    import atheris

    # Only modules that are imported within are watched.
    with atheris.instrument_imports(include=["gateway.http.server", "uvicorn.protocols", "websockets"]):
        importlib.import_module("gateway.http.server.http_protocol")
        importlib.import_module("gateway.http.server.websocket")

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from gateway.http.server.context import ReceivingLimits, ServerContext
from gateway.http.server.http_protocol import GuardedProtocol
from gateway.http.server.slices import SLICE_BYTES
from gateway.http.server.websocket import FRAGMENTS, GuardedSocket

MOST_BYTES = 8192
_TURNS = 400
_LIMITS = ReceivingLimits(headers=20)
_OPENING = (
    b"GET /graphql HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
_POST = b"POST /graphql HTTP/1.1\r\nHost: a\r\n"
SEEDS: tuple[bytes, ...] = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3,
    b"\r\n\r\nGET http://a/x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    _POST + b"Content-Length: 2\r\n\r\n{}" + _POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n123",
    _POST
    + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n1\r\nx\r\n0\r\nX: b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    _OPENING + b"\x81\x82\0\0\0\0hi\x89\x80\0\0\0\0\x8a\x81\0\0\0\0x\x88\x82\0\0\0\0\x03\xe8",
    _OPENING + b"\x01\x81\0\0\0\0a\x00\x80\0\0\0\0\x80\x81\0\0\0\0b\x82\x81\0\0\0\0\xff\x81\x81\0\0\0\0\xff",
    _OPENING + b"\x81\xfe\x00\x80\0\0\0\0" + b"x" * 128 + b"\x89\xff" + b"\0" * 12,
)


class FuzzFind(AssertionError):
    """Something that must hold does not."""


class _Transport(asyncio.Transport):
    """A connection without a network: what is written is counted, and taken at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "sockname": ("192.0.2.2", 2)})
        self._loop = loop
        self.protocol: Any = None
        self.is_paused = self.is_closed = False
        self.sent = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += len(data)

    def writelines(self, parts: Any) -> None:
        self.write(b"".join(parts))

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._loop.call_soon(self._lose)

    abort = close

    def _lose(self) -> None:
        self.protocol.connection_lost(None)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage().strip()}: {record.exc_info[1] if record.exc_info else None!r}")


class Target:
    """The protocols behind a fake transport, one connection for each input."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _loop, context: self._errors.said.append(str(context)))
        self._errors = _Errors()
        self._loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio", "gateway.http")]
        for logger in self._loggers:
            logger.addHandler(self._errors)
            logger.propagate = False
        self._seen: list[tuple[str, str, tuple[tuple[bytes, bytes], ...], bytes]] = []
        self._context = ServerContext(_LIMITS)
        self._config = uvicorn.Config(
            self._application,
            interface="asgi3",
            ws=partial(GuardedSocket, self._context),  # type: ignore[arg-type]
            ws_max_size=4096,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close()
        for logger in self._loggers:
            logger.removeHandler(self._errors)
            logger.propagate = True

    def run(self, data: bytes) -> None:
        """One input: its first byte says into how many pieces the rest is cut. Raises FuzzFind."""
        if len(data) < 2:
            return
        pieces = data[0] % 16 + 1
        body = data[1 : MOST_BYTES + 1]
        size = -(-len(body) // pieces)
        cut = self._connection([body[at : at + size] for at in range(0, len(body), size)])
        whole = self._connection([body])
        shorter = min(len(cut), len(whole))
        if cut[:shorter] != whole[:shorter]:
            raise FuzzFind(f"in pieces {cut}, in one {whole}")

    def _connection(self, pieces: Sequence[bytes]) -> list[Any]:
        """The requests that an application saw."""
        return self._loop.run_until_complete(self._talk(pieces))

    async def _talk(self, pieces: Sequence[bytes]) -> list[Any]:
        self._seen, self._errors.said = [], []
        state = ServerState()
        transport = _Transport(self._loop)
        transport.protocol = GuardedProtocol(
            self._context, config=self._config, server_state=state, app_state={}, _loop=self._loop
        )
        transport.protocol.connection_made(transport)
        for piece in pieces:
            if not transport.is_closing():
                await self._turns(transport)
                transport.protocol.data_received(piece)
                self._check(transport.protocol)
        await self._turns(transport)
        if not transport.is_closing() and (transport.is_paused or transport.protocol._intake.pending):
            raise FuzzFind("what has arrived is not handed on")
        transport.close()
        for _ in range(5):
            await asyncio.sleep(0)
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=1)
        self._check_the_end(state)
        return self._seen

    async def _turns(self, transport: _Transport) -> None:
        """Until nothing goes on any more, as far as that shows."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            self._check(transport.protocol)
            if transport.is_closing():
                return
            # Two tasks of the loop are always there: this one and its waking.
            if not (transport.is_paused or transport.protocol._intake.pending) and not self._loop._ready:  # type: ignore[attr-defined]
                return

    def _check(self, protocol: Any) -> None:
        kept = len(protocol.pipeline) if isinstance(protocol, GuardedProtocol) else protocol.queue.qsize()
        if kept > SLICE_BYTES // 6 + 3:
            raise FuzzFind(f"{kept} requests or messages are kept parsed")
        if isinstance(protocol, GuardedSocket) and len(protocol.frames) > FRAGMENTS:
            raise FuzzFind(f"{len(protocol.frames)} fragments are kept")

    def _check_the_end(self, state: ServerState) -> None:
        if self._errors.said:
            raise FuzzFind(f"in the log: {self._errors.said[0]}")
        if state.tasks or state.connections or len(self._context.limiter):
            raise FuzzFind(f"left behind: {state.tasks} {state.connections} {len(self._context.limiter)}")

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(receive, send)
            return
        headers = tuple(scope["headers"])
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self._seen.append((scope["method"], scope["path"], headers, body))
        if headers != tuple(scope["headers"]):
            raise FuzzFind("trailers became headers")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _socket(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") == "hi":
                await send({"type": "websocket.send", "text": "hi"})


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """A seed, or two in a row, with some bytes changed, doubled, left out or put in."""
    data = bytearray(b"".join(chance.choices(seeds, k=chance.randint(1, 2))))
    for _ in range(chance.randint(0, 8)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 2, 8, 64)))
        match chance.randrange(4):
            case 0:
                del data[at:end]
            case 1:
                data[at:at] = data[at:end] * chance.choice((1, 2, 40))
            case 2:
                data[at:at] = chance.choice((b"\r\n", b"0\r\n", b"\0", b":", b" ", b"\x80\x80\0\0\0\0", b"A: b\r\n"))
            case _:
                data[at:end] = chance.randbytes(end - at)
    return bytes([chance.randrange(16)]) + bytes(data)


def run_blindly(seconds: float, most: int | None = None, seed: int = 1) -> int:
    """Mutations of the seeds until the time is up; how many. Raises FuzzFind."""
    chance, count = random.Random(seed), 0  # noqa: S311  # inputs that can be made again
    until = time.monotonic() + seconds
    with Target() as target:
        while time.monotonic() < until and (most is None or count < most):
            _try(target, mutated(SEEDS, chance))
            count += 1
    return count


def _try(target: Target, data: bytes) -> None:
    try:
        target.run(data)
    except Exception:
        find = Path(f"find-{abs(hash(data)):x}.bin")
        find.write_bytes(data)
        sys.stderr.write(f"A find: {find}\n")
        raise


def _run_guided(seconds: float) -> None:
    corpus = Path("fuzz-corpus")
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(SEEDS):
        corpus.joinpath(f"seed-{number}").write_bytes(bytes([number]) + seed)
    target = Target()
    options = [f"-max_total_time={int(seconds)}", f"-max_len={MOST_BYTES}", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], partial(_try, target))
    atheris.Fuzz()


def main() -> None:
    """Fuzzes, or shows a find again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--replay", type=Path)
    options = parser.parse_args()
    if options.replay is not None:
        with Target() as target:
            target.run(options.replay.read_bytes())
    elif importlib.util.find_spec("atheris"):
        _run_guided(options.seconds)
    else:
        sys.stdout.write(f"{run_blindly(options.seconds):,} inputs, no find\n")


if __name__ == "__main__":
    main()
