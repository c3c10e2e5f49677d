"""Connections to dbt, replaced by and by, so that a name in DNS which points elsewhere is followed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

OpenConnector = Callable[[], aiohttp.BaseConnector]


@dataclass(slots=True, eq=False)
class _Pool:
    session: aiohttp.ClientSession
    opened_at: float
    calls: int = 0


class ConnectionPool:
    """A pool of connections that takes new calls for `seconds`; the next call after that opens another one.

    A busy connection stays open for ever, to the address that its host's name had once, so age has to end it. Calls
    under way end where they began: a pool that was replaced is closed after its last call. For use on one event loop.
    """

    def __init__(
        self, open_connector: OpenConnector, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open_connector = open_connector
        self._seconds = seconds
        self._clock = clock
        self._current: _Pool | None = None
        self._replaced: set[_Pool] = set()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """The session for one call."""
        replaced, pool = self._take()
        pool.calls += 1
        try:
            if replaced is not None:
                await self._close_unused(replaced)
            yield pool.session
        finally:
            pool.calls -= 1
            if pool in self._replaced:
                await self._close_unused(pool)

    async def close(self) -> None:
        """Closes all connections, those of calls under way too."""
        pools = [*self._replaced, *([self._current] if self._current else [])]
        self._replaced.clear()
        for pool in pools:
            await pool.session.close()

    def _take(self) -> tuple[_Pool | None, _Pool]:
        """The pool that is replaced now, if any, and the one to call with."""
        now, current = self._clock(), self._current
        if current is not None and now - current.opened_at < self._seconds:
            return None, current
        if current is not None:
            self._replaced.add(current)
        session = aiohttp.ClientSession(
            connector=self._open_connector(), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
        self._current = _Pool(session, now)
        return current, self._current

    async def _close_unused(self, pool: _Pool) -> None:
        if pool.calls == 0 and pool in self._replaced:
            self._replaced.discard(pool)
            await pool.session.close()
