"""Ending tasks that would go on for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

_ASKED_AGAIN_AFTER = 1.0


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels tasks and returns when all have ended, whatever they raise.

    A task that goes on is cancelled again after a second: before Python 3.12 `asyncio.wait_for`, which redis-py stands
    on, loses a cancellation that comes at the moment in which what it waits for is there.
    """
    every = set(tasks)
    running = {task for task in every if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_ASKED_AGAIN_AFTER)
    await asyncio.gather(*every, return_exceptions=True)
