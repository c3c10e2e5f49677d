"""How many live connections there may be: in all, and of one caller. A place is given back however its holder ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.http.refusals import TooManyStreams


@dataclass(frozen=True, slots=True)
class LivePolicy:
    """Most sockets and event streams in all and of one caller, most operations on one socket.

    `init_seconds` is how long a socket may take to introduce itself; every `heartbeat_seconds` a silent event stream
    shows that it lives, and the credentials of silent connections are looked at.
    """

    connections: int = 500
    connections_per_caller: int = 50
    operations: int = 20
    init_seconds: float = 5.0
    heartbeat_seconds: float = 12.0


class Slots:
    """Counts live connections; `changed` is called when their number has."""

    def __init__(self, policy: LivePolicy, changed: Callable[[], None] = lambda: None) -> None:
        self._policy = policy
        self._changed = changed
        self._taken: Counter[str] = Counter()
        self._open = 0

    def open(self) -> int:
        """Connections that hold a place now."""
        return self._open

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among all connections, for the block. Raises TooManyStreams."""
        if self._open >= self._policy.connections:
            raise TooManyStreams("The gateway holds as many live connections as it takes. Try again later.")
        self._open += 1
        self._changed()
        try:
            yield
        finally:
            self._open -= 1
            self._changed()

    @contextmanager
    def place_of(self, caller: str) -> Iterator[None]:
        """A place among the connections of one caller, for the block. Raises TooManyStreams."""
        if self._taken[caller] >= self._policy.connections_per_caller:
            most = self._policy.connections_per_caller
            raise TooManyStreams(f"This caller holds {most} live connections already; close one first.")
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]
