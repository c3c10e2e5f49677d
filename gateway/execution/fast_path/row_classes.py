"""The classes whose instances are encoded as objects, one for each order of keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.concurrency.bounded_map import BoundedMap

Row = Callable[..., Any]
"""Makes what is encoded as an object from the values of its keys, in their order."""


class RowClasses:
    """Makes each class once for all plans: to make one takes as long as a small answer, and one that is given up stays
    in memory until the garbage collector looks at what is old. The last used are kept."""

    def __init__(self, most: int = 1_024) -> None:
        self._known: BoundedMap[tuple[str, ...], Row] = BoundedMap(most)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, names: tuple[str, ...]) -> Row:
        """The class for these keys, which are a caller's: they are data here, never part of any code."""
        known = self._known.get(names)
        if known is not None:
            return known
        slots = [f"f{index}" for index in range(len(names))]
        made = msgspec.defstruct("Row", slots, rename=dict(zip(slots, names, strict=True)), frozen=True, gc=False)
        self._known.put(names, made)
        return made
