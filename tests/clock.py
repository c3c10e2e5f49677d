"""Time that passes only when somebody sleeps, or when a test says so."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """`clock()` returns the seconds; `sleep` lets them pass at once, for everybody."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class Moments:
    """Stands for the module `time` in another one: its clocks go on together, and only when told to."""

    def __init__(self) -> None:
        self.passed = 0.0
        self._epoch, self._monotonic = time.time(), time.monotonic()

    def time(self) -> float:
        return self._epoch + self.passed

    def monotonic(self) -> float:
        return self._monotonic + self.passed
