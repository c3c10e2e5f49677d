"""Replicas that share a Redis keep to one rate of requests to dbt together, and leave dbt alone together."""

from __future__ import annotations

import asyncio
import signal
import time

from gateway.caching.redis_link import RedisLink
from gateway.services.discipline.policy import BudgetPolicy
from gateway.services.discipline.shared_tokens import SharedBuckets
from gateway.services.discipline.tokens import TokenStore
from gateway.settings import Settings
from tests.serving import serving
from tests.sharing.conftest import OwnRedis
from tests.upstream.faults import on, reply

POLICY = BudgetPolicy(per_minute=120)
BURST, PER_SECOND = 12, 2
QUESTION = "{ account { models(first: 100) { totalCount } } }"


async def given(stores: list[TokenStore], wanted: int) -> int:
    """How many of so many tokens each store gives at once."""
    grants = await asyncio.gather(*(store.take() for store in stores for _ in range(wanted)))
    return sum(not grant.wait and not grant.closed for grant in grants)


def two(redis: OwnRedis, seconds: float = 10) -> tuple[list[RedisLink], list[TokenStore]]:
    links = [RedisLink(redis.url, seconds) for _ in range(2)]
    return links, [SharedBuckets(link, "an account").tokens("discovery", POLICY) for link in links]


async def test_two_replicas_never_exceed_the_rate_of_one(redis: OwnRedis) -> None:
    links, stores = two(redis)
    began = time.monotonic()
    found = 0
    for _ in range(5):
        found += await given(stores, 20)
        await asyncio.sleep(0.1)
    most = BURST + PER_SECOND * (time.monotonic() - began)

    assert BURST <= found <= most
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

    assert 2 * BURST / 4 <= found <= 2 * BURST / 4 + PER_SECOND * (time.monotonic() - began)
    assert [store.left().shared for store in stores] == [False, False]

    redis.signal(signal.SIGCONT)
    for store in stores:
        while not store.left().shared:
            await asyncio.sleep(0.05)
            await store.take()
    await asyncio.gather(*(one.close() for one in links))


async def test_a_rate_limit_that_one_gateway_meets_keeps_the_other_from_asking(
    demo_store: str, redis: OwnRedis
) -> None:
    settings = Settings(store_url=demo_store, cache_url=redis.url, cache_seconds=10, discovery_requests_per_minute=600)
    async with serving(settings) as first, serving(settings) as second:
        first.upstream.fault = on("EnvironmentHeaders", reply(429, b"", Retry_After="60"))
        assert set((await first.ask(QUESTION)).codes.values()) == {"UPSTREAM_RATE_LIMITED"}

        assert set((await second.ask(QUESTION)).codes.values()) == {"UPSTREAM_RATE_LIMITED"}

        assert "EnvironmentHeaders" not in second.upstream.operations


async def test_two_gateways_stay_within_one_budget(demo_store: str, redis: OwnRedis) -> None:
    settings = Settings(
        store_url=demo_store,
        cache_url=redis.url,
        cache_seconds=10,
        discovery_requests_per_minute=PER_SECOND * 60,
        revision_interval=1e-9,
        topology_seconds=60,
        stale_seconds=0,
    )
    async with serving(settings) as first, serving(settings) as second:
        began = time.monotonic()
        for _ in range(12):
            replies = await asyncio.gather(first.ask(QUESTION), second.ask(QUESTION))
            assert not any(reply.errors for reply in replies)
        took = time.monotonic() - began

    calls = [call for one in (first, second) for call in one.upstream.calls if call.document]
    assert len(calls) <= BURST + PER_SECOND * took
    assert len(calls) > BURST, "otherwise nobody had to wait"
