"""One process at a time mirrors an account: a row of the archive names it, and counts up while it lives.

Whoever waits looks at that count by their own clock alone: no two clocks are compared.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import Connection

from gateway.archive.archive import Archive
from gateway.archive.mirrored_runs import Beat, LeaseLost, beat, end_lease, lease_of, take_lease
from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.errors import ConfigurationError

log = logging.getLogger(__name__)


class Lease:
    """The right to mirror an account, once `held` is entered. `seconds`: after so many without a sign of life another
    process takes over."""

    def __init__(self, archive: Archive, account_id: int, seconds: float) -> None:
        self._archive = archive
        self._account_id = account_id
        self._seconds = seconds
        self.holder = uuid.uuid4().hex

    @asynccontextmanager
    async def held(self, waiting: Callable[[], None]) -> AsyncIterator[None]:
        """Waits until no other process mirrors, and then keeps others waiting for the block; `waiting` is called once
        where that takes time."""
        await self._take(waiting)
        tasks = BackgroundTasks()
        tasks.start(self._beat())
        try:
            yield
        finally:
            await tasks.cancel()
            await asyncio.to_thread(self._end)

    def show(self, connection: Connection, **values: object) -> None:
        """Shows in a transaction that this process still mirrors. Raises LeaseLost where it does not."""
        beat(connection, self._account_id, self.holder, **values)

    async def _take(self, waiting: Callable[[], None]) -> None:
        seen = await asyncio.to_thread(self._seen)
        since = time.monotonic()
        is_reported = False
        while not await asyncio.to_thread(self._try, seen if time.monotonic() - since >= self._seconds else None):
            if not is_reported:
                waiting()
                is_reported = True
            await asyncio.sleep(min(1.0, self._seconds / 4))
            now = await asyncio.to_thread(self._seen)
            if now != seen:
                seen, since = now, time.monotonic()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / 4)
            try:
                await asyncio.to_thread(self._beat_once)
            except ConfigurationError as busy:
                # Whoever writes for long is this process more often than not, and what it writes is a sign of life.
                log.info("no sign of life now: %s", busy.message)
            except LeaseLost:
                return  # whoever mirrors here learns it with the next run that they store

    def _beat_once(self) -> None:
        with self._archive.writing() as connection:
            self.show(connection)

    def _seen(self) -> Beat | None:
        with self._archive.reading() as connection:
            return lease_of(connection, self._account_id)

    def _try(self, seen: Beat | None) -> bool:
        with self._archive.writing() as connection:
            return take_lease(connection, self._account_id, self.holder, seen)

    def _end(self) -> None:
        with self._archive.writing() as connection:
            end_lease(connection, self._account_id, self.holder)
