"""Under which keys a list of the account is known: whole, and for each set of environments that a caller may see."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

_MOST = 1_000


class VisibleParts:
    """The keys of one list. What a run in an environment touches are the whole and the parts that hold it: who does not
    see the environment finds his part as it was."""

    def __init__(self, whole: str) -> None:
        self._whole = whole
        self._parts: OrderedDict[frozenset[int], str] = OrderedDict()

    def key(self, seen: frozenset[int] | None) -> str:
        """The key of the part with these environments; None: of the whole."""
        if seen is None:
            return self._whole
        if seen not in self._parts:
            self._parts[seen] = f"{self._whole} of {','.join(map(str, sorted(seen)))}"
            if len(self._parts) > _MOST:
                self._parts.popitem(last=False)
        return self._parts[seen]

    def touched_by(self, environment_id: int) -> Iterator[str]:
        """The keys under which an environment's jobs are known."""
        yield self._whole
        yield from [key for seen, key in self._parts.items() if environment_id in seen]
