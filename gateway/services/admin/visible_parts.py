"""Under which keys a list of the account is known: whole, and for each set of environments that a caller may see."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.concurrency.bounded_map import BoundedMap

_MOST = 1_000


class VisibleParts:
    """The keys of one list. A run changes the whole list and the parts that hold its environment. For callers who do
    not see the environment, their part stays as it was."""

    def __init__(self, whole: str) -> None:
        self._whole = whole
        self._parts: BoundedMap[frozenset[int], str] = BoundedMap(_MOST)

    def key(self, seen: frozenset[int] | None) -> str:
        """The key of the part with these environments; None: of the whole."""
        if seen is None:
            return self._whole
        key = self._parts.get(seen)
        if key is None:
            key = f"{self._whole} of {','.join(map(str, sorted(seen)))}"
            self._parts.put(seen, key)
        return key

    def touched_by(self, environment_id: int) -> Iterator[str]:
        """The keys under which an environment's jobs are known."""
        yield self._whole
        yield from [key for seen, key in self._parts.items() if environment_id in seen]
