"""One DataLoader behind a `load` that a failing sibling cannot cancel for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Generic, TypeVar

from aiodataloader import DataLoader

from gateway.concurrency.only_if_cached import is_only_if_cached
from gateway.errors import GatewayError
from gateway.telemetry.tracing import span

K = TypeVar("K")
V = TypeVar("V")


class Batched(Generic[K, V]):
    """Gathers the keys asked for in one tick and answers them with one call of `load_many`.

    graphql-core cancels the siblings of a field that fails; the futures of a DataLoader are shared, so every wait for
    one is shielded. To be made inside a running loop, one per request. Where only what is at hand may be told, every
    key is answered at once.
    """

    def __init__(
        self, load_many: Callable[[list[K]], Awaitable[Mapping[K, V | GatewayError]]], *, remember: bool = True
    ) -> None:
        self._load_many = load_many
        self._name = getattr(load_many, "__name__", "load").strip("_")
        self._remember = remember

    @cached_property
    def _loader(self) -> DataLoader[K, V]:
        # Most requests use few of the loaders there are, and making one takes some microseconds.
        return DataLoader(self._batch, cache=self._remember)

    async def load(self, key: K) -> V:
        """The value of a key; raises the GatewayError it met."""
        if not is_only_if_cached():
            return await asyncio.shield(self._loader.load(key))
        (answer,) = await self._tell([key])
        if isinstance(answer, GatewayError):
            raise answer
        return answer

    async def load_all(self, keys: Sequence[K]) -> list[V | GatewayError]:
        """The value of each key, or the GatewayError it met, for one wait instead of one each."""
        if is_only_if_cached():
            return await self._tell(keys)
        loads = [self._loader.load(key) for key in keys]
        answers = await asyncio.shield(asyncio.gather(*loads, return_exceptions=True))
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, GatewayError):
                raise answer
        return answers  # type: ignore[return-value]  # no other exceptions are left

    async def _tell(self, keys: Sequence[K]) -> list[V | GatewayError]:
        # Not remembered: whatever is made of these facts, and kept, has to know all of them.
        found = await self._load_many(list(dict.fromkeys(keys)))
        return [found[key] for key in keys]

    async def _batch(self, keys: Sequence[K]) -> list[V]:
        with span(f"batch {self._name}", keys=len(keys)):
            found = await self._load_many(list(keys))
        return [found[key] for key in keys]  # type: ignore[misc]  # the DataLoader raises values that are exceptions
