"""A bucket of tokens that replicas share through Redis, so that all of them together keep to one rate."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from gateway.caching.redis_link import Command, RedisLink
from gateway.services.discipline.policy import BudgetPolicy
from gateway.services.discipline.tokens import Grant, LocalTokens, TokensLeft, TokenStore
from gateway.services.wire import Api

# While Redis is gone each replica keeps to such a part of the rate: four of them stay within it.
_ALONE = 4

# Seconds are those of Redis' own clock, the only one that all replicas have in common. Answers tokens left, seconds to
# the next one, seconds until the bucket opens again.
_TAKE = """local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local closed = tonumber(redis.call('GET', KEYS[2]) or 0) - now
if closed > 0 then return {'0', '0', tostring(closed)} end
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local saved = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = burst
if saved[1] then tokens = math.min(burst, saved[1] + math.max(0, now - saved[2]) * rate) end
if tokens < 1 then return {tostring(tokens), tostring((1 - tokens) / rate), '0'} end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - 1), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 60)
return {tostring(tokens - 1), '0', '0'}"""

_CLOSE = """local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local closing = now + ARGV[1]
if closing > tonumber(redis.call('GET', KEYS[1]) or 0) then
  redis.call('SET', KEYS[1], string.format('%.6f', closing), 'EX', math.ceil(ARGV[1]))
end"""


class SharedTokens:
    """One API's bucket in Redis. Without Redis a quarter of the rate is this replica's own; a closure that it knows of
    stands either way."""

    def __init__(self, link: RedisLink, name: str, policy: BudgetPolicy, per_minute: float) -> None:
        self._link = link
        self._bucket = name
        self._closure = f"{name}:closed"
        self._rate = per_minute / 60
        self._burst = policy.burst
        self._alone = LocalTokens(replace(policy, per_minute=per_minute / _ALONE))
        self._left: float | None = None

    async def take(self) -> Grant:
        """A token, or when to come again; within the seconds that a call to Redis may take."""
        closed = self._alone.left().closed
        if closed:
            return Grant(closed=closed)
        answer = await self._link.run(self._taking(), None)
        if answer is None:
            self._left = None
            return await self._alone.take()
        tokens, wait, closed = (float(one) for one in answer)
        self._left = tokens
        if closed:
            await self._alone.close_for(closed)
        elif not wait:
            # Should Redis go now, what was spent through it is spent.
            await self._alone.take()
        # Never so little that sleeping for it would not move the clock.
        return Grant(max(0.001, wait) if wait else 0.0, closed)

    async def close_for(self, seconds: float) -> None:
        """Gives no replica a token for so long."""
        await self._alone.close_for(seconds)
        await self._link.run(lambda redis: redis.eval(_CLOSE, 1, self._closure, str(seconds)), None)

    def left(self) -> TokensLeft:
        """What was left when a token was last taken."""
        alone = self._alone.left()
        if self._left is None:
            return replace(alone, shared=False)
        return TokensLeft(self._left, alone.closed, shared=True)

    def _taking(self) -> Command[list[bytes] | None]:
        keys = (self._bucket, self._closure)
        return lambda redis: redis.eval(_TAKE, 2, *keys, str(self._rate), str(self._burst))


class SharedBuckets:
    """The buckets of one account. Replicas that name the same Redis and account share them."""

    def __init__(self, link: RedisLink, account: str) -> None:
        self._link = link
        # The braces keep both keys of a bucket on one node of a cluster.
        self._name = f"dbt-gateway-budget:{{{hashlib.sha256(account.encode()).hexdigest()[:16]}"

    def tokens(self, api: Api, policy: BudgetPolicy) -> TokenStore:
        """The bucket of one API; one of this process where there is no rate to keep to together."""
        if policy.per_minute is None:
            return LocalTokens(policy)
        return SharedTokens(self._link, f"{self._name}:{api}}}", policy, policy.per_minute)
