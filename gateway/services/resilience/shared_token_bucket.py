"""A bucket of tokens that replicas share through Redis, so that all of them together keep to one rate."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.services.resilience.policy import BudgetPolicy
from gateway.services.resilience.token_bucket import Grant, LocalTokenBucket, TokenBalance, TokenBucket
from gateway.services.transport.http_transport import Api

if TYPE_CHECKING:
    from gateway.caching.redis_client import Command, RedisClient

# While Redis is gone each replica keeps to such a part of the rate: four of them stay within it.
_ALONE = 4

# A bucket is forgotten when it must have been full for a minute; it may owe as much as it holds.
_FORGOTTEN_AFTER = 60.0

# Nothing of ours closes a bucket for longer: what says so was written by somebody else, and is not believed.
_LONGEST_CLOSURE = 3600.0

# Seconds are those of Redis' own clock, the only one that all replicas have in common. A bucket that is not there
# begins with ARGV[3] tokens; ARGV[4] were spent past it while Redis was not to be reached. Answers tokens left, seconds
# to the next one, seconds until the bucket opens again. What others wrote under these names counts as nothing.
_TAKE = """local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local until_open = redis.pcall('GET', KEYS[2])
local closed = type(until_open) == 'string' and (tonumber(until_open) or 0) - now or 0
if closed > 0 and closed <= tonumber(ARGV[6]) then return {'0', '0', tostring(closed)} end
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local saved = redis.pcall('HMGET', KEYS[1], 'tokens', 'at')
if saved.err then redis.call('DEL', KEYS[1]) end
local tokens = tonumber(ARGV[3])
local had, at = tonumber(saved[1] or ''), tonumber(saved[2] or '')
if had and had == had and at and at <= now + 1 then
  tokens = math.min(burst, had + math.max(0, now - at) * rate)
end
tokens = math.max(-burst, tokens - ARGV[4])
local wait = 0
if tokens < 1 then wait = (1 - tokens) / rate else tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('EXPIRE', KEYS[1], ARGV[5])
return {tostring(tokens), tostring(wait), '0'}"""

_CLOSE = """local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local closing = now + ARGV[1]
local known = redis.pcall('GET', KEYS[1])
known = type(known) == 'string' and tonumber(known) or 0
if closing > known or known > now + ARGV[2] then
  redis.call('SET', KEYS[1], string.format('%.6f', closing), 'EX', math.ceil(ARGV[1]))
end"""


class SharedTokenBucket:
    """One API's bucket in Redis. Without Redis this replica has a quarter of the rate; a known closure stands either
    way.

    No minute sees more than rate and burst allow, whether Redis goes, hangs or comes back empty: a replica that changes
    from the shared bucket to its own begins with no tokens, and reports what it spent there when Redis is back. A
    shared bucket that has vanished begins with no tokens too.
    """

    def __init__(
        self, link: RedisClient, name: str, policy: BudgetPolicy, per_minute: float, clock: Callable[[], float]
    ) -> None:
        self._link = link
        self._bucket = name
        self._closure = f"{name}:closed"
        self._policy = policy
        self._rate = per_minute / 60
        self._clock = clock
        self._alone = LocalTokenBucket(replace(policy, per_minute=per_minute / _ALONE), clock)
        self._left: float | None = None
        self._spent_alone = 0
        self._kept = math.ceil(2 * policy.burst / self._rate + _FORGOTTEN_AFTER)
        self._known_until = -math.inf
        self._longest = max(_LONGEST_CLOSURE, policy.cooldown)

    async def take(self) -> Grant:
        """A token, or when to come again; within the seconds that a call to Redis may take."""
        closed = self._alone.left().closed
        if closed:
            return Grant(closed=closed)
        spent, self._spent_alone = self._spent_alone, 0
        answer = await self._link.run(self._taking(spent), None)
        if answer is None:
            self._spent_alone += spent
            return await self._take_alone()
        tokens, wait, closed = (float(number) for number in answer)
        self._left = tokens
        if closed:
            self._spent_alone += spent
            await self._alone.close_for(closed)
            return Grant(closed=closed)
        self._known_until = self._clock() + self._kept
        # Never so little that sleeping for it would not move the clock.
        return Grant(max(0.001, wait) if wait else 0.0)

    async def _take_alone(self) -> Grant:
        if self._left is not None:
            self._left = None
            self._alone.drain()
        grant = await self._alone.take()
        self._spent_alone += not (grant.wait or grant.closed)
        return grant

    async def close_for(self, seconds: float) -> None:
        """Gives no replica a token for so long."""
        await self._alone.close_for(seconds)
        await self._link.run(lambda redis: redis.eval(_CLOSE, 1, self._closure, str(seconds), str(self._longest)), None)

    def left(self) -> TokenBalance:
        """What was left when a token was last taken."""
        alone = self._alone.left()
        if self._left is None:
            return replace(alone, shared=False)
        return TokenBalance(self._left, alone.closed, shared=True)

    def _taking(self, spent: int) -> Command[list[bytes] | None]:
        start = 0.0 if self._clock() < self._known_until else self._policy.start
        arguments = [
            str(argument) for argument in (self._rate, self._policy.burst, start, spent, self._kept, self._longest)
        ]
        return lambda redis: redis.eval(_TAKE, 2, self._bucket, self._closure, *arguments)


class SharedBuckets:
    """The buckets of one account. Replicas that name the same Redis and account share them."""

    def __init__(self, link: RedisClient, account: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._link = link
        self._clock = clock
        # The braces keep both keys of a bucket on one node of a cluster.
        self._name = f"dbt-gateway-budget:{{{hashlib.sha256(account.encode()).hexdigest()[:16]}"

    def tokens(self, api: Api, policy: BudgetPolicy) -> TokenBucket:
        """The bucket of one API; one of this process where there is no rate to keep to together."""
        if policy.per_minute is None:
            return LocalTokenBucket(policy)
        return SharedTokenBucket(self._link, f"{self._name}:{api}}}", policy, policy.per_minute, self._clock)
