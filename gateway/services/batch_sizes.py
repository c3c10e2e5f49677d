"""What dbt has taught about the size of documents: how many lookups of an operation it accepts at once."""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway.concurrency.deadline import seconds_left
from gateway.errors import UpstreamComplexityExceeded, UpstreamTimeout

# Less time than this is none: the halves of a document would only time out as well.
_LEAST_SECONDS = 0.2


def is_too_heavy(failure: object) -> bool:
    """Whether a document failed for its size: dbt found it too complex, or did not answer in all the time of a call."""
    return isinstance(failure, UpstreamComplexityExceeded) or (
        isinstance(failure, UpstreamTimeout) and failure.had_full_time
    )


def has_time_for_halves() -> bool:
    """Whether there is time left for the halves of a document."""
    return seconds_left(1.0) > _LEAST_SECONDS


class BatchSizes:
    """Remembers for each operation the size that was not too heavy; it doubles again with every `patience` seconds
    that pass, so that one heavy document does not make all later ones small."""

    def __init__(self, patience: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._accepted: dict[str, tuple[int, float]] = {}

    def size(self, operation: str, wanted: int) -> int:
        """How many lookups to put into one document, at most `wanted`."""
        if operation not in self._accepted:
            return wanted
        size, since = self._accepted[operation]
        doublings = int((self._clock() - since) / self._patience)
        grown = size << min(doublings, 32)
        if grown >= wanted:
            return wanted
        return grown

    def refused(self, operation: str, size: int) -> int:
        """Notes that a document of so many lookups was too heavy; the size to try instead."""
        half = max(1, (size + 1) // 2)
        self._accepted[operation] = (half, self._clock())
        return half
