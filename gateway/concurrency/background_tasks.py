"""The one owner of tasks that nobody awaits: an event loop holds its tasks weakly, so somebody must hold them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from gateway.concurrency.cancellation import end

T = TypeVar("T")


class BackgroundTasks:
    """Tasks that run beside the requests that began them. For use on one event loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begins work and holds its task until it has ended."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait(self, seconds: float) -> None:
        """Returns when all tasks have ended, or after so many seconds; the rest goes on."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def cancel(self) -> None:
        """Cancels all tasks and returns when they have ended, whatever they raise."""
        await end(self._tasks)
