"""A Redis in which others wrote, that refuses commands, or cannot be trusted: right answers, and a reason."""

from __future__ import annotations

import asyncio
import logging
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.app import create_app
from gateway.caching.redis_client import RedisClient
from gateway.errors import ConfigurationError
from gateway.services.resilience.policy import BudgetPolicy
from gateway.services.resilience.shared_token_bucket import SharedBuckets
from gateway.settings import Settings, load_settings
from tests.serving import Gateway, serving
from tests.sharing.conftest import OwnRedis

pytestmark = pytest.mark.external

SECRET = "only the replicas know it"
QUERY = "{ account { name projects { nodes { id models { totalCount } } } } }"
COUNTS = {"finance": 16, "logistics": 13, "marketing": 12, "storefront": 11}


def settings_for(store: str, redis: OwnRedis, **given: Any) -> Settings:
    return Settings(store_url=store, cache_url=redis.url, cache_secret=SECRET, cache_seconds=2, **given)


async def counts(gateway: Gateway) -> dict[str, int]:
    data = await gateway.data(QUERY)
    return {node["id"]: node["models"]["totalCount"] for node in data["account"]["projects"]["nodes"]}


async def cache_of(gateway: Gateway) -> str:
    told: str = (await gateway.client.get("/readyz")).json()["checks"]["cache"]
    return told


@pytest.mark.parametrize("empty", [{}, {"cache_secret": ""}, {"service_token": ""}])
async def test_facts_are_never_signed_with_nothing(
    demo_store: str, empty: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_CACHE_URL", "redis://127.0.0.1:1/0")
    for name, value in empty.items():
        monkeypatch.setenv(f"GATEWAY_{name.upper()}", value)
    with pytest.raises(ConfigurationError, match="GATEWAY_CACHE_SECRET"):
        load_settings({"store_url": demo_store})
    app = create_app(Settings(store_url=demo_store, cache_url="redis://127.0.0.1:1/0", **empty))
    with pytest.raises(ConfigurationError, match="GATEWAY_CACHE_SECRET"):
        async with app.router.lifespan_context(app):
            pass


async def test_forgeries_under_our_names_cost_themselves_only(demo_store: str, redis: OwnRedis) -> None:
    async with serving(settings_for(demo_store, redis)) as first:
        assert await counts(first) == COUNTS
    async with Redis.from_url(redis.url) as store:
        names = [name async for name in store.scan_iter("dbt-gateway:*") if b":header:" in name or b":account:" in name]
        assert names
        signed = [await store.get(name) for name in names]
        for place, name in enumerate(names):
            poison: list[Callable[[bytes], Any]] = [
                lambda one: store.lpush(one, "x"),
                lambda one: store.hset(one, "a", "b"),
                lambda one: store.set(one, b"\0" * 100),
                lambda one, other=signed[place - 1]: store.set(one, other),
            ]
            await store.delete(name, name + b":lease")
            await poison[place % 4](name)
            await store.set(name + b":lease", "somebody who never ends")
    async with serving(settings_for(demo_store, redis)) as second:
        assert await counts(second) == COUNTS
        assert await cache_of(second) == "shared"
        assert second.upstream.operations.get("EnvironmentModels") is None, "what was not touched is still shared"


@pytest.mark.parametrize(
    "poison",
    [
        ("set", ":closed", "99999999999999"),
        ("set", ":closed", "nonsense"),
        ("lpush", ":closed", "x"),
        ("set", "", "nonsense"),
        ("hset", "", "tokens", "nonsense"),
        ("hset", "", "tokens", "nan"),
        ("hset", "", "at", "99999999999999"),
    ],
    ids=" ".join,
)
async def test_a_poisoned_budget_stops_nobody(redis: OwnRedis, poison: tuple[str, ...]) -> None:
    link = RedisClient(redis.url, 2)
    bucket = SharedBuckets(link, "account").tokens("discovery", BudgetPolicy(600.0))
    try:
        await bucket.take()
        command, place, *values = poison
        async with Redis.from_url(redis.url) as store:
            (name,) = [name async for name in store.scan_iter("dbt-gateway-budget:*") if not name.endswith(b":closed")]
            if command != "hset":
                await store.delete(name + place.encode())
            await store.execute_command(command, name + place.encode(), *values)
        grant = await bucket.take()
        assert grant.closed == 0
        assert grant.wait < 1
        assert bucket.left().shared
        await bucket.close_for(7)
        assert 6 < (await bucket.take()).closed <= 7
    finally:
        await link.close()


@pytest.mark.slow
async def test_a_redis_without_scripts_still_shares_facts_and_says_what_it_refuses(
    demo_store: str, redis: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with Redis.from_url(redis.url) as store:
        await store.execute_command("ACL", "SETUSER", "default", "-eval", "-evalsha")
    rates = {"discovery_requests_per_minute": 6000, "admin_requests_per_minute": 6000}
    async with serving(settings_for(demo_store, redis, **rates)) as first:
        assert await counts(first) == COUNTS
        assert "degraded: Redis refuses commands (NoPermissionError" in await cache_of(first)
    async with serving(settings_for(demo_store, redis, **rates)) as second:
        assert await counts(second) == COUNTS
        assert "EnvironmentModels" not in second.upstream.operations
    refused = [record for record in caplog.records if "CACHE_REFUSED" in record.message]
    assert len(refused) == 1, "told once; the second found everything in Redis and took no request from the budget"


async def test_a_redis_that_comes_back_empty_is_filled_again(demo_store: str, redis: OwnRedis) -> None:
    async with serving(settings_for(demo_store, redis)) as first:
        assert await counts(first) == COUNTS
        async with Redis.from_url(redis.url) as store:
            await store.flushall()
        async with serving(settings_for(demo_store, redis)) as second:
            assert await counts(second) == COUNTS
            assert await cache_of(second) == "shared"
        assert await redis.values()


async def test_a_certificate_that_is_not_trusted_is_named(
    demo_store: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)  # noqa: ASYNC221
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    url = f"rediss://:secret_password@127.0.0.1:{port}/0"
    async with serving(Settings(store_url=demo_store, cache_url=url, cache_secret=SECRET, cache_seconds=1)) as gateway:
        assert await counts(gateway) == COUNTS
        told = await cache_of(gateway)
    server.close()
    assert told.startswith("degraded: Redis does not answer (ConnectionError")
    assert "CERTIFICATE_VERIFY_FAILED" in told
    lines = [record.message for record in caplog.records if "CACHE_UNAVAILABLE" in record.message]
    assert len(lines) == 1
    assert "secret_password" not in told + caplog.text


def test_the_secret_of_the_token_signs_where_no_other_is_given() -> None:
    assert Settings(service_token="x").sharing_secret == "x"
    assert Settings(service_token="x", cache_secret="y").sharing_secret == "y"
