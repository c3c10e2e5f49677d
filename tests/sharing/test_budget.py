"""Replicas that share a Redis keep to one rate of requests to dbt together, and leave dbt alone together."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest
from redis.asyncio import Redis

from gateway.caching.redis_client import RedisClient
from gateway.services.resilience import shared_token_bucket
from gateway.services.resilience.policy import BudgetPolicy
from gateway.services.resilience.shared_token_bucket import SharedBuckets
from gateway.services.resilience.token_bucket import TokenBucket
from gateway.settings import Settings
from tests.clock import Clock
from tests.services.faults import on, reply
from tests.serving import serving
from tests.sharing.conftest import OwnRedis

pytestmark = pytest.mark.external

POLICY = BudgetPolicy(per_minute=120)
BURST, START, PER_SECOND = 12, 1, 2
QUESTION = "{ account { models(first: 100) { totalCount } } }"


async def given(stores: list[TokenBucket], wanted: int) -> int:
    """How many of so many tokens each store gives at once."""
    grants = await asyncio.gather(*(store.take() for store in stores for _ in range(wanted)))
    return sum(not grant.wait and not grant.closed for grant in grants)


def two(redis: OwnRedis, seconds: float = 10) -> tuple[list[RedisClient], list[TokenBucket]]:
    links = [RedisClient(redis.url, seconds) for _ in range(2)]
    return links, [SharedBuckets(link, "an account").tokens("discovery", POLICY) for link in links]


@pytest.mark.slow
async def test_two_replicas_never_exceed_the_rate_of_one(redis: OwnRedis) -> None:
    links, stores = two(redis)
    began = time.monotonic()
    found = 0
    for _ in range(5):
        found += await given(stores, 20)
        await asyncio.sleep(0.1)
    # Nobody knows of a new bucket what was spent before it was there.
    most = START + PER_SECOND * (time.monotonic() - began)

    assert START <= found <= most
    assert all(store.left().shared for store in stores)
    admin = SharedBuckets(links[0], "an account").tokens("admin", POLICY)
    assert await given([admin], 1) == 1, "each API has a bucket of its own"
    other = SharedBuckets(links[0], "another account").tokens("discovery", POLICY)
    assert await given([other], 1) == 1
    await asyncio.gather(*(one.close() for one in links))


async def test_what_dbt_tells_one_replica_holds_for_all_even_without_redis(redis: OwnRedis) -> None:
    links, (first, second) = two(redis)
    await first.close_for(60)
    await first.close_for(5)

    for store in (first, second):
        assert 50 < (await store.take()).closed <= 60
    redis.kill()
    for store in (first, second):
        assert (await store.take()).closed > 50
    await asyncio.gather(*(one.close() for one in links))


async def test_without_redis_each_replica_has_a_quarter_until_it_is_back(redis: OwnRedis) -> None:
    links, stores = two(redis, seconds=0.15)
    redis.signal(signal.SIGSTOP)
    began = time.monotonic()
    found = await given(stores, 20)

    # Nobody knows what was spent before; then a quarter of the rate for each.
    assert 2 * START <= found <= 2 * START + 2 * PER_SECOND / 4 * (time.monotonic() - began)
    assert [store.left().shared for store in stores] == [False, False]

    redis.signal(signal.SIGCONT)
    for store in stores:
        while not store.left().shared:
            await asyncio.sleep(0.05)
            await store.take()
    await asyncio.gather(*(one.close() for one in links))


class Greedy:
    """Replicas that take every token they can have, while the test moves their clock and that of Redis."""

    def __init__(self, redis: OwnRedis, replicas: int) -> None:
        self._redis = redis
        self._links: list[RedisClient] = []
        self._stores: list[TokenBucket] = []
        self.clock = Clock()
        self.given: list[float] = []
        for _ in range(replicas):
            self.one_more()

    def one_more(self) -> None:
        link = RedisClient(self._redis.url, 0.1, self.clock)
        self._links.append(link)
        self._stores.append(SharedBuckets(link, "an account", self.clock).tokens("discovery", BudgetPolicy(450)))

    async def take_for(self, seconds: float, reachable: bool = True) -> None:
        end = self.clock.now + seconds
        async with Redis.from_url(self._redis.url) as redis:
            while self.clock.now < end:
                if reachable:
                    await redis.set("now", self.clock.now)
                for store in self._stores:
                    await self._take_all(store)
                self.clock.now += 0.5

    async def _take_all(self, store: TokenBucket) -> None:
        while not (grant := await store.take()).wait:
            assert not grant.closed
            self.given.append(self.clock.now)

    @property
    def most_in_a_minute(self) -> int:
        return max(sum(start <= one < start + 60 for one in self.given) for start in set(self.given))

    async def close(self) -> None:
        await asyncio.gather(*(link.close() for link in self._links))


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["none", "restarted empty", "gone and back", "paused"])
async def test_no_minute_sees_more_than_dbt_allows_whatever_befalls_redis(
    redis: OwnRedis, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = shared_token_bucket._TAKE.replace("redis.call('TIME')", "{redis.call('GET', 'now'), '0'}")
    monkeypatch.setattr(shared_token_bucket, "_TAKE", moved)
    greedy = Greedy(redis, 3)
    await greedy.take_for(70)
    for _ in range(4):
        if trouble == "restarted empty":
            redis.kill()
            await redis.start()
            greedy.one_more()
        elif trouble == "gone and back":
            redis.kill()
            await greedy.take_for(6, reachable=False)
            await redis.start()
        elif trouble == "paused":
            redis.signal(signal.SIGSTOP)
            await greedy.take_for(6, reachable=False)
            redis.signal(signal.SIGCONT)
        await greedy.take_for(6)
    await greedy.take_for(30)

    assert greedy.most_in_a_minute <= 500
    assert len(greedy.given) >= 450 / 60 / 4 * (greedy.clock.now - 1_000)
    await greedy.close()


async def test_a_rate_limit_that_one_gateway_meets_keeps_the_other_from_asking(
    demo_store: str, redis: OwnRedis
) -> None:
    settings = Settings(
        store_url=demo_store,
        cache_url=redis.url,
        cache_secret="the replicas know it",
        cache_seconds=10,
        discovery_requests_per_minute=600,
    )
    async with serving(settings) as first, serving(settings) as second:
        first.upstream.fault = on("EnvironmentHeaders", reply(429, b"", Retry_After="60"))
        assert set((await first.ask(QUESTION)).codes.values()) == {"UPSTREAM_RATE_LIMITED"}

        assert set((await second.ask(QUESTION)).codes.values()) == {"UPSTREAM_RATE_LIMITED"}

        assert "EnvironmentHeaders" not in second.upstream.operations


@pytest.mark.slow
async def test_two_gateways_stay_within_one_budget(demo_store: str, redis: OwnRedis) -> None:
    settings = Settings(
        store_url=demo_store,
        cache_url=redis.url,
        cache_secret="the replicas know it",
        cache_seconds=10,
        discovery_requests_per_minute=180,
        revision_interval=1e-9,
        topology_seconds=60,
        stale_seconds=0,
    )
    async with serving(settings) as first, serving(settings) as second:
        began = time.monotonic()
        # Of two that ask at once one reads a header, and the other takes it from there.
        for _ in range(24):
            replies = await asyncio.gather(first.ask(QUESTION), second.ask(QUESTION))
            assert not any(reply.errors for reply in replies)
        took = time.monotonic() - began

    calls = [call for one in (first, second) for call in one.upstream.calls if call.document]
    assert len(calls) <= 18 + 3 * took
    assert len(calls) > 18, "otherwise nobody had to wait"
