"""How many live connections there may be: in all, of one caller, and of those who have not introduced themselves yet.

A place is given back however its holder ends.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.http.errors import TooManyStreams


@dataclass(frozen=True, slots=True)
class LivePolicy:
    """Most sockets and event streams in all and of one caller, most operations on one socket.

    `introductions` sockets may wait for their introduction, so many of one address (`introductions_per_address`): they
    take none of the places of those who have introduced themselves. `init_seconds` is how long a socket may take to do
    so; every `heartbeat_seconds` a silent event stream shows that it lives, and the credentials of silent connections
    are looked at.
    """

    connections: int = 500
    connections_per_caller: int = 50
    operations: int = 20
    init_seconds: float = 5.0
    heartbeat_seconds: float = 12.0
    introductions: int = 200
    introductions_per_address: int = 50


class Introduction:
    """A socket whose client has not said yet who they are."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._deadline: asyncio.Timeout | None = None
        self._is_over = False

    def within(self, deadline: asyncio.Timeout) -> None:
        """The introduction has to come before this deadline, which has been entered."""
        self._deadline = deadline
        if self._is_over:
            self.end()

    def end(self) -> None:
        """The time is up: others need the place."""
        self._is_over = True
        if self._deadline is not None:
            self._deadline.reschedule(asyncio.get_running_loop().time())

    def finish(self) -> None:
        """It has come, or the client has left."""
        self._deadline = None


class LiveConnectionLimiter:
    """Counts live connections; `changed` is called when their number has."""

    def __init__(self, policy: LivePolicy, changed: Callable[[], None] = lambda: None) -> None:
        self._policy = policy
        self._changed = changed
        self._taken: Counter[str] = Counter()
        self._open = 0
        # In the order in which they came.
        self._introductions: dict[Introduction, None] = {}

    def open(self) -> int:
        """Connections that hold a place now, or wait for their introduction."""
        return self._open + len(self._introductions)

    @contextmanager
    def introduction(self, address: str) -> Iterator[Introduction]:
        """Counts a socket as not introduced, until `introduced` or to the end of the block. Where there are too many of
        them, or of this address, the oldest is ended: who means it says who they are at once. Raises TooManyStreams
        while those who have introduced themselves hold all places."""
        self._check_open()
        of_address = [waiting for waiting in self._introductions if waiting.address == address]
        if len(of_address) >= self._policy.introductions_per_address:
            self._end_introduction(of_address[0])
        elif len(self._introductions) >= self._policy.introductions:
            self._end_introduction(next(iter(self._introductions)))
        introduction = Introduction(address)
        self._introductions[introduction] = None
        self._changed()
        try:
            yield introduction
        finally:
            self.introduced(introduction)

    def introduced(self, introduction: Introduction) -> None:
        """The client has said who they are: from now on another place is theirs."""
        introduction.finish()
        if self._introductions.pop(introduction, self) is None:
            self._changed()

    def _end_introduction(self, introduction: Introduction) -> None:
        del self._introductions[introduction]
        introduction.end()

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among all connections, for the block. Raises TooManyStreams."""
        self._check_open()
        self._open += 1
        self._changed()
        try:
            yield
        finally:
            self._open -= 1
            self._changed()

    def _check_open(self) -> None:
        if self._open >= self._policy.connections:
            raise TooManyStreams("The gateway has reached its limit of live connections. Try again later.")

    @contextmanager
    def place_of(self, caller: str) -> Iterator[None]:
        """A place among the connections of one caller, for the block. Raises TooManyStreams."""
        if self._taken[caller] >= self._policy.connections_per_caller:
            most = self._policy.connections_per_caller
            raise TooManyStreams(f"This caller already has {most} live connections. Close one first.")
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]
