"""The one bounded map: the least recently used entry leaves first. `ComputedMap` is its form for several threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, ItemsView, KeysView
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def _one(_key: Any, _value: Any) -> int:
    return 1


class BoundedMap(Generic[K, V]):
    """Keeps entries that weigh at most `most` together, each 1 unless `weigh` says more, and always the last one.

    What an entry weighs must not change while it is kept. For use by one thread.
    """

    __slots__ = ("_entries", "_most", "_weigh", "weight")

    def __init__(self, most: int, weigh: Callable[[K, V], int] = _one) -> None:
        self._most = most
        self._weigh = weigh
        self._entries: OrderedDict[K, V] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def keys(self) -> KeysView[K]:
        """The keys, the least recently used first."""
        return self._entries.keys()

    def items(self) -> ItemsView[K, V]:
        """The entries, the least recently used first."""
        return self._entries.items()

    def get(self, key: K) -> V | None:
        """The value of a key, or None. This counts as its latest use."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def peek(self, key: K) -> V | None:
        """The value of a key, or None. This is no use of it."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> list[V]:
        """Keeps a value (never None) in the place of the one before. Returns what left for it, that one included."""
        before = self.pop(key)
        left = [] if before is None else [before]
        self._entries[key] = value
        self.weight += self._weigh(key, value)
        while self.weight > self._most and len(self._entries) > 1:
            oldest, gone = self._entries.popitem(last=False)
            self.weight -= self._weigh(oldest, gone)
            left.append(gone)
        return left

    def pop(self, key: K) -> V | None:
        """Lets go of a key; its value, or None."""
        value = self._entries.pop(key, None)
        if value is not None:
            self.weight -= self._weigh(key, value)
        return value

    def clear(self) -> None:
        """Lets go of everything."""
        self._entries.clear()
        self.weight = 0


class ComputedMap(Generic[V]):
    """Values computed when they are first asked for, bounded as in BoundedMap. Safe to share between threads.

    Two threads may compute the same value at once; the last one stays.
    """

    def __init__(self, most: int, weigh: Callable[[V], int] = lambda _value: 1) -> None:
        self._lock = threading.Lock()
        self._values: BoundedMap[Hashable, tuple[Hashable, V]] = BoundedMap(most, lambda _, entry: weigh(entry[1]))

    def peek(self, key: Hashable, version: Hashable = None) -> V | None:
        """The kept value of this version, or None. Nothing is computed."""
        with self._lock:
            kept = self._values.get(key)
        return kept[1] if kept is not None and kept[0] == version else None

    def get(self, key: Hashable, compute: Callable[[], V], version: Hashable = None) -> V:
        """The kept value, or the one computed now; one of another `version` makes room for it.

        Nothing is kept when `compute` raises.
        """
        kept = self.known(key, version)
        if kept is not None:
            return kept
        value = compute()
        with self._lock:
            self._values.put(key, (version, value))
        return value

    def known(self, key: Hashable, version: Hashable = None) -> V | None:
        """The kept value, if there is one of this `version`."""
        with self._lock:
            kept = self._values.get(key)
        return kept[1] if kept is not None and kept[0] == version else None
