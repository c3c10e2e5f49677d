"""Counts what clients asked the platform, so that a test can tell how often upstream was called."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

_KEPT = 10_000

Record = tuple[str, str, str | None]


@dataclass
class RequestLog:
    """The latest requests as (method, path, operation name), and how many there were of each client in all."""

    _records: deque[Record] = field(default_factory=lambda: deque(maxlen=_KEPT))
    by_client: Counter[str] = field(default_factory=Counter)

    @property
    def records(self) -> list[Record]:
        """The latest requests, oldest first; at most 10,000 are kept."""
        return list(self._records)

    @property
    def count(self) -> int:
        """How many requests were answered since the last `clear`."""
        return self.by_client.total()

    def add(self, method: str, path: str, operation: str | None, client: str) -> None:
        """Notes one request."""
        self._records.append((method, path, operation))
        self.by_client[client] += 1

    def clear(self) -> None:
        """Forgets everything."""
        self._records.clear()
        self.by_client.clear()
