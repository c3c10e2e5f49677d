"""The memory of one process: facts of every kind, bounded by the bytes they take together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

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
        self._capacity = capacity
        self._kept: OrderedDict[Place, Fact[Any]] = OrderedDict()
        self._kinds = 0
        self.bytes = 0
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._kept)

    def new_kind(self) -> int:
        """A number under which one cache keeps its keys apart from the others'."""
        self._kinds += 1
        return self._kinds

    def use(self, place: Place) -> Fact[Any] | None:
        """The fact at a place, which counts as its latest use."""
        fact = self._kept.get(place)
        if fact is not None:
            self._kept.move_to_end(place)
        return fact

    def peek(self, place: Place) -> Fact[Any] | None:
        """The fact at a place; this is no use of it."""
        return self._kept.get(place)

    def put(self, place: Place, fact: Fact[Any]) -> None:
        """Keeps a fact in the place of the one before."""
        self.forget(place)
        self._kept[place] = fact
        self.bytes += fact.weight
        while self.bytes > self._capacity and len(self._kept) > 1:
            self.forget(next(iter(self._kept)))

    def forget(self, place: Place) -> None:
        """Drops a fact, if it is there."""
        fact = self._kept.pop(place, None)
        if fact is not None:
            self.bytes -= fact.weight
            self.forgotten += 1
