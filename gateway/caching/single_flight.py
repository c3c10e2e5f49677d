"""Readings under way, so that what several ask for at once is read once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Hashable, Mapping
from typing import Generic, TypeVar

from gateway.caching.memory import Fact
from gateway.concurrency.deadline import seconds_left
from gateway.errors import GatewayError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FetchResult = Mapping[K, "Fact[V] | GatewayError"]


class Flight(Generic[K, V]):
    """One reading of several keys. It is a task of its own: nobody who waits for it, or leaves, can end it."""

    __slots__ = ("keys", "started_at", "task")

    def __init__(self, keys: Collection[K], task: asyncio.Task[FetchResult[K, V]], started_at: float) -> None:
        self.keys = keys
        self.task = task
        self.started_at = started_at

    def outcome(self, key: K) -> Fact[V] | GatewayError:
        """What it brought for a key; to be asked when its task is done. Raises what broke the reading, and KeyError
        for a key that was forgotten."""
        failure = self.failure
        if isinstance(failure, GatewayError):
            return failure
        if failure is not None:
            raise failure
        return self.task.result()[key]

    @property
    def failure(self) -> BaseException | None:
        """Why it brought nothing at all."""
        return asyncio.CancelledError() if self.task.cancelled() else self.task.exception()


async def wait_for(flights: Collection[Flight[K, V]], at_most: float) -> None:
    """Waits until all have landed, the caller's own deadline has come, or `at_most` seconds are over."""
    waited = {flight.task for flight in flights if not flight.task.done()}
    seconds = seconds_left(at_most)
    if waited and seconds > 0:
        await asyncio.wait(waited, timeout=None if math.isinf(seconds) else seconds)
