"""What dbt has taught about the size of documents: how many lookups of an operation it accepts at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from gateway.concurrency.bounded_map import BoundedMap
from gateway.concurrency.deadline import seconds_left
from gateway.errors import UpstreamComplexityExceeded, UpstreamTimeout

# Less time than this is none: the halves of a document would only time out as well.
_LEAST_SECONDS = 0.2

_MOST_REMEMBERED = 10_000

L = TypeVar("L")


def is_too_heavy(failure: object) -> bool:
    """Whether a document failed for its size: dbt found it too complex, or did not answer in all the time of a call."""
    return isinstance(failure, UpstreamComplexityExceeded) or (
        isinstance(failure, UpstreamTimeout) and failure.had_full_time
    )


def has_time_for_halves() -> bool:
    """Whether there is time left for the halves of a document."""
    return seconds_left(1.0) > _LEAST_SECONDS


class BatchSizes:
    """Remembers, per operation and environment or job, the largest batch size that dbt answered.

    The size doubles after every `patience` seconds, so that one heavy document does not make all later ones small. When
    a document about several of them is too heavy, the size counts for each until they are requested separately.
    """

    def __init__(self, patience: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._accepted: BoundedMap[tuple[str, Hashable], tuple[int, float]] = BoundedMap(_MOST_REMEMBERED)

    def size(self, operation: str, count: int, about: Hashable = None) -> int:
        """How many lookups to put into one document, at most `count`."""
        accepted = self._accepted.get((operation, about))
        if accepted is None:
            return count
        size, since = accepted
        doublings = int((self._clock() - since) / self._patience)
        return min(count, size << min(doublings, 32))

    def refused(self, operation: str, size: int, about: Iterable[Hashable] = (None,)) -> int:
        """Notes that a document of so many lookups was too heavy; the size to try instead."""
        half = max(1, (size + 1) // 2)
        for subject in about:
            self._accepted.put((operation, subject), (half, self._clock()))
        return half

    def documents(
        self, operation: str, count: int, lookups: Sequence[L], about: Callable[[L], Hashable]
    ) -> list[Sequence[L]]:
        """The lookups in documents, each of lookups that may have the same company, in their order."""
        by_size: dict[int, list[L]] = {}
        for lookup in lookups:
            by_size.setdefault(self.size(operation, count, about(lookup)), []).append(lookup)
        return [some[start : start + size] for size, some in by_size.items() for start in range(0, len(some), size)]
