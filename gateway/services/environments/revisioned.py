"""One fact per environment, valid while the environment's revision stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from gateway.caching.codec import Codec
from gateway.caching.facts import FactsCache, Kind
from gateway.caching.memory import Fact
from gateway.caching.tiers import Tiers
from gateway.caching.validity import Validity
from gateway.errors import GatewayError
from gateway.services.environments.environment_service import EnvironmentService

V = TypeVar("V")

Read = Callable[[list[int]], Awaitable[Mapping[int, V | GatewayError]]]


@dataclass(frozen=True, slots=True)
class Stamped(Generic[V]):
    """A fact with the revision under which it was read."""

    value: V
    revision: datetime | None


def _stamped(codec: Codec[V]) -> Codec[Stamped[V]]:
    """The codec of a fact and its revision, made from that of the fact."""
    shape: Any = codec.shape
    return Codec(
        Stamped[shape],
        lambda fact: Stamped(codec.pack(fact.value), fact.revision),
        lambda packed: Stamped(codec.unpack(packed.value), packed.revision),
        codec.seconds,
    )


class Revisioned(Generic[V]):
    """Reads a fact of each environment once per revision (see EnvironmentService)."""

    def __init__(self, environments: EnvironmentService, read: Read[V], tiers: Tiers, kind: Kind[int, V]) -> None:
        self._environments = environments
        self._read = read
        codec = _stamped(kind.codec) if kind.codec else None
        stamped: Kind[int, Stamped[V]] = Kind(
            kind.name,
            lambda fact: kind.weigh(fact.value),
            lambda environment_id: environment_id,
            patience=0.0,
            codec=codec,
        )
        self._cache: FactsCache[int, Stamped[V]] = FactsCache(tiers, stamped)

    async def get(self, environment_ids: Sequence[int]) -> dict[int, V | GatewayError]:
        """The fact of each environment, or the error that its reading met."""
        readable, failed = await self._environments.sorted_out(environment_ids)

        async def fetch(missing: list[int]) -> Mapping[int, Stamped[V] | GatewayError]:
            values = await self._read(missing)
            return {
                environment_id: value
                if isinstance(value, GatewayError)
                else Stamped(value, readable[environment_id].revision)
                for environment_id, value in values.items()
            }

        def validate(environment_id: int, fact: Fact[Stamped[V]]) -> Validity:
            return readable[environment_id].validate(fact.value.revision)

        facts = await self._cache.get_many(list(readable), fetch, validate)
        return {
            **failed,
            **{environment_id: f.value if isinstance(f, Stamped) else f for environment_id, f in facts.items()},
        }
