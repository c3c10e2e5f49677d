"""The way to Redis: what counts as Redis not answering, and what does not."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Awaitable

import pytest
from redis.asyncio import Redis

from gateway.caching.redis_client import RedisClient
from tests.sharing.conftest import OwnRedis

pytestmark = pytest.mark.external


def ping(redis: Redis) -> Awaitable[bool]:
    return redis.ping()


@pytest.mark.slow
async def test_a_process_that_was_busy_itself_does_not_hold_it_against_redis(redis: OwnRedis) -> None:
    """The reply lies there unread when the time of the call is over."""
    link = RedisClient(redis.url, 0.1)
    assert await link.run(ping, None)
    for _ in range(5):
        asyncio.get_running_loop().call_later(0, time.sleep, 0.25)
        assert await link.run(ping, None)
        assert link.is_open
    await link.close()


async def test_more_calls_at_once_than_connections_are_all_answered(redis: OwnRedis) -> None:
    link = RedisClient(redis.url, 10)
    assert await asyncio.gather(*(link.run(ping, None) for _ in range(400))) == [True] * 400
    assert link.is_open
    await link.close()


async def test_a_redis_that_hangs_is_left_alone_and_found_again(redis: OwnRedis) -> None:
    now = 100.0
    link = RedisClient(redis.url, 0.1, lambda: now)
    assert await link.run(ping, None)
    redis.signal(signal.SIGSTOP)
    assert await link.run(ping, None) is None
    assert not link.is_open
    assert await link.run(ping, None) is None
    redis.signal(signal.SIGCONT)
    now += 1.1
    async with asyncio.timeout(30):
        while not await link.run(ping, None):
            now += 10
            await asyncio.sleep(0.01)
    assert link.is_open
    await link.close()


@pytest.mark.slow
async def test_closing_leaves_nothing_behind(redis: OwnRedis) -> None:
    gc.freeze()  # what other tests have left is not looked at below
    before = asyncio.all_tasks()
    link = RedisClient(redis.url, 0.05)
    redis.signal(signal.SIGSTOP)
    calls = [asyncio.create_task(link.run(ping, None)) for _ in range(20)]
    await asyncio.sleep(0)
    await link.close()
    assert set(await asyncio.gather(*calls)) == {None}
    # Servers and browsers of other tests may share the loop, and start tasks of their own meanwhile.
    begun = [str(task.get_coro()) for task in asyncio.all_tasks() - before]
    assert [coroutine for coroutine in begun if "redis" in coroutine.lower()] == []
    del link, calls
    gc.collect()
