"""One DataLoader behind a `load` that a failing sibling cannot cancel for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Generic, TypeVar

from aiodataloader import DataLoader, Loader, enqueue_post_future_job

from gateway.concurrency.checkpoints import checkpoint
from gateway.concurrency.only_if_cached import NotCached, is_only_if_cached
from gateway.errors import GatewayError
from gateway.telemetry.tracing import span

K = TypeVar("K")
V = TypeVar("V")


# Microseconds that go on with what one of many waits for.
_STEPS_AFTER_A_LOAD = 30


class Departures:
    """Holds the batches of one request back while a long list starts what its items wait for, which takes several
    turns of the event loop: all of it goes into the same batches."""

    __slots__ = ("_held", "_then")

    def __init__(self) -> None:
        self._held = 0
        self._then: list[Callable[[], None]] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within the block no batch is sent. Nothing may be waited for in it that a batch brings."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if not self._held:
                then, self._then = self._then, []
                for send in then:
                    send()

    def when_free(self, send: Callable[[], None]) -> None:
        """Calls `send` now, or as soon as batches are held no longer."""
        if self._held:
            self._then.append(send)
        else:
            send()


class _HeldLoader(DataLoader[K, V]):
    """aiodataloader's, whose batches leave when `departures` lets them."""

    def __init__(self, load_many: Callable[[Sequence[K]], Any], remember: bool, departures: Departures) -> None:
        super().__init__(load_many, cache=remember)
        self._departures = departures

    def do_resolve_reject(self, key: K, future: asyncio.Future[V]) -> None:
        # Whoever waits for it through a shield and leaves takes its look at the error along.
        future.add_done_callback(_look_at_error)
        self._queue.append(Loader(key=key, future=future))
        if len(self._queue) == 1:
            self._departures.when_free(self._leave_soon)

    def _leave_soon(self) -> None:
        self.loop.call_soon(self._leave)

    def _leave(self) -> None:
        # Of those who go on from one batch together, some hold the next back from their turn of the loop on only.
        self._departures.when_free(lambda: enqueue_post_future_job(self.loop, self))


def _look_at_error(future: asyncio.Future[Any]) -> None:
    """Keeps asyncio from logging an error that everybody who asked has left before it came."""
    if not future.cancelled():
        future.exception()


class Batched(Generic[K, V]):
    """Gathers the keys asked for in one tick and answers them with one call of `load_many`.

    graphql-core cancels the siblings of a field that fails; the futures of a DataLoader are shared, so every wait for
    one is shielded. To be made inside a running loop, one per request. Within `only_if_cached` there is no tick to wait
    for: each load asks the caches directly. `remember` keeps values for the rest of the request; facts that no cache
    holds are not `cached`.
    """

    def __init__(
        self,
        load_many: Callable[[list[K]], Awaitable[Mapping[K, V | GatewayError]]],
        departures: Departures | None = None,
        *,
        remember: bool = True,
        cached: bool = True,
    ) -> None:
        self._departures = departures or Departures()
        self._load_many = load_many
        self._name = getattr(load_many, "__name__", "load").strip("_")
        self._remember = remember
        self._cached = cached

    @cached_property
    def _loader(self) -> DataLoader[K, V]:
        # Most requests use few of the loaders there are, and making one takes some microseconds.
        return _HeldLoader(self._batch, self._remember, self._departures)

    async def load(self, key: K) -> V:
        """The value of a key; raises the GatewayError it met."""
        if not is_only_if_cached():
            try:
                return await asyncio.shield(self._loader.load(key))
            finally:
                # One batch answers many, who would all go on in the same turn of the loop. What they load next is one
                # batch all the same.
                with self._departures.held():
                    await checkpoint(_STEPS_AFTER_A_LOAD)
        (answer,) = await self._load_cached([key])
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    async def load_all(self, keys: Sequence[K]) -> list[V | GatewayError]:
        """The value of each key, or the GatewayError it met, for one wait instead of one each."""
        if is_only_if_cached():
            return await self._load_cached(keys)
        loads = [self._loader.load(key) for key in keys]
        answers = await asyncio.shield(asyncio.gather(*loads, return_exceptions=True))
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, GatewayError):
                raise answer
        return answers  # type: ignore[return-value]  # no other exceptions are left

    async def _load_cached(self, keys: Sequence[K]) -> list[V | GatewayError]:
        if not self._cached:
            raise NotCached
        # Not remembered: whatever is made of these facts, and kept, has to know all of them.
        values = await self._load_many(list(dict.fromkeys(keys)))
        return [values[key] for key in keys]

    async def _batch(self, keys: Sequence[K]) -> list[V]:
        with span(f"batch {self._name}", keys=len(keys)):
            values = await self._load_many(list(keys))
        return [values[key] for key in keys]  # type: ignore[misc]  # the DataLoader raises values that are exceptions
