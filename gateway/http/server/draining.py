"""Leaving without dropping anybody: after SIGTERM the gateway first says that it will go, then goes."""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.server.raw_hook import RawHook


class Draining:
    """ASGI middleware. For `seconds` after SIGTERM it still serves, but `/readyz` says no and connections are not kept.

    Load balancers need that time to notice. Then live connections are told (`scope["leaving"]`, an event), and the
    server's own handling goes on: no new connections, requests under way are finished. A second SIGTERM, or Ctrl-C,
    ends the waiting. `front` is closed from SIGTERM on.
    """

    def __init__(self, app: ASGIApp, seconds: float, raw_hook: RawHook | None = None) -> None:
        self._app = app
        self._seconds = seconds
        self._raw_hook = raw_hook or RawHook()
        self._is_draining = False
        self._leaving = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["leaving"] = self._leaving
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._watching_start(send))
        elif self._is_draining and scope["type"] == "http":
            if scope["path"] == "/readyz":
                await _say_no(send)
            else:
                await self._app(scope, receive, _closing(send))
        else:
            await self._app(scope, receive, send)

    def _watching_start(self, send: Send) -> Send:
        async def watched(message: Message) -> None:
            # By now the server has installed its handlers, so ours can come before them.
            if message["type"] == "lifespan.startup.complete":
                self._come_before_the_server()
            await send(message)

        return watched

    def _come_before_the_server(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        server_handler: Any = signal.getsignal(signal.SIGTERM)
        loop = asyncio.get_running_loop()

        def drain_first(number: int, frame: FrameType | None) -> None:
            if self._is_draining or not callable(server_handler):
                signal.signal(signal.SIGTERM, server_handler)
                signal.raise_signal(number)
                return
            self._is_draining = True
            self._raw_hook.close()
            loop.call_soon_threadsafe(loop.call_later, self._seconds, self._leaving.set)
            loop.call_soon_threadsafe(loop.call_later, self._seconds + _FAREWELL_SECONDS, server_handler, number, frame)

        signal.signal(signal.SIGTERM, drain_first)


# From telling live connections that it is time until the server closes what is left of them.
_FAREWELL_SECONDS = 0.2


def _closing(send: Send) -> Send:
    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        await send(message)

    return closing


async def _say_no(send: Send) -> None:
    body = b'{"status":"draining"}'
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
