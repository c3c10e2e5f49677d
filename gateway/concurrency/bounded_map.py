"""A small bounded memory: the least recently used entry leaves first. Safe to share between threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedMap(Generic[Value]):
    """Keeps values that weigh at most `size` together, each 1 unless `weigh` says more, and always the last one.

    Two threads may compute the same value at once; the last one stays.
    """

    def __init__(self, size: int, weigh: Callable[[Value], int] = lambda _value: 1) -> None:
        self._size = size
        self._weigh = weigh
        self._weight = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Hashable, Value]] = OrderedDict()

    def get(self, key: Hashable, compute: Callable[[], Value], version: Hashable = None) -> Value:
        """The kept value, or the one computed now; one of another `version` makes room for it.

        Nothing is kept when `compute` raises.
        """
        with self._lock:
            kept = self._values.get(key)
            if kept is not None and kept[0] == version:
                self._values.move_to_end(key)
                return kept[1]
        value = compute()
        with self._lock:
            self._drop(key)
            self._values[key] = version, value
            self._weight += self._weigh(value)
            while self._weight > self._size and len(self._values) > 1:
                self._drop(next(iter(self._values)))
        return value

    def _drop(self, key: Hashable) -> None:
        kept = self._values.pop(key, None)
        if kept is not None:
            self._weight -= self._weigh(kept[1])
