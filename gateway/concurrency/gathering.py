"""asyncio.gather for code that also runs without an event loop, in a block of `only_if_cached`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from gateway.concurrency.only_if_cached import is_only_if_cached

T = TypeVar("T")
U = TypeVar("U")


async def gather(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results in order, the coroutines run side by side; one after the other where there is nothing to wait for.
    Raises the first error."""
    if not is_only_if_cached():
        return await asyncio.gather(*coroutines)
    pending = list(coroutines)
    try:
        return [await coroutine for coroutine in pending]
    finally:
        # After an error some have never started.
        for coroutine in pending:
            coroutine.close()


async def gather_pair(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, U]) -> tuple[T, U]:
    """The same for two results of different types."""
    if not is_only_if_cached():
        of_first, of_second = await asyncio.gather(first, second)
        return of_first, of_second
    try:
        return await first, await second
    finally:
        second.close()
