"""Facts of one kind under their keys: kept within a bound, fetched in batches, each key by one flight only."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.errors import GatewayError
from gateway.telemetry.usage import current_usage

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Fact(Generic[V]):
    """A value with the `time.monotonic()` at which it was read from upstream."""

    value: V
    read_at: float

    def younger_than(self, seconds: float, now: float) -> bool:
        return now - self.read_at < seconds


Fetch = Callable[[list[K]], Awaitable[Mapping[K, "V | GatewayError"]]]
Believed = Callable[[K, Fact[V]], bool]
Flights = dict[K, asyncio.Future["V | GatewayError"]]


class FactsCache(Generic[K, V]):
    """An LRU of facts, bounded by weight, with single flight per key.

    Errors are handed to everybody who waited and are never kept. A fetch goes on when those who wait for it are
    cancelled, so that a caller who leaves does not take the answer from the others.
    """

    def __init__(
        self, capacity: int, weigh: Callable[[V], int] = lambda _: 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._facts: OrderedDict[K, tuple[Fact[V], int]] = OrderedDict()
        self._flights: Flights[K, V] = {}
        self._tasks: set[asyncio.Task[Mapping[K, V | GatewayError]]] = set()
        self._capacity = capacity
        self._weigh = weigh
        self._clock = clock
        self._weight = 0

    async def get_many(
        self, keys: Sequence[K], fetch: Fetch[K, V], believed: Believed[K, V]
    ) -> dict[K, V | GatewayError]:
        """A value or an error for every key: from the cache where `believed` says so, from a flight under way, or by
        one `fetch` of all that is left. What a flight of others brings must be believed too, or it is fetched again:
        they may have asked for less."""
        answers: dict[K, V | GatewayError] = {}
        pending = list(dict.fromkeys(keys))
        while pending:
            mine, joined = self._board(pending, fetch, believed, answers)
            pending = []
            for key, flight in mine.items():
                answers[key] = await asyncio.shield(flight)
            for key, flight in joined.items():
                answer = await asyncio.shield(flight)
                if isinstance(answer, GatewayError) or believed(key, Fact(answer, self._clock())):
                    answers[key] = answer
                else:
                    pending.append(key)
        return answers

    def _board(
        self, keys: list[K], fetch: Fetch[K, V], believed: Believed[K, V], answers: dict[K, V | GatewayError]
    ) -> tuple[Flights[K, V], Flights[K, V]]:
        """Puts what is believed into `answers`; the flights of the rest: one that departs now, and those under way."""
        joined: Flights[K, V] = {}
        wanted: list[K] = []
        usage = current_usage()
        for key in keys:
            fact = self._look_up(key)
            if fact is not None and believed(key, fact):
                answers[key] = fact.value
                usage.cache_hits += 1
                usage.used_fact(fact.read_at)
            elif key in self._flights:
                joined[key] = self._flights[key]
                usage.shared += 1
            else:
                wanted.append(key)
                usage.cache_misses += 1
        return (self._depart(wanted, fetch) if wanted else {}), joined

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]], believed: Callable[[Fact[V]], bool]) -> V:
        """The value of one key; raises what `fetch` raises."""

        async def fetch_one(_: list[K]) -> Mapping[K, V | GatewayError]:
            return {key: await fetch()}

        answer = (await self.get_many([key], fetch_one, lambda _, fact: believed(fact)))[key]
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    def put(self, key: K, value: V) -> None:
        """Keeps a value that came along with something else."""
        self._forget(key)
        weight = self._weigh(value)
        self._facts[key] = (Fact(value, self._clock()), weight)
        self._weight += weight
        while self._weight > self._capacity and len(self._facts) > 1:
            self._forget(next(iter(self._facts)))

    def peek(self, key: K) -> Fact[V] | None:
        """What is known under a key, believed or not."""
        entry = self._facts.get(key)
        return entry[0] if entry else None

    def clear(self) -> None:
        """Forgets everything that is not in flight."""
        self._facts.clear()
        self._weight = 0

    def _look_up(self, key: K) -> Fact[V] | None:
        entry = self._facts.get(key)
        if entry is None:
            return None
        self._facts.move_to_end(key)
        return entry[0]

    def _forget(self, key: K) -> None:
        entry = self._facts.pop(key, None)
        if entry:
            self._weight -= entry[1]

    def _depart(self, keys: list[K], fetch: Fetch[K, V]) -> Flights[K, V]:
        loop = asyncio.get_running_loop()
        flights: Flights[K, V] = {key: loop.create_future() for key in keys}
        self._flights |= flights
        task = loop.create_task(self._fly(keys, fetch))
        self._tasks.add(task)  # the event loop itself keeps tasks by weak references only
        task.add_done_callback(lambda done: self._land(flights, done))
        return flights

    async def _fly(self, keys: list[K], fetch: Fetch[K, V]) -> Mapping[K, V | GatewayError]:
        return await fetch(keys)

    def _land(self, flights: Flights[K, V], done: asyncio.Task[Mapping[K, V | GatewayError]]) -> None:
        self._tasks.discard(done)
        for key in flights:
            self._flights.pop(key, None)
        failure = asyncio.CancelledError() if done.cancelled() else done.exception()
        found: Mapping[K, V | GatewayError] = {} if failure else done.result()
        for key, flight in flights.items():
            self._settle(key, flight, found.get(key, failure))

    def _settle(self, key: K, flight: asyncio.Future[V | GatewayError], outcome: V | BaseException | None) -> None:
        if isinstance(outcome, GatewayError):
            flight.set_result(outcome)
        elif isinstance(outcome, asyncio.CancelledError):
            flight.cancel()
        elif isinstance(outcome, BaseException):
            flight.set_exception(outcome)
            flight.exception()
        elif outcome is None:
            flight.set_exception(KeyError(key))
            flight.exception()
        else:
            self.put(key, outcome)
            flight.set_result(outcome)
