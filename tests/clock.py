"""Time that passes only when somebody sleeps."""

from __future__ import annotations

import asyncio


class Clock:
    """`clock()` tells the seconds; `sleep` lets them pass at once, for everybody."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)
