"""A response that goes on: until its source ends, the client leaves, its credential ends, or the gateway leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from gateway.http.responses import HEADERS


async def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Stream:
    """What is sent. `heartbeat` is sent after so many seconds of silence, `farewell` when the gateway ends the stream
    before its source has; `until` is the `time.monotonic()` at which the caller's credential ends, `admitted` says at
    each heartbeat whether it was withdrawn. `places` are given back when it is over."""

    content_type: str
    chunks: AsyncGenerator[bytes, None]
    heartbeat: bytes = b""
    heartbeat_seconds: float = 12.0
    farewell: bytes = b""
    until: float | None = None
    opening: bytes = b""
    admitted: Callable[[], Awaitable[bool]] = _always
    places: ExitStack = field(default_factory=ExitStack)


class StreamReply:
    """An ASGI response. The source is closed however the response ends; a slow client slows its source down."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._stream.places:
            await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        await send({"type": "http.response.start", "status": 200, "headers": _headers(stream.content_type)})
        loop = asyncio.get_running_loop()
        ends = {loop.create_task(_gone(receive))}
        if "leaving" in scope and stream.farewell:
            ends.add(loop.create_task(scope["leaving"].wait()))
        try:
            await self._send_chunks(ends, send)
        finally:
            for task in ends:
                task.cancel()
            await stream.chunks.aclose()

    async def _send_chunks(self, ends: set[asyncio.Task[bool]], send: Send) -> None:
        if self._stream.opening:
            await self._send(self._stream.opening, send)
        coming = asyncio.ensure_future(anext(self._stream.chunks, None))
        try:
            while True:
                done, _ = await asyncio.wait({coming, *ends}, timeout=self._wait(), return_when=asyncio.FIRST_COMPLETED)
                if any(task in done for task in ends) or self._is_over():
                    break
                if coming not in done:
                    if not await self._stream.admitted():
                        break
                    await self._send(self._stream.heartbeat, send)
                    continue
                chunk = coming.result()
                if chunk is None:
                    await send({"type": "http.response.body", "body": b""})
                    return
                await self._send(chunk, send)
                coming = asyncio.ensure_future(anext(self._stream.chunks, None))
        finally:
            if not coming.done():
                coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        await send({"type": "http.response.body", "body": self._stream.farewell})

    def _wait(self) -> float | None:
        """Seconds until something has to be done although nothing comes."""
        waits = [self._stream.heartbeat_seconds] if self._stream.heartbeat else []
        if self._stream.until is not None:
            waits.append(max(0.0, self._stream.until - time.monotonic()))
        return min(waits, default=None)

    def _is_over(self) -> bool:
        return self._stream.until is not None and time.monotonic() >= self._stream.until

    async def _send(self, chunk: bytes, send: Send) -> None:
        self.sent += len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _gone(receive: Receive) -> bool:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        continue
    return True


def _headers(content_type: str) -> list[tuple[bytes, bytes]]:
    # Proxies that gather a response before they pass it on would hold everything back.
    shown: Mapping[str, str] = {**HEADERS, "Content-Type": content_type, "X-Accel-Buffering": "no"}
    return [(name.lower().encode(), value.encode()) for name, value in shown.items()]
