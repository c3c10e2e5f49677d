"""Answering at once: within a block only what is in memory and believed is told, and nothing is asked or waited for.

Whoever would have to ask raises NotCached before it does, so that the whole attempt can be given up and made again in
the usual way: nothing has happened by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class NotCached(Exception):
    """Something would have to be asked of dbt, or waited for. Never reaches a caller."""


MOST_STEPS = 10_000
"""What one attempt may do, in steps of about a microsecond: everybody else waits until it has ended."""


class _Attempt:
    """How many steps an attempt may yet do."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST_STEPS


_only: ContextVar[_Attempt | None] = ContextVar("gateway_only_at_hand", default=None)


def is_only_if_cached() -> bool:
    """Whether nothing may be asked or waited for."""
    return _only.get() is not None


def ensure_may_fetch() -> None:
    """Raises NotCached where nothing may be asked."""
    if _only.get() is not None:
        raise NotCached


def spend(steps: int) -> None:
    """To be called before about so many microseconds of work. Raises NotCached when the attempt would do more than
    MOST_STEPS in all; does nothing where others can be let on meanwhile (see concurrency.checkpoints)."""
    attempt = _only.get()
    if attempt is not None:
        attempt.left -= steps
        if attempt.left < 0:
            raise NotCached


class only_if_cached:  # noqa: N801  # a context manager, as in telemetry.usage
    """Within the block nothing may be asked or waited for; coroutines are run by `outcome`."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _only.set(_Attempt())

    def __exit__(self, *_: object) -> None:
        _only.reset(self._token)


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing. Raises what it raises, and NotCached when it waits after all."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    coroutine.close()
    raise NotCached


async def gather(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What each of them returns, run side by side; where nothing may be waited for, one after the other."""
    if _only.get() is None:
        return await asyncio.gather(*coroutines)
    pending = list(coroutines)
    try:
        return [await one for one in pending]
    finally:
        # After a failure some have never begun.
        for one in pending:
            one.close()


async def gather_pair(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """The same of two that return different things."""
    if _only.get() is None:
        one, other = await asyncio.gather(first, second)
        return one, other
    try:
        return await first, await second
    finally:
        second.close()
