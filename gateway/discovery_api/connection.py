"""One opened upstream on a loop of its own: opened by the first question, closed once."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

from gateway.discovery_api.background import BackgroundLoop, closed
from gateway.services.bundle import CachePolicy, Services, Upstream, build_services, open_query
from gateway.services.discovery.base_query import BaseQuery
from gateway.settings import Settings
from gateway.wiring.upstream import WrapPlatform, open_upstream

T = TypeVar("T")


@dataclass(frozen=True)
class ConnectionOptions:
    """Where the data comes from, for how many seconds it is fresh, and by which clock; how many seconds
    one reading may take (see CachePolicy)."""

    settings: Settings
    ttl: float
    clock: Callable[[], float] = time.monotonic
    wrap_platform: WrapPlatform | None = None
    reading_seconds: float = 0.0


@dataclass
class Opened:
    """The upstream, and services over it, which are replaced when everything is to be forgotten."""

    upstream: Upstream
    query: BaseQuery
    services: Services


class AccountConnection:
    """Thread-safe. Opens when it is first used; a failure to open is raised, and the next use tries again.

    A forked process inherits no thread, so it opens a loop and an upstream of its own when it first asks.
    """

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._closed = False
        # What belongs to the process that this one was forked from: never used, closed or collected here.
        self._inherited: list[object] = []
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._stack = AsyncExitStack()
        self._loop: BackgroundLoop | None = None
        self._opened: Opened | None = None

    def _ensure_own(self) -> None:
        """In a forked process: begins anew. The old lock may be held by a thread that is not here."""
        if os.getpid() != self._process:
            self._inherited += [self._lock, self._stack, self._loop, self._opened]
            self._begin()

    def run(self, work: Callable[[Opened], Awaitable[T]]) -> T:
        """What `work` comes to on the connection's loop. Raises ClosedError after `close`."""
        self._ensure_own()
        with self._lock:
            loop, opened = self._open()

        async def working() -> T:
            return await work(opened)

        return loop.run(working())

    def forget(self) -> None:
        """Lets go of every fact that was read; questions under way keep theirs."""
        self._ensure_own()
        with self._lock:
            if self._opened is not None:
                self._opened.services = self._fresh_services(self._opened.upstream, self._opened.query)

    def close(self) -> None:
        """Ends the connection and its thread. Once is enough; more does nothing."""
        self._ensure_own()
        with self._lock:
            loop, self._loop, self._opened, self._closed = self._loop, None, None, True
        if loop is not None:
            atexit.unregister(self.close)
            loop.stop(self._stack.aclose)

    def _open(self) -> tuple[BackgroundLoop, Opened]:
        if self._closed:
            raise closed()
        if self._loop is None:
            self._loop = BackgroundLoop()
            # Before the interpreter cleans up the folder of an archive that is still open.
            atexit.register(self.close)
        if self._opened is None:
            self._opened = self._loop.run(self._connect())
        return self._loop, self._opened

    async def _connect(self) -> Opened:
        async with AsyncExitStack() as opening:
            upstream = await opening.enter_async_context(
                open_upstream(self._options.settings, self._options.wrap_platform)
            )
            query = await opening.enter_async_context(open_query(upstream))
            opened = Opened(upstream, query, self._fresh_services(upstream, query))
            self._stack = opening.pop_all()
        return opened

    def _fresh_services(self, upstream: Upstream, query: BaseQuery) -> Services:
        options = self._options
        size = options.settings.cache_bytes
        cache_policy = CachePolicy(options.ttl, options.ttl, size, reading_seconds=options.reading_seconds)
        return build_services(query, upstream, cache_policy, options.clock)
