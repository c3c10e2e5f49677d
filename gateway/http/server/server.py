"""Runs an ASGI application behind uvicorn: on a socket that is bound before anything expensive begins."""

from __future__ import annotations

import errno
import gc
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import ConfigurationError, GatewayError
from gateway.http.server.connections import Network
from gateway.http.server.context import ReceivingLimits, ServerContext
from gateway.http.server.draining import Draining
from gateway.http.server.http_protocol import GuardedProtocol
from gateway.http.server.raw_hook import RawHook
from gateway.http.server.uvicorn_internals import STARTUP_FAILURE, Multiprocess
from gateway.http.server.websocket import GuardedSocket

BACKLOG = 1024
# Requests under way get this long to finish after SIGTERM; longer than any of them may take.
GRACE_SECONDS = 35
# Longer than balancers keep an idle connection, as a rule 60 s: who closes it first must not be the one who may be
# sent a request on it at that moment.
KEEP_ALIVE_SECONDS = 75
# A message on a WebSocket is one request; larger ones close the socket while they arrive.
SOCKET_MESSAGE_BYTES = 64 * 1024
# A worker imports for seconds before it answers its parent; on a busy machine uvicorn's 5 s end every restart.
WORKER_SECONDS = 60


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens already: who connects while the gateway still reads its data waits, and is answered.

    Port 0 takes a free one. Raises ConfigurationError when the address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Where asyncio is not told that it is TCP, the kernel holds answers back: 40 ms each, without uvloop.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, OverflowError, UnicodeError) as unknown:
        raise ConfigurationError(f"{host}:{port} is not an address to listen on: {unknown}.") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as refused:
        listening.close()
        raise ConfigurationError(_why_not(host, port, refused)) from None
    listening.set_inheritable(True)
    return listening


def _why_not(host: str, port: int, refused: OSError) -> str:
    if refused.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: stop the program that listens there, or choose another with --port."
    if refused.errno == errno.EACCES:
        return f"Port {port} needs more rights than this user has: choose one above 1023 with --port."
    if refused.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: choose another with --host."
    return f"{host}:{port} cannot be listened on: {refused.strerror}."


@dataclass(frozen=True, slots=True)
class ServingPolicy:
    """How to serve. `drain_seconds` are waited after SIGTERM, see `draining`; connections beyond the limit get 503.

    `address_connections` bounds those of one address, None: to half of all; `proxies` are bounded in all only.
    `metrics` is the directory that several workers share for their figures, see cli.shared_metrics.
    """

    workers: int = 1
    connections: int = 1000
    address_connections: int | None = None
    proxies: tuple[Network, ...] = ()
    drain_seconds: float = 0.0
    receiving: ReceivingLimits = field(default_factory=ReceivingLimits)
    logging: Mapping[str, Any] | None = None
    metrics: Path | None = None

    def limits(self) -> ReceivingLimits:
        """What each connection may do."""
        most = self.address_connections
        return replace(
            self.receiving,
            connections=self.connections,
            address_connections=max(1, self.connections // 2) if most is None else most,
            proxies=self.proxies,
        )


def serve(create: Callable[[], ASGIApp], listening: socket.socket, policy: ServingPolicy) -> int:
    """Serves until SIGTERM or SIGINT, finishes what is under way, and returns 0; 2 when the application did not start.

    With several workers each process calls `create`, which must therefore be picklable, and has a front of its own.
    """
    context = ServerContext(policy.limits())
    config = uvicorn.Config(
        partial(_wrapped, create, policy.drain_seconds, context.raw_hook),
        factory=True,
        # uvicorn calls it like a class, with its own arguments by name.
        http=partial(GuardedProtocol, context),  # type: ignore[arg-type]
        ws=partial(GuardedSocket, context),  # type: ignore[arg-type]
        ws_max_size=SOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        # asyncio's own loop, where there is no uvloop, takes in all who wait by itself.
        loop="gateway.http.server.accept_loop:AcceptingLoop" if find_spec("uvloop") else "asyncio",
        workers=policy.workers,
        backlog=BACKLOG,
        access_log=False,
        log_config=dict(policy.logging) if policy.logging else None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )
    if policy.workers > 1:
        Workers(config, [listening], policy.metrics).run()
        return 0
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except SystemExit as leaving:
        return 2 if leaving.code == STARTUP_FAILURE else 0
    return 0


class Workers(Multiprocess):
    """uvicorn's parent of several processes, which tidies up after those that have left: what was under way in them is
    no longer. `metrics` is the directory in which they keep their figures."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], metrics: Path | None) -> None:
        super().__init__(config, sockets)
        self._metrics = metrics

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        alive = {process.pid for process in self.processes}
        for file in self._metrics.glob("gauge_live*.db") if self._metrics else ():
            pid = int(file.stem.rpartition("_")[2])
            if pid not in alive:
                mark_process_dead(pid, str(self._metrics))  # type: ignore[no-untyped-call]


def _wrapped(create: Callable[[], ASGIApp], drain_seconds: float, raw_hook: RawHook) -> ASGIApp:
    return Draining(PlainStartup(create()), drain_seconds, raw_hook)


# Allocations until the collector looks at young objects, and how often it looks at older ones. With Python's 700 and 10
# it spends three quarters of the time in which 40,000 models are read on looking at them again and again. Nothing else
# runs meanwhile: it looks at 20,000 objects at most, for some milliseconds, but when it looks at all of them, seldom.
_COLLECTOR = (5_000, 3, 3_000)
# Threads read long answers of dbt; the event loop has its turn again after so many seconds, not after Python's 5 ms.
_SWITCH_SECONDS = 0.001


def _settle() -> None:
    """What stands when the application has started is for good: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR)
    sys.setswitchinterval(_SWITCH_SECONDS)


class PlainStartup:
    """ASGI middleware: an application that cannot start for a reason we know says it in one line, and one that has
    started gets the garbage collector out of its way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def hold_failure(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                _settle()
            if message["type"] != "lifespan.startup.failed":
                await send(message)

        try:
            await self._app(scope, receive, hold_failure)
        except GatewayError as reason:
            await send({"type": "lifespan.startup.failed", "message": f"error: {reason.message}"})
