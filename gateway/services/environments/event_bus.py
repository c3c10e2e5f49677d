"""Changes at dbt: webhooks and the revision check publish them, answers and caches subscribe."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum


class ChangeKind(Enum):
    """What happened."""

    RUN_FINISHED = "RUN_FINISHED"
    ENVIRONMENT_CHANGED = "ENVIRONMENT_CHANGED"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened. Ids are dbt's; None is not known. `environment_id` says whose facts it touched."""

    kind: ChangeKind
    environment_id: int
    job_id: int | None = None
    run_id: int | None = None


class Listener:
    """A bounded queue of changes. When its reader is too slow the oldest are dropped and `missed` counts them."""

    def __init__(self, capacity: int) -> None:
        self._queue: asyncio.Queue[Change] = asyncio.Queue(capacity)
        self.missed = 0

    def tell(self, change: Change) -> None:
        """Puts a change at the end of the queue; never waits."""
        if self._queue.full():
            self._queue.get_nowait()
            self.missed += 1
        self._queue.put_nowait(change)

    def tell_in(self, seconds: float, change: Change) -> None:
        """Reports a change so many seconds from now."""
        asyncio.get_running_loop().call_later(seconds, self.tell, change)

    async def next(self, within: float | None = None) -> Change | None:
        """The oldest change that was not read yet; waits for one. None when there is none `within` so many seconds."""
        try:
            async with asyncio.timeout(within):
                return await self._queue.get()
        except TimeoutError:
            return None

    def skip(self) -> None:
        """Drops the changes that wait to be read."""
        while not self._queue.empty():
            self._queue.get_nowait()


class EventBus:
    """One process's news. Delivery is at most once per listener, in the order of publishing."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def publish(self, change: Change) -> None:
        """Tells every listener."""
        for listener in self._listeners:
            listener.tell(change)

    @contextmanager
    def listening(self, capacity: int = 1_000) -> Iterator[Listener]:
        """A listener for the block."""
        listener = Listener(capacity)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
