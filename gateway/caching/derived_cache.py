"""What was made of cached facts, kept as long as those facts are: lists in order, filtered lists, maps of projects.

It is returned without looking its facts up one by one, and the usage of the request is what it would be otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sized
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.caching.generations import Generations
from gateway.caching.memory import Memory
from gateway.caching.validity import oldest_acceptable
from gateway.concurrency.bounded_map import BoundedMap
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
        return _length(self.value)


@dataclass(frozen=True, slots=True)
class _ValueOfObjects:
    """A value, and the objects that it was made of. `items`: how many objects it consists of."""

    value: Any
    objects: object
    items: int


class DerivedCache:
    """Values made of the facts of one memory. All of them go when a fact leaves it or is replaced, so that none holds
    on to what the memory has given up."""

    def __init__(self, memory: Memory, generations: Generations, clock: Callable[[], float]) -> None:
        self._memory = memory
        self._generations = generations
        self._clock = clock
        self._forgotten = memory.forgotten
        # A small value takes a full share, so that there are at most so many of them.
        self._kept: BoundedMap[Hashable, _DerivedValue] = BoundedMap(_MOST_ITEMS, _weigh)
        self._of_objects: BoundedMap[Hashable, _ValueOfObjects] = BoundedMap(_MOST_ITEMS, _weigh)

    def __len__(self) -> int:
        return len(self._kept)

    async def tell(self, key: Hashable, about: object, make: Callable[[], Awaitable[V]]) -> V:
        """What `make` returns, now or when it was made last of the same facts; it must depend on nothing but its key
        and facts. Kept and returned again within `only_if_cached` only: there all facts behind it are known, while a
        batch of a DataLoader counts them for whichever field came first."""
        if not is_only_if_cached():
            return await make()
        derived = self._find(key)
        if derived is None:
            derived = await self._make(key, about, make)
        current_usage().include(derived.usage)
        value: V = derived.value
        return value

    async def of_objects(
        self, key: Hashable, objects: object, make: Callable[[], Awaitable[V]], items: int | None = None
    ) -> V:
        """What `make` returns, now or when it was made last of the same `objects`, which the key names by identity.
        `items`: how many objects it consists of, where that is not its length; one of more than 500,000 is not kept.

        They must never change, and the value must depend on nothing else: no fact is used in making it, so it is kept
        and returned in any run, also in one that waits between its pieces.
        """
        self._forget_outdated()
        kept = self._of_objects.get(key)
        if kept is not None:
            value: V = kept.value
            return value
        made = await make()
        if self._memory.forgotten == self._forgotten:
            self._of_objects.put(key, _ValueOfObjects(made, objects, _length(made) if items is None else items))
        return made

    def _forget_outdated(self) -> None:
        if self._memory.forgotten != self._forgotten:
            self._forgotten = self._memory.forgotten
            self._kept.clear()
            self._of_objects.clear()

    def _find(self, key: Hashable) -> _DerivedValue | None:
        self._forget_outdated()
        derived = self._kept.peek(key)
        if derived is None:
            return None
        now, usage = self._clock(), derived.usage
        holds = now < usage.valid_until and derived.total == self._generations.total
        if not holds or (usage.oldest_confirmation or 0.0) < oldest_acceptable():
            return None
        if now - derived.touched_at >= _TOUCH_SECONDS:
            derived.touched_at = now
            self._kept.get(key)
            for place in usage.known:
                self._memory.use(place)
        return derived

    async def _make(self, key: Hashable, about: object, make: Callable[[], Awaitable[Any]]) -> _DerivedValue:
        total, request = self._generations.total, current_usage()
        with measuring(Usage(caller=request.caller, clock=request.clock)) as usage:
            value = await make()
        made = _DerivedValue(value, about, usage, total, self._clock())
        if not usage.stale and not usage.incomplete and not usage.notes and total == self._generations.total:
            self._kept.put(key, made)
        return made


def _length(value: Any) -> int:
    return len(value) if isinstance(value, Sized) else 1


def _weigh(_key: Hashable, derived: _DerivedValue | _ValueOfObjects) -> int:
    return max(derived.items, _MOST_ITEMS // _MOST)
