"""Models that are read before it is known under which name: beside the environments' headers, not after them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from gateway.concurrency.deadline import deadline_of_its_own
from gateway.errors import GatewayError
from gateway.hierarchy.objects.project import Project

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class RevisedModels(Generic[E]):
    """Makes an environment's models of what was read, as soon as it is known whose they are. `revision` is the one
    under which dbt reported the first of them."""

    make: Callable[[Project], Awaitable[E]]
    revision: datetime | None


Read = Mapping[int, RevisedModels[E] | GatewayError]


@dataclass(frozen=True, slots=True)
class _Begun(Generic[E]):
    fields: frozenset[str]
    task: asyncio.Task[Read[E]]


class Prefetcher(Generic[E]):
    """Reads that have begun and are not fetched yet. Each is fetched once, within `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._begun: dict[int, _Begun[E]] = {}

    def begin(
        self,
        environment_ids: Sequence[int],
        fields: frozenset[str],
        read: Callable[[Sequence[int]], Coroutine[None, None, Read[E]]],
    ) -> None:
        """Has the models read of those environments whose reading has not begun."""
        departing = [environment_id for environment_id in environment_ids if environment_id not in self._begun]
        if not departing:
            return
        begun = _Begun(fields, asyncio.get_running_loop().create_task(self._read(departing, read)))
        self._begun.update(dict.fromkeys(departing, begun))
        asyncio.get_running_loop().call_later(self._seconds, self._forget, departing, begun)

    async def fetch(
        self, environment_ids: Sequence[int], fields: frozenset[str]
    ) -> dict[int, RevisedModels[E] | GatewayError]:
        """What was read of these environments; of those, at least with these fields, whose reading has begun."""
        mine = {
            environment_id: self._begun[environment_id]
            for environment_id in environment_ids
            if environment_id in self._begun
        }
        mine = {environment_id: begun for environment_id, begun in mine.items() if fields <= begun.fields}
        self._begun = {
            environment_id: begun for environment_id, begun in self._begun.items() if environment_id not in mine
        }
        models: dict[int, RevisedModels[E] | GatewayError] = {}
        for environment_id, begun in mine.items():
            models[environment_id] = (await asyncio.shield(begun.task))[environment_id]
        return models

    async def _read(
        self, environment_ids: Sequence[int], read: Callable[[Sequence[int]], Coroutine[None, None, Read[E]]]
    ) -> Read[E]:
        with deadline_of_its_own(self._seconds):
            try:
                return await read(environment_ids)
            except GatewayError as failure:
                return dict.fromkeys(environment_ids, failure)

    def _forget(self, environment_ids: Sequence[int], begun: _Begun[E]) -> None:
        for environment_id in environment_ids:
            if self._begun.get(environment_id) is begun:
                del self._begun[environment_id]
