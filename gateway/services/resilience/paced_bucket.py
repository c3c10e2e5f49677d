"""A part of a budget that others share: its own pace, and never the last tokens of all."""

from __future__ import annotations

from gateway.services.resilience.token_bucket import Grant, LocalTokenBucket, TokenBalance, TokenBucket

_PAUSE_SECONDS = 1.0


class PacedBucket:
    """Takes from `shared` at the pace of `own`. After a token that left fewer than `reserve` it pauses for a second:
    what is left is for callers, who wait for their answers."""

    def __init__(self, own: LocalTokenBucket, shared: TokenBucket, reserve: float) -> None:
        self._own = own
        self._shared = shared
        self._reserve = reserve
        self._pauses = False

    async def take(self) -> Grant:
        """A token of both, or when to come again."""
        if self._pauses:
            self._pauses = False
            return Grant(wait=_PAUSE_SECONDS)
        grant = await self._own.take()
        if grant.wait or grant.closed:
            return grant
        shared = await self._shared.take()
        if shared.wait or shared.closed:
            self._own.give_back()
            return shared
        left = self._shared.left().tokens
        self._pauses = left is not None and left < self._reserve
        return shared

    async def close_for(self, seconds: float) -> None:
        """Gives out no tokens for so many seconds."""
        await self._own.close_for(seconds)
        await self._shared.close_for(seconds)

    def left(self) -> TokenBalance:
        """What is left of its own part."""
        return self._own.left()
