"""How much one connection may have done before others get a turn.

One read of a socket brings up to 256 KB: 43,000 empty frames, or 10,000 pipelined requests. Read in one go they keep
everybody else waiting for seconds. So what arrives is handed on in slices, a few of them in a turn of the event loop;
connections that brought more go on in turn, and nothing more is read of them until all is handed on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

SLICE_BYTES = 1024
"""What is handed on at once: at most 170 frames, or 40 requests."""

TURN_BYTES = 64 * 1024
TURN_EVENTS = 128
"""What one connection may have done in a turn: so many bytes, or the slice that brings so many events."""

TURNS_AT_ONCE = 4
"""So many connections with more to do go on in one turn of the event loop."""


class ReadScheduler:
    """Lets connections that brought more than their share go on, one after the other. One per process."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._is_scheduled = False

    def add(self, go_on: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Calls `go_on` in a later turn of the loop."""
        self._waiting.append(go_on)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for _ in range(min(TURNS_AT_ONCE, len(self._waiting))):
                self._waiting.popleft()()
        finally:
            self._is_scheduled = bool(self._waiting)
            if self._is_scheduled:
                loop.call_soon(self._turn, loop)


class Intake:
    """What one connection has received. `feed` takes a slice and returns how many events were in it; `is_open` says
    whether more may be fed now; `changed` is called when `pending` may have changed."""

    def __init__(
        self,
        scheduler: ReadScheduler,
        loop: asyncio.AbstractEventLoop,
        feed: Callable[[bytes], int],
        is_open: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._scheduler = scheduler
        self._loop = loop
        self._feed = feed
        self._is_open = is_open
        self._changed = changed
        self._data = b""
        self._at = 0
        self._is_queued = False
        self._is_feeding = False

    @property
    def pending(self) -> bool:
        """Whether something has arrived that has not been handed on."""
        return self._at < len(self._data)

    def take(self, data: bytes) -> None:
        """Hands on what has arrived, as much as may be done now."""
        self._append(data)
        if not (self._is_queued or self._is_feeding):
            self._go_on()

    def take_later(self, data: bytes) -> None:
        """Hands on what has arrived in a later turn, behind others who wait for theirs."""
        self._append(data)
        if not (self._is_queued or self._is_feeding):
            self._queue()
        self._changed()

    def resume(self) -> None:
        """More may be fed again, if it may: goes on in a later turn."""
        if self.pending and not (self._is_queued or self._is_feeding) and self._is_open():
            self._queue()

    def rest(self) -> bytes:
        """What has not been handed on, for whoever takes the connection over."""
        rest = self._data[self._at :]
        self.clear()
        return rest

    def clear(self) -> None:
        """Forgets what has not been handed on."""
        self._data, self._at = b"", 0

    def _append(self, data: bytes) -> None:
        if self._at < len(self._data):
            data = self._data[self._at :] + data
        self._data, self._at = data, 0

    def _queue(self) -> None:
        self._is_queued = True
        self._scheduler.add(self._continue, self._loop)

    def _continue(self) -> None:
        self._is_queued = False
        self._go_on()

    def _go_on(self) -> None:
        self._is_feeding = True
        try:
            is_blocked = self._feed_a_turn()
        finally:
            self._is_feeding = False
        if self.pending:
            if not is_blocked:
                self._queue()
        else:
            self._data, self._at = b"", 0
        self._changed()

    def _feed_a_turn(self) -> bool:
        """Feeds what one turn allows. Whether it was stopped because no more may be fed now."""
        size = events = 0
        while self.pending:
            if not self._is_open():
                return True
            data = self._data
            if self._at or len(data) > SLICE_BYTES:
                data = data[self._at : self._at + SLICE_BYTES]
            self._at += len(data)
            size += len(data)
            events += self._feed(data)
            if size >= TURN_BYTES or events >= TURN_EVENTS:
                return False
        return False
