"""One deadline per request, carried into every call made for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("gateway_deadline", default=None)


@contextmanager
def deadline_in(seconds: float) -> Iterator[None]:
    """Gives the block `seconds` from now; an outer deadline that ends sooner stays in force."""
    outer = _deadline.get()
    mine = time.monotonic() + seconds
    token = _deadline.set(mine if outer is None else min(outer, mine))
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def deadline_of_its_own(seconds: float) -> Iterator[None]:
    """Gives the block `seconds` from now, whatever the outer deadline: for work that others may wait for too."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left(at_most: float) -> float:
    """Seconds this request may still take, but never more than `at_most`; zero or less when its time is over."""
    deadline = _deadline.get()
    return at_most if deadline is None else min(at_most, deadline - time.monotonic())
