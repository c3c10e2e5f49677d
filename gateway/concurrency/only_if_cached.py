"""A block in which nothing is fetched or waited for: `only-if-cached` (RFC 9111, 5.2.1.7) as a rule for our own caches.

The synchronous attempt of `execution/fast_path` runs in such a block. Two kinds of places look at it: where facts come
from, the caches and the DataLoader, NotCached is raised instead of a fetch; and the tools of this room, `gather` and
`checkpoint`, do without an event loop. All other code is ordinary asyncio code and never asks; a test holds the list.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")


class NotCached(Exception):
    """Something would have to be fetched or waited for. Never reaches a caller."""


MOST_STEPS = 10_000
"""What one block may do, in steps of about a microsecond: everybody else waits until it has ended."""


class _StepBudget:
    """How many steps are left to a block."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST_STEPS


_budget: ContextVar[_StepBudget | None] = ContextVar("gateway_only_if_cached", default=None)


def is_only_if_cached() -> bool:
    """Whether nothing may be fetched or waited for."""
    return _budget.get() is not None


def spend(steps: int) -> None:
    """To be called before about so many microseconds of work in a block. Raises NotCached when the block would do more
    than MOST_STEPS in all. Does nothing outside of a block, where `checkpoint` lets others go on instead."""
    budget = _budget.get()
    if budget is not None:
        budget.left -= steps
        if budget.left < 0:
            raise NotCached


class only_if_cached:  # noqa: N801  # a context manager, as in telemetry.usage
    """Within the block nothing is fetched or waited for; coroutines are run by `run_sync`."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _budget.set(_StepBudget())

    def __exit__(self, *_: object) -> None:
        _budget.reset(self._token)


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing. Raises what it raises, and NotCached when it waits after all."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    coroutine.close()
    raise NotCached
