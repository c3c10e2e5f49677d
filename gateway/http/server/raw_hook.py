"""What the HTTP protocol and the application share: answers to requests that are the same to the last byte, but for
headers that name them (see request_names).

The protocol shows the application each request that came whole and alone (`ExactRequest` in its scope). An application
that wants to be asked before such a request is parsed again opens the front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

EXACT = "gateway.exact"
"""Where a scope holds the ExactRequest."""

ARRIVED = "gateway.arrived"
"""Where a scope holds the `time.monotonic()` at which the request had arrived and could have been begun."""


class RawAnswer(NamedTuple):
    """An answer of status 200: its headers without the length, as lines; the body's length, the body in two parts. One
    without a length is 304: the client holds it already."""

    headers: bytes
    length: int | None
    start: bytes
    end: bytes


AnswerExact = Callable[[str, bytes], RawAnswer | None]


class RawHook:
    """One per process. Closed until an application opens it, and for good from when the process is to leave."""

    def __init__(self) -> None:
        self.answer: AnswerExact | None = None
        self._leaving = False

    def open(self, answer: AnswerExact) -> None:
        """From now on `answer` is asked for every request that comes whole and alone: with its peer and its bytes. The
        first one that is opened stays."""
        if not self._leaving and self.answer is None:
            self.answer = answer

    def close(self) -> None:
        """Everything goes through the application again, which asks to close connections."""
        self._leaving = True
        self.answer = None


@dataclass(slots=True)
class ExactRequest:
    """A request as it came, but for what names it (see request_names). `is_whole` when nothing came before or behind
    it; false until its end is known."""

    raw_hook: RawHook
    peer: str
    data: bytes
    is_whole: bool = False
