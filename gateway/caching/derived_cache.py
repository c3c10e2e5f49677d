"""What was made of facts at hand, kept as long as those facts are: lists in order, filtered lists, maps of projects.

It is told again without looking its facts up one by one, and the usage of who asks says what it would say otherwise.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sized
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.caching.generations import Generations
from gateway.caching.memory import Memory
from gateway.caching.validity import oldest_acceptable
from gateway.concurrency.only_if_cached import is_only_if_cached
from gateway.telemetry.usage import Usage, current_usage, measuring

V = TypeVar("V")

_MOST = 64
# Lists hold references to objects that facts hold already; so many of them are some megabytes.
_MOST_ITEMS = 500_000
# Facts behind it count as used when it is; saying so each time would take longer than telling it.
_TOUCH_SECONDS = 1.0


@dataclass(slots=True)
class _DerivedValue:
    """A value, what its making used, and how often facts had changed by then. `about` are objects in its key by their
    identity, which is theirs as long as they are held."""

    value: Any
    about: object
    usage: Usage
    total: int
    touched_at: float

    @property
    def items(self) -> int:
        return len(self.value) if isinstance(self.value, Sized) else 1


class DerivedCache:
    """Values made of the facts of one memory. All of them go when a fact leaves it or is replaced, so that none holds
    on to what the memory has given up."""

    def __init__(self, memory: Memory, generations: Generations, clock: Callable[[], float]) -> None:
        self._memory = memory
        self._generations = generations
        self._clock = clock
        self._forgotten = memory.forgotten
        self._items = 0
        self._kept: OrderedDict[Hashable, _DerivedValue] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    async def tell(self, key: Hashable, about: object, make: Callable[[], Awaitable[V]]) -> V:
        """What `make` returns, now or when it was made last of the same facts. Kept only where nothing but what is at
        hand may be told; it must depend on nothing but its key and facts."""
        if not is_only_if_cached():
            return await make()
        found = self._find(key)
        if found is None:
            found = await self._make(key, about, make)
        current_usage().include(found.usage)
        value: V = found.value
        return value

    def _find(self, key: Hashable) -> _DerivedValue | None:
        if self._memory.forgotten != self._forgotten:
            self._forgotten = self._memory.forgotten
            self._kept.clear()
            self._items = 0
            return None
        found = self._kept.get(key)
        if found is None:
            return None
        now, usage = self._clock(), found.usage
        holds = now < usage.valid_until and found.total == self._generations.total
        if not holds or (usage.oldest_confirmation or 0.0) < oldest_acceptable():
            return None
        if now - found.touched_at >= _TOUCH_SECONDS:
            found.touched_at = now
            self._kept.move_to_end(key)
            for place in usage.known:
                self._memory.use(place)
        return found

    async def _make(self, key: Hashable, about: object, make: Callable[[], Awaitable[Any]]) -> _DerivedValue:
        total, request = self._generations.total, current_usage()
        with measuring(Usage(caller=request.caller, clock=request.clock)) as usage:
            value = await make()
        made = _DerivedValue(value, about, usage, total, self._clock())
        if not usage.stale and not usage.incomplete and not usage.notes and total == self._generations.total:
            self._keep(key, made)
        return made

    def _keep(self, key: Hashable, made: _DerivedValue) -> None:
        old = self._kept.pop(key, None)
        self._items += made.items - (old.items if old else 0)
        self._kept[key] = made
        while len(self._kept) > _MOST or (self._items > _MOST_ITEMS and len(self._kept) > 1):
            _, gone = self._kept.popitem(last=False)
            self._items -= gone.items
