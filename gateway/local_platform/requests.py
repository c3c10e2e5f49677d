"""Counts what clients asked the platform, so that a test can say how often upstream was called."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

COUNTS_PATH = "/platform/requests"
_KEPT = 10_000
# Names, paths and operations are the clients' own words: cut, and only so many names told apart.
_LONGEST, _MOST_CLIENTS, OTHERS = 200, 1000, "others"

Record = tuple[str, str, str | None]


@dataclass
class NotedRequest:
    """One request; `operation` is the name of its GraphQL operation once that is known."""

    method: str
    path: str
    client: str
    operation: str | None = None

    def name(self, operation: str | None) -> None:
        """Notes the operation's name, cut."""
        self.operation = operation[:_LONGEST] if operation else None


@dataclass
class RequestLog:
    """The latest requests as (method, path, operation name), and how many there were of each client in all.

    Requests that were refused count as well: by a wrong token, or by a fault. Beyond 1,000 clients the rest are one.
    """

    _noted: deque[NotedRequest] = field(default_factory=lambda: deque(maxlen=_KEPT))
    by_client: Counter[str] = field(default_factory=Counter)

    @property
    def records(self) -> list[Record]:
        """The latest requests, oldest first; at most 10,000 are kept."""
        return [(each.method, each.path, each.operation) for each in self._noted]

    @property
    def count(self) -> int:
        """How many requests there were since the last `clear`."""
        return self.by_client.total()

    def add(self, request: NotedRequest) -> None:
        """Notes one request."""
        request.path, request.client = request.path[:_LONGEST], request.client[:_LONGEST]
        if request.client not in self.by_client and len(self.by_client) >= _MOST_CLIENTS:
            request.client = OTHERS
        self._noted.append(request)
        self.by_client[request.client] += 1

    def clear(self) -> None:
        """Forgets everything."""
        self._noted.clear()
        self.by_client.clear()

    def counts(self) -> dict[str, Any]:
        """The counts as JSON: in all, of each client, and of each client and operation (or path) among the latest."""
        latest: dict[str, Counter[str]] = {}
        for each in self._noted:
            latest.setdefault(each.client, Counter())[each.operation or f"{each.method} {each.path}"] += 1
        return {"total": self.count, "clients": dict(self.by_client), "latest": latest}
