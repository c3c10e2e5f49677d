"""Handing out the tokens of a budget: at once while there are any, else to all who wait by turns."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable

from gateway.errors import UpstreamBudgetExhausted, UpstreamRateLimited
from gateway.services.resilience.token_bucket import Grant, TokenBalance, TokenBucket

Sleep = Callable[[float], Awaitable[None]]


class FairBudget:
    """A budget shared by callers. While tokens are short, callers get one each in turns, however many they want: a
    dashboard that needs a thousand delays another caller by one token, not by a thousand."""

    def __init__(self, tokens: TokenBucket, api: str, sleep: Sleep = asyncio.sleep) -> None:
        self._tokens = tokens
        self._api = api
        self._sleep = sleep
        self._lines: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()
        self._pump: asyncio.Task[None] | None = None

    async def take(self, caller: Hashable, seconds: float) -> None:
        """Waits for a token, at most so many seconds.

        Raises UpstreamBudgetExhausted when none can be had in time, UpstreamRateLimited while dbt wants to be left
        alone.
        """
        if not self._lines:
            grant = await self._tokens.take()
            if grant.closed:
                raise closed_for(grant.closed)
            if not grant.wait:
                return
            if grant.wait > seconds:
                raise self._exhausted(grant.wait)
        await self._wait_in_line(caller, seconds)

    async def close_for(self, seconds: float) -> None:
        """Sends no requests for so many seconds. Waiting requests fail at once."""
        await self._tokens.close_for(seconds)
        self._refuse_all(seconds)

    def close(self) -> None:
        """Ends the handing out."""
        if self._pump is not None:
            self._pump.cancel()

    def left(self) -> TokenBalance:
        """What is left of the budget."""
        return self._tokens.left()

    @property
    def waiting(self) -> int:
        """How many calls wait for a token."""
        return sum(not waiter.done() for line in self._lines.values() for waiter in line)

    async def _wait_in_line(self, caller: Hashable, seconds: float) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._lines.setdefault(caller, deque()).append(mine)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._serve())
        try:
            async with asyncio.timeout(seconds):
                await mine
        except TimeoutError:
            raise self._exhausted(seconds) from None

    async def _serve(self) -> None:
        while self._drop_gone():
            grant: Grant = await self._tokens.take()
            if grant.closed:
                self._refuse_all(grant.closed)
            elif grant.wait:
                await self._sleep(grant.wait)
            else:
                self._give()

    def _drop_gone(self) -> bool:
        """Lets go of those who no longer wait; whether anybody does."""
        for caller, line in list(self._lines.items()):
            while line and line[0].done():
                line.popleft()
            if not line:
                del self._lines[caller]
        return bool(self._lines)

    def _give(self) -> None:
        """Gives the token to the caller whose turn it is, who then goes to the end of the round."""
        if not self._drop_gone():
            return
        caller, line = next(iter(self._lines.items()))
        line.popleft().set_result(None)
        self._lines.move_to_end(caller)

    def _refuse_all(self, seconds: float) -> None:
        for line in self._lines.values():
            for waiter in line:
                if not waiter.done():
                    waiter.set_exception(closed_for(seconds))
        self._lines.clear()

    def _exhausted(self, seconds: float) -> UpstreamBudgetExhausted:
        return UpstreamBudgetExhausted(
            f"The gateway's budget of requests to dbt's {self._api} API allows no more requests before this request's "
            "deadline. Ask for less at once, or try again in a minute.",
            retryAfter=max(1, math.ceil(seconds)),
        )


def closed_for(seconds: float) -> UpstreamRateLimited:
    """What is said while dbt wants to be left alone for so long."""
    left = max(1, math.ceil(seconds))
    return UpstreamRateLimited(f"dbt's request limit is used up. Try again in {left} s.", retryAfter=left)
