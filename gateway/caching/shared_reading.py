"""Reading facts together with the other replicas: from what they share, or of dbt for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from gateway.caching.codec import Codec
from gateway.caching.counts import LookupCounts
from gateway.caching.memory import Fact
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.caching.shared_facts import SharedFacts, SharedValue

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Facts = dict[K, "Fact[V] | GatewayError"]


@dataclass(frozen=True, slots=True)
class SharedReading(Generic[K, V]):
    """One reading of several keys of a kind. `fetch` asks dbt; `accepts` says whether a fact found in Redis will do."""

    shared: SharedFacts
    kind: str
    codec: Codec[V]
    clock: Callable[[], float]
    fetch: Callable[[list[K]], Awaitable[Mapping[K, V | GatewayError]]]
    accepts: Callable[[K, Fact[V]], bool]
    counts: LookupCounts

    async def read(self, keys: Collection[K]) -> Facts[K, V]:
        """A fact or an error for every key. Each is asked of dbt by one replica; the others wait for it, for some
        seconds at most, and then ask themselves."""
        names = {key: self.shared.name(self.kind, msgspec.json.encode(key)) for key in keys}
        facts = self._accepted(names, await self.shared.read(list(names.values())))
        missing = [key for key in names if key not in facts]
        if not missing:
            return facts
        leased = set(await self.shared.lease([names[key] for key in missing]))
        mine = {key: names[key] for key in missing if names[key] in leased}
        try:
            # Between looking and leasing another replica may have read them, and given its lease back.
            facts |= self._accepted(mine, await self.shared.read(list(mine.values())))
            facts |= await self._fetch([key for key in mine if key not in facts], names)
        finally:
            self.shared.later(self.shared.release(sorted(leased)))
        theirs = {key: names[key] for key in missing if names[key] not in leased}
        if theirs:
            facts |= await self._wait(theirs)
            facts |= await self._fetch([key for key in theirs if key not in facts], names)
        return facts

    async def _wait(self, names: Mapping[K, str]) -> Facts[K, V]:
        facts: Facts[K, V] = {}

        def take(values: Mapping[str, SharedValue]) -> set[str]:
            accepted = self._accepted({key: name for key, name in names.items() if name in values}, values)
            facts.update(accepted)
            return {names[key] for key in accepted}

        await self.shared.wait_for(list(names.values()), take)
        return facts

    def _accepted(self, names: Mapping[K, str], values: Mapping[str, SharedValue]) -> Facts[K, V]:
        facts: Facts[K, V] = {}
        now = self.clock()
        for key, name in names.items():
            lying = values.get(name)
            value = self.codec.from_bytes(lying.payload) if lying else None
            if lying is None or value is None:
                continue
            fact = Fact(value, now - lying.age)
            if self.accepts(key, fact):
                facts[key] = fact
        self.counts.note("redis", len(facts), 0)
        return facts

    async def _fetch(self, keys: list[K], names: Mapping[K, str]) -> Facts[K, V]:
        if not keys:
            return {}
        self.counts.note("redis", 0, len(keys))
        started_at = self.clock()
        fetched = await self.fetch(keys)
        payloads = {names[k]: self.codec.to_bytes(v) for k, v in fetched.items() if not isinstance(v, GatewayError)}
        await self.shared.write(payloads, self.clock() - started_at, self.codec.seconds)
        return {k: v if isinstance(v, GatewayError) else Fact(v, started_at) for k, v in fetched.items()}
