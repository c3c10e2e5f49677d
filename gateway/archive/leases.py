"""One process at a time does a kind of work for an account: a row names it, and counts up while it lives.

Whoever waits looks at that count by their own clock alone: no two clocks are compared. The row's table has the columns
`account_id`, `holder` (null for nobody) and `beat`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from gateway.archive.archive import Archive
from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.errors import ConfigurationError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: who holds a lease, None for nobody, and how often they have shown it."""

    holder: str | None
    count: int


class LeaseLost(Exception):
    """Another process does this work now."""


def take_lease(connection: Connection, table: Table, account_id: int, holder: str, *, seen: Beat | None) -> bool:
    """Whether `holder` has the lease from now on: nobody had it, or who had it has given no sign of life since last
    `seen`."""
    row = connection.execute(select(table).where(table.c.account_id == account_id)).first()
    if row is None:
        connection.execute(insert(table).values(account_id=account_id, holder=holder, beat=1))
        return True
    if row.holder not in (None, holder) and Beat(row.holder, row.beat) != seen:
        return False
    connection.execute(
        update(table).where(table.c.account_id == account_id).values(holder=holder, beat=table.c.beat + 1)
    )
    return True


def lease_of(connection: Connection, table: Table, account_id: int) -> Beat | None:
    """Who has the lease of an account; None where nobody ever had."""
    query = select(table.c.holder, table.c.beat).where(table.c.account_id == account_id)
    row = connection.execute(query).first()
    return Beat(row.holder, row.beat) if row else None


def beat(connection: Connection, table: Table, account_id: int, holder: str, **values: Any) -> None:
    """Shows that `holder` lives, and sets columns of its row. Raises LeaseLost where another process took over."""
    mine = table.c.account_id == account_id, table.c.holder == holder
    changed = connection.execute(update(table).where(*mine).values(beat=table.c.beat + 1, **values)).rowcount
    if not changed:
        raise LeaseLost


def end_lease(connection: Connection, table: Table, account_id: int, holder: str) -> None:
    """Lets others have it at once."""
    mine = table.c.account_id == account_id, table.c.holder == holder
    connection.execute(update(table).where(*mine).values(holder=None))


class Lease:
    """The right to do a kind of work for an account, once `held` is entered. `seconds`: after so many without a sign of
    life another process takes over."""

    def __init__(self, archive: Archive, table: Table, account_id: int, seconds: float) -> None:
        self._archive = archive
        self._table = table
        self._account_id = account_id
        self._seconds = seconds
        self.holder = uuid.uuid4().hex

    @asynccontextmanager
    async def held(self, waiting: Callable[[], None]) -> AsyncIterator[None]:
        """Waits until no other process has the lease, and then keeps others waiting for the block; `waiting` is called
        once where that takes time."""
        await self._take(waiting)
        tasks = BackgroundTasks()
        tasks.start(self._beat())
        try:
            yield
        finally:
            await tasks.cancel()
            await asyncio.to_thread(self._end)

    def show(self, connection: Connection, **values: object) -> None:
        """Shows in a transaction that this process still has it. Raises LeaseLost where it does not."""
        beat(connection, self._table, self._account_id, self.holder, **values)

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
                return  # whoever works here learns it with the next thing that they store

    def _beat_once(self) -> None:
        with self._archive.writing() as connection:
            self.show(connection)

    def _seen(self) -> Beat | None:
        with self._archive.reading() as connection:
            return lease_of(connection, self._table, self._account_id)

    def _try(self, seen: Beat | None) -> bool:
        with self._archive.writing() as connection:
            return take_lease(connection, self._table, self._account_id, self.holder, seen=seen)

    def _end(self) -> None:
        with self._archive.writing() as connection:
            end_lease(connection, self._table, self._account_id, self.holder)
