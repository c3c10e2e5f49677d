"""One fact per environment, valid while the environment's revision stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from gateway.caching.facts import Fact, FactsCache
from gateway.errors import GatewayError
from gateway.services.environment_service import EnvironmentService

V = TypeVar("V")

Read = Callable[[list[int]], Awaitable[Mapping[int, V | GatewayError]]]


@dataclass(frozen=True, slots=True)
class _Stamped(Generic[V]):
    value: V
    revision: datetime | None


class Revisioned(Generic[V]):
    """Reads a fact of each environment once per revision (see EnvironmentService)."""

    def __init__(
        self, environments: EnvironmentService, read: Read[V], capacity: int, weigh: Callable[[V], int]
    ) -> None:
        self._environments = environments
        self._read = read
        self._cache: FactsCache[int, _Stamped[V]] = FactsCache(capacity, weigh=lambda stamped: weigh(stamped.value))

    async def get(self, environment_ids: Sequence[int]) -> dict[int, V | GatewayError]:
        """The fact of each environment, or the error that its reading met."""
        readable, failed = await self._environments.sorted_out(environment_ids)

        async def fetch(missing: list[int]) -> Mapping[int, _Stamped[V] | GatewayError]:
            found = await self._read(missing)
            return {
                one: value if isinstance(value, GatewayError) else _Stamped(value, readable[one].revision)
                for one, value in found.items()
            }

        def believed(environment_id: int, fact: Fact[_Stamped[V]]) -> bool:
            return fact.value.revision == readable[environment_id].revision

        facts = await self._cache.get_many(list(readable), fetch, believed)
        return {**failed, **{one: f.value if isinstance(f, _Stamped) else f for one, f in facts.items()}}
