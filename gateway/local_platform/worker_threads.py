"""Runs the platform's blocking work in threads, so that an event loop it shares with a gateway never waits for SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


async def in_worker(work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
    """The result of `work`, computed in a thread."""
    return await run_in_threadpool(work, *args, **kwargs)
