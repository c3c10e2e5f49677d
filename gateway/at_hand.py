"""Answering at once: within a block only what is in memory and believed is told, and nothing is asked or waited for.

Whoever would have to ask raises NotAtHand before it does, so that the whole attempt can be given up and made again in
the usual way: nothing has happened by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class NotAtHand(Exception):
    """Something would have to be asked of dbt, or waited for. Never reaches a caller."""


_only: ContextVar[bool] = ContextVar("gateway_only_at_hand", default=False)


def only_at_hand() -> bool:
    """Whether nothing may be asked or waited for."""
    return _only.get()


def ensure_may_ask() -> None:
    """Raises NotAtHand where nothing may be asked."""
    if _only.get():
        raise NotAtHand


class at_hand:  # noqa: N801  # a context manager, as in telemetry.usage
    """Within the block nothing may be asked or waited for; coroutines are run by `outcome`."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _only.set(True)

    def __exit__(self, *_: object) -> None:
        _only.reset(self._token)


def outcome(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing. Raises what it raises, and NotAtHand when it waits after all."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    coroutine.close()
    raise NotAtHand


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What each of them returns, run side by side; where nothing may be waited for, one after the other."""
    if not _only.get():
        return await asyncio.gather(*coroutines)
    pending = list(coroutines)
    try:
        return [await one for one in pending]
    finally:
        # After a failure some have never begun.
        for one in pending:
            one.close()


async def both(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """The same of two that return different things."""
    if not _only.get():
        one, other = await asyncio.gather(first, second)
        return one, other
    try:
        return await first, await second
    finally:
        second.close()
