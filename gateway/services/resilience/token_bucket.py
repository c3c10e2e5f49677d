"""A bucket of tokens, one for each request to dbt; here the one of this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.services.resilience.policy import BudgetPolicy


@dataclass(frozen=True, slots=True)
class Grant:
    """A token (`wait` and `closed` are 0), or the seconds until one may be had, or until the bucket opens again."""

    wait: float = 0.0
    closed: float = 0.0


@dataclass(frozen=True, slots=True)
class TokenBalance:
    """What is left of a budget now; None: it has no bounds. `closed`: seconds until the bucket opens again. `shared`:
    the replicas count together; None: there is nothing to share it through."""

    tokens: float | None
    closed: float
    shared: bool | None = None


class TokenBucket(Protocol):
    """Where the tokens are. Nothing here waits for a token, and nothing fails."""

    async def take(self) -> Grant:
        """A token, or when to come again."""

    async def close_for(self, seconds: float) -> None:
        """Gives out no tokens for so many seconds. A longer closure stands."""

    def left(self) -> TokenBalance:
        """What is known of the bucket without asking anybody."""


class LocalTokenBucket:
    """The bucket of one process. It begins nearly empty: a process before it may have spent the minute's tokens."""

    def __init__(self, policy: BudgetPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._tokens = policy.start
        self._filled_at = clock()
        self._closed_until = clock()

    async def take(self) -> Grant:
        """A token, or when to come again."""
        now = self._clock()
        if now < self._closed_until:
            return Grant(closed=self._closed_until - now)
        if self._policy.per_minute is None:
            return Grant()
        self._fill(now, self._policy.per_minute / 60)
        if self._tokens < 1:
            # Never so little that sleeping for it would not move the clock.
            return Grant(wait=max(0.001, (1 - self._tokens) * 60 / self._policy.per_minute))
        self._tokens -= 1
        return Grant()

    async def close_for(self, seconds: float) -> None:
        """Gives out no tokens for so many seconds."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    def give_back(self) -> None:
        """Takes a token back that was not used."""
        self._tokens = min(self._policy.burst, self._tokens + 1)

    def drain(self) -> None:
        """Begins again with nothing: what there was may have been spent elsewhere."""
        self._tokens, self._filled_at = 0.0, self._clock()

    def left(self) -> TokenBalance:
        """What is left now."""
        now = self._clock()
        closed = max(0.0, self._closed_until - now)
        if self._policy.per_minute is None:
            return TokenBalance(None, closed)
        self._fill(now, self._policy.per_minute / 60)
        return TokenBalance(self._tokens, closed)

    def _fill(self, now: float, per_second: float) -> None:
        self._tokens = min(self._policy.burst, self._tokens + (now - self._filled_at) * per_second)
        self._filled_at = now
