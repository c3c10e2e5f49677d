"""What `/metrics` and `/readyz` say of dbt, of the caches and of Redis: the figures that a test counts for itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import Response

from gateway.services.resilience.policy import BudgetPolicy
from gateway.settings import Settings
from tests.clock import Clock
from tests.services.faults import on, reply
from tests.serving import Call, Gateway, serving
from tests.sharing.conftest import OwnRedis, redis

__all__ = ["redis"]

RUNTIMES = "{ account { models(first: 100) { nodes { id runtime } } } }"
Labels = tuple[tuple[str, str], ...]


async def figures(gateway: Gateway) -> dict[tuple[str, Labels], float]:
    """Every sample by its name and labels."""
    text = (await gateway.client.get("/metrics")).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(told: dict[tuple[str, Labels], float], name: str, /, **labels: str) -> float | None:
    return told.get((name, tuple(sorted(labels.items()))))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def aging(demo_store: str, clock: Clock) -> AsyncIterator[Gateway]:
    settings = Settings(store_url=demo_store, discovery_requests_per_minute=600, response_cache_bytes=0)
    async with serving(settings, clock) as gateway:
        yield gateway


async def test_calls_to_dbt_are_counted_by_what_came_of_them(aging: Gateway) -> None:
    await aging.data(RUNTIMES)
    calls = aging.upstream.calls
    admin = sum(not call.document for call in calls)
    found = await figures(aging)
    assert figure(found, "gateway_upstream_calls_total", api="discovery", outcome="ok") == len(calls) - admin
    assert figure(found, "gateway_upstream_calls_total", api="admin", outcome="ok") == admin
    assert figure(found, "gateway_upstream_breaker", api="discovery") == 0
    left = figure(found, "gateway_upstream_requests_left", api="discovery")
    assert left is not None
    assert BudgetPolicy(600).start - (len(calls) - admin) <= left <= 60


@pytest.mark.slow
async def test_a_dbt_in_trouble_shows(aging: Gateway) -> None:
    async def down(call: Call) -> Response | None:
        return Response("gone", 503) if call.document else None

    aging.upstream.fault = down
    for _ in range(30):
        await aging.ask(RUNTIMES)
    found = await figures(aging)
    calls = sum(bool(call.document) for call in aging.upstream.calls)
    assert figure(found, "gateway_upstream_calls_total", api="discovery", outcome="failed") == calls
    retried = figure(found, "gateway_upstream_retries_total", api="discovery") or 0
    short_circuited = (
        figure(found, "gateway_upstream_withheld_total", api="discovery", code="UPSTREAM_CIRCUIT_OPEN") or 0
    )
    # The second try of a call may meet the breaker that its first one opened.
    assert calls - retried <= 30 <= calls - retried + short_circuited
    assert short_circuited > 0
    assert figure(found, "gateway_upstream_breaker", api="discovery") == 2
    assert figure(found, "gateway_upstream_breaker", api="admin") == 0


@pytest.mark.slow
async def test_the_closure_after_a_429_shows(aging: Gateway) -> None:
    aging.upstream.fault = on("EnvironmentHeaders", reply(429, b"", Retry_After="60"))
    for _ in range(2):
        assert set((await aging.ask(RUNTIMES)).codes.values()) == {"UPSTREAM_RATE_LIMITED"}
    found = await figures(aging)
    assert figure(found, "gateway_upstream_calls_total", api="discovery", outcome="rate_limited") == 1
    assert (figure(found, "gateway_upstream_withheld_total", api="discovery", code="UPSTREAM_RATE_LIMITED") or 0) >= 1
    closed = figure(found, "gateway_upstream_closed_seconds", api="discovery")
    assert closed is not None
    assert 0 < closed <= 60


@pytest.mark.slow
async def test_facts_are_counted_by_where_they_were_found(aging: Gateway, clock: Clock) -> None:
    first = await aging.ask(RUNTIMES)
    second = await aging.ask(RUNTIMES)
    found = await figures(aging)
    assert (
        figure(found, "gateway_cache_tier_lookups_total", tier="memory", found="false") == first.gateway["cacheMisses"]
    )
    hits = first.gateway["cacheHits"] + second.gateway["cacheHits"]
    assert figure(found, "gateway_cache_tier_lookups_total", tier="memory", found="true") == hits
    assert (figure(found, "gateway_cache_facts") or 0) > 0
    assert (figure(found, "gateway_cache_bytes") or 0) > 0
    assert figure(found, "gateway_cache_redis_up") is None

    async def down(_: Call) -> Response:
        return Response("gone", 500)

    aging.upstream.fault = down
    clock.now += 100
    assert (await aging.ask(RUNTIMES)).gateway["staleReasons"] == ["UPSTREAM_UNAVAILABLE"]
    found = await figures(aging)
    assert (figure(found, "gateway_stale_facts_total", reason="UPSTREAM_UNAVAILABLE") or 0) > 0


@pytest.mark.slow
async def test_those_who_wait_for_a_reading_of_others_are_counted(aging: Gateway) -> None:
    replies = await asyncio.gather(*(aging.ask(RUNTIMES) for _ in range(20)))
    joined = figure(await figures(aging), "gateway_shared_flights_total")
    assert joined == sum(one.gateway["sharedFlights"] for one in replies)
    assert joined > 0


async def checks(gateway: Gateway) -> tuple[int, Any]:
    answer = await gateway.client.get("/readyz")
    return answer.status_code, answer.json()["checks"].get("cache")


@pytest.mark.slow
async def test_redis_shows_and_its_going_degrades_and_no_more(demo_store: str, redis: OwnRedis) -> None:
    settings = Settings(store_url=demo_store, cache_url=redis.url, cache_secret="the replicas know it", cache_seconds=1)
    async with serving(settings) as first, serving(settings) as second:
        assert await checks(first) == (200, "shared")
        await first.data(RUNTIMES)
        missed = figure(await figures(first), "gateway_cache_tier_lookups_total", tier="redis", found="false")
        assert missed is not None
        assert missed > 0
        await second.data(RUNTIMES)
        found = await figures(second)
        assert figure(found, "gateway_cache_tier_lookups_total", tier="redis", found="true") == missed
        assert figure(found, "gateway_cache_tier_lookups_total", tier="redis", found="false") is None
        assert figure(found, "gateway_cache_redis_up") == 1
        redis.signal(signal.SIGSTOP)
        assert (await checks(first))[1].startswith("degraded: Redis does not answer (")
        assert figure(await figures(first), "gateway_cache_redis_up") == 0
        redis.signal(signal.SIGCONT)
        async with asyncio.timeout(60):
            while await checks(first) != (200, "shared"):
                await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_facts_that_outlived_a_process_are_reported(demo_store: str, tmp_path: Any) -> None:
    settings = Settings(store_url=demo_store, archive_url=f"sqlite:///{tmp_path}/history.db")
    # Two facts: the run, and what each model did in it.
    query = '{ run(id: "70437490011508") { modelRuns { nodes { name } } } }'
    async with serving(settings) as before:
        await before.data(query)
        found = await figures(before)
        assert figure(found, "gateway_cache_tier_lookups_total", tier="database", found="false") == 2
    async with serving(settings) as after:
        await after.data(query)
        found = await figures(after)
        assert figure(found, "gateway_cache_tier_lookups_total", tier="database", found="true") == 2
