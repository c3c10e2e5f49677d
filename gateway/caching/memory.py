"""The memory of one process: facts of every kind, bounded by the bytes they take together."""

from __future__ import annotations

from collections.abc import Hashable, Set
from typing import Any, Generic, TypeVar

from gateway.concurrency.bounded_map import BoundedMap

Place = tuple[int, Hashable]


V = TypeVar("V")


class Fact(Generic[V]):
    """A value with the times of the caches' clock at which it was asked of dbt (`read_at`) and last known to be true.

    `outdated`: it is known not to be true any more, whatever its age says.
    """

    __slots__ = ("confirmed_at", "invalidated", "read_at", "value", "weight")

    def __init__(self, value: V, read_at: float, weight: int = 0) -> None:
        self.value = value
        self.read_at = read_at
        self.confirmed_at = read_at
        self.weight = weight
        self.invalidated = False


class Memory:
    """Keeps facts until their bytes exceed `capacity`; then the least recently used go, whatever their kind.

    At least one fact stays, however large: the answer that needs it must be possible. `forgotten` counts those that
    went or were replaced.
    """

    def __init__(self, capacity: int) -> None:
        self._kept: BoundedMap[Place, Fact[Any]] = BoundedMap(capacity, lambda _, fact: fact.weight)
        self._kinds = 0
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        """What the facts weigh together."""
        return self._kept.weight

    @property
    def places(self) -> Set[Place]:
        """Where there are facts."""
        return self._kept.keys()

    def new_kind(self) -> int:
        """A number under which one cache keeps its keys apart from the others'."""
        self._kinds += 1
        return self._kinds

    def use(self, place: Place) -> Fact[Any] | None:
        """The fact at a place, which counts as its latest use."""
        return self._kept.get(place)

    def peek(self, place: Place) -> Fact[Any] | None:
        """The fact at a place; this is no use of it."""
        return self._kept.peek(place)

    def put(self, place: Place, fact: Fact[Any]) -> None:
        """Keeps a fact in the place of the one before."""
        self.forgotten += len(self._kept.put(place, fact))

    def forget(self, place: Place) -> None:
        """Drops a fact, if it is there."""
        self.forgotten += self._kept.pop(place) is not None
