"""Objects of lists as the JSON they were encoded to before: facts never change, so neither does what is said of them.

Rows belong to one selection of one plan. An object is known by its identity, which is its own as long as it is held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from weakref import WeakSet

import msgspec

from gateway.concurrency.bounded_map import BoundedMap

# What a row takes beside its text: its place in the table, and the object, which may have left every cache meanwhile.
_OVERHEAD = 1_000
_MOST_REMEMBERED = 8

Rows = Callable[[Sequence[object]], Sequence[object]]


class Room:
    """Room for rows of all plans together. When they exceed `most_bytes`, or facts have changed, all of them go."""

    def __init__(self, most_bytes: int = 64 * 1024 * 1024) -> None:
        self.most_bytes = most_bytes
        self._kept: WeakSet[RowCache] = WeakSet()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes_kept(self) -> int:
        """What rows take, with the objects they hold."""
        return sum(cache.bytes for cache in self._kept)

    def add(self, kept: RowCache) -> None:
        """Counts the rows of one more selection."""
        self._kept.add(kept)

    def clear(self) -> None:
        """Lets go of all rows and of their objects."""
        for cache in self._kept:
            cache.clear()

    def bound(self) -> None:
        """Lets go of all when there are too many."""
        if self.bytes_kept > self.most_bytes:
            self.clear()


class RowCache:
    """The rows of one selection; `rows` makes what is encoded of objects.

    A list is kept when its first object comes the second time: most questions come once, and cost no more for it.
    """

    def __init__(self, room: Room, rows: Rows) -> None:
        self._room = room
        self._rows = rows
        self._texts: dict[int, bytes] = {}
        self._held: list[object] = []
        self._came_first: BoundedMap[int, object] = BoundedMap(_MOST_REMEMBERED)
        self.bytes = 0
        room.add(self)

    def clear(self) -> None:
        """Forgets everything."""
        self._texts, self._held, self.bytes = {}, [], 0
        self._came_first.clear()

    def encode(self, objects: Sequence[object]) -> msgspec.Raw | None:
        """The list as JSON; None when it is to be made anew. Raises what `rows` raises."""
        try:
            texts = list(map(self._texts.__getitem__, map(id, objects)))
        except KeyError:
            made = self._keep(objects) if self._came_before(objects[0]) else None
            if made is None:
                return None
            texts = made
        if not texts:
            return None
        texts[0] = b"[" + texts[0]
        texts[-1] += b"]"
        return msgspec.Raw(b",".join(texts))

    def _came_before(self, first: object) -> bool:
        if self._came_first.peek(id(first)) is first:
            return True
        if _never_changes(first):
            self._came_first.put(id(first), first)
        return False

    def _keep(self, objects: Sequence[object]) -> list[bytes] | None:
        if not all(map(_never_changes, {type(item): item for item in objects}.values())):
            return None
        # Line breaks within texts are escaped in JSON, so lines and rows are the same.
        texts = msgspec.json.Encoder().encode_lines(self._rows(objects)).split(b"\n")[:-1]
        size = sum(map(len, texts)) + _OVERHEAD * len(texts)
        if len(texts) != len(objects) or size > self._room.most_bytes // 2:
            return None
        known = self._texts
        self._held += [item for item in objects if id(item) not in known]
        known.update(zip(map(id, objects), texts, strict=True))
        self.bytes += size
        self._room.bound()
        return texts


def _never_changes(item: object) -> bool:
    """Whether it is of a frozen dataclass."""
    kind = type(item)
    return is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # all of them have it
