"""A cluster that loses a node, a master that Sentinels replace, a server behind TLS: all shared like one server."""

from __future__ import annotations

import asyncio
import logging
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.app import create_app
from gateway.caching.redis_address import parse_redis_url
from gateway.caching.redis_client import RedisClient
from gateway.caching.shared_facts import SharedFacts
from gateway.caching.signer import Signer
from gateway.errors import ConfigurationError
from gateway.services.resilience.policy import BudgetPolicy
from gateway.services.resilience.shared_token_bucket import SharedBuckets
from gateway.settings import Settings
from tests.serving import Gateway, serving
from tests.sharing.conftest import free_port
from tests.sharing.redis_groups import RedisProcess, cluster_of_six, role_of, until, watched_pair

pytestmark = pytest.mark.external

QUESTION = (
    "{ account { models(first: 100) { nodes { id runtime } } jobs { nodes { id runs(first: 2) { nodes { id } } } } } }"
)
PATIENCE = 20.0
POLICY = BudgetPolicy(per_minute=6)

log = logging.getLogger(__name__)


def sharing(store: str, url: str, **more: Any) -> Settings:
    return Settings(store_url=store, cache_url=url, cache_secret="the replicas know it", **{"cache_seconds": 2, **more})


def restless(store: str, url: str) -> Settings:
    return sharing(store, url, revision_interval=0.05, topology_seconds=0.05)


@asynccontextmanager
async def replicas(settings: Settings, count: int = 2) -> AsyncIterator[list[Gateway]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(settings)) for _ in range(count)]


async def all_is_shared(url: str) -> None:
    """Facts, leases, messages and the rate of requests, between two that speak to Redis as replicas do."""
    links = [RedisClient(url, PATIENCE) for _ in range(2)]
    first, second = (SharedFacts(link, Signer(b"known to both"), "cloud/1") for link in links)
    heard: list[bytes] = []
    listening = asyncio.create_task(second.listen(heard.append))
    names = [first.name("models", str(number).encode()) for number in range(300)]
    await first.write({name: name.encode() for name in names}, 0, 100)
    values = await second.read(names)
    assert {name: value.payload for name, value in values.items()} == {name: name.encode() for name in names}
    assert await first.lease(names) == names
    assert await second.lease([*names, "another"]) == ["another"]
    await first.release(names)
    assert await second.lease(names) == names
    await second.release([*names, "another"])

    async def hears() -> bool:
        await first.tell(b"a job has run")
        return bool(heard)

    await until(hears)
    account = secrets.token_hex(8)
    closed, rated = (
        [SharedBuckets(link, account).tokens(api, POLICY) for link in links] for api in ("discovery", "admin")
    )
    await closed[0].close_for(60)
    assert 50 < (await closed[1].take()).closed <= 60
    grants = await asyncio.gather(*(bucket.take() for bucket in rated for _ in range(5)))
    assert 1 <= sum(not grant.wait for grant in grants) < 5, "one rate for both"
    assert [bucket.left().shared for bucket in rated] == [True, True]
    assert [link.trouble for link in links] == ["", ""]
    listening.cancel()
    await asyncio.gather(*(link.close() for link in links))


class Watch:
    """Asks two gateways all the time, which read again whatever they know. Every answer must be whole and right."""

    def __init__(self, gateways: list[Gateway], right: Any) -> None:
        self._gateways = gateways
        self._right = right
        self.answers = 0
        self.slowest = 0.0

    async def once(self) -> bool:
        """Asks each once; True when both then use Redis, and nothing is refused there."""
        for gateway in self._gateways:
            started = time.perf_counter()
            assert await gateway.data(QUESTION) == self._right
            self.slowest = max(self.slowest, time.perf_counter() - started)
            self.answers += 1
        await asyncio.sleep(0.05)
        return [await cache_of(gateway) for gateway in self._gateways] == ["shared"] * len(self._gateways)

    async def seconds_to_heal(self, harm: Callable[[], None], is_replaced: Callable[[], Awaitable[bool]]) -> float:
        """Seconds from the harm until another server has taken over and both gateways share again."""
        harm()
        started = time.monotonic()
        async with asyncio.timeout(90):
            # On a busy machine another server may have taken over before the first question is answered.
            assert not await self.once() or await is_replaced(), "Redis is missed"
            while not (await is_replaced() and await self.once()):
                await self.once()
        return time.monotonic() - started


async def cache_of(gateway: Gateway) -> str:
    return str((await gateway.client.get("/readyz")).json()["checks"]["cache"])


async def shares_with_a_new_one(store: str, url: str, right: Any) -> None:
    """A gateway that has just started asks dbt for nothing that another one has read."""
    patient = sharing(store, url, cache_seconds=PATIENCE)
    async with serving(patient) as first:
        assert await first.data(QUESTION) == right

        async def asks_nothing() -> bool:
            """What the first one writes is there some time after its answer."""
            async with serving(patient) as second:
                requests = await second.count(QUESTION)
                assert await second.data(QUESTION) == right
            return requests == {}

        await until(asks_nothing)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, pytest.param(3, marks=pytest.mark.nightly)])
async def test_a_cluster_that_loses_masters_costs_nothing_but_cached_facts(
    demo_store: str, warm_gateway: Gateway, tmp_path: Path, kills: int
) -> None:
    right = await warm_gateway.data(QUESTION)
    async with cluster_of_six(tmp_path) as cluster:
        await all_is_shared(cluster.url)
        assert [await size_of(master) > 0 for master in cluster.masters] == [True] * 3, "facts lie on every node"
        await shares_with_a_new_one(demo_store, cluster.url, right)
        async with replicas(restless(demo_store, cluster.url)) as gateways:
            watch = Watch(gateways, right)
            await until(watch.once)
            for number in range(kills):
                master, replica = cluster.masters[number], cluster.replicas[number]
                seconds = await watch.seconds_to_heal(master.kill, lambda replica=replica: is_master(replica))  # type: ignore[misc]
                log.info("healed %.1f s after a master was killed", seconds)
        await all_is_shared(cluster.url)
        await shares_with_a_new_one(demo_store, cluster.url, right)
    log.info("%d answers, all right; the slowest took %.2f s", watch.answers, watch.slowest)


@pytest.mark.slow
async def test_sentinels_name_another_master_when_theirs_is_killed(
    demo_store: str, warm_gateway: Gateway, tmp_path: Path
) -> None:
    right = await warm_gateway.data(QUESTION)
    async with watched_pair(tmp_path) as watched:
        await all_is_shared(watched.url)
        assert await size_of(watched.master) > 0
        async with replicas(restless(demo_store, watched.url)) as gateways:
            watch = Watch(gateways, right)
            await until(watch.once)
            seconds = await watch.seconds_to_heal(watched.master.kill, lambda: is_master(watched.replica))
        await until(watched.agree_on_the_replica)
        await all_is_shared(watched.url)
        await shares_with_a_new_one(demo_store, watched.url, right)
    log.info("healed after %.1f s; %d answers; the slowest took %.2f s", seconds, watch.answers, watch.slowest)


async def is_master(process: RedisProcess) -> bool:
    """Whether it has taken the place of another."""
    return await role_of(process) == "master"


async def size_of(process: RedisProcess) -> int:
    return int(await process.ask("DBSIZE"))


async def test_tls_with_a_certificate_authority_of_ones_own(tmp_path: Path) -> None:
    authority, certificate, key = self_signed(tmp_path)
    plain = free_port()
    server = RedisProcess(
        *(tmp_path / "redis", "--port", str(plain), "--tls-port", str(secure := free_port())),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no"),
        port=plain,
    )
    try:
        await server.ask("PING")
        await all_is_shared(f"rediss://localhost:{secure}/0?ssl_ca_certs={authority}")
        stranger = RedisClient(f"rediss://localhost:{secure}/0", PATIENCE)
        assert await stranger.run(lambda redis: redis.ping(), None) is None
        assert "CERTIFICATE_VERIFY_FAILED" in stranger.trouble
        await stranger.close()
    finally:
        server.kill()


def self_signed(folder: Path) -> tuple[Path, Path, Path]:
    """An authority's certificate, and one of `localhost` that it signed, with its key."""
    authority, authority_key, certificate, key, request = (
        folder / name for name in ("ca.pem", "ca.key", "cert.pem", "cert.key", "cert.csr")
    )
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes"]
    sign = ["openssl", "x509", "-req", "-days", "1", "-CA", authority, "-CAkey", authority_key, "-CAcreateserial"]
    for command in (
        [*new, "-x509", "-days", "1", "-subj", "/CN=An authority", "-keyout", authority_key, "-out", authority],
        [*new, "-subj", "/CN=localhost", "-keyout", key, "-out", request],
        [*sign, "-in", request, "-extfile", folder / "names", "-out", certificate],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return authority, certificate, key


@pytest.mark.parametrize(
    ("url", "kind", "nodes", "service"),
    [
        ("redis://:p@a:1/3", "server", [], ""),
        ("redis+cluster://a:1,b", "cluster", [("a", 1), ("b", 6379)], ""),
        ("redis+cluster://a/0", "cluster", [("a", 6379)], ""),
        ("rediss+sentinel://u:p@a,[::1]:2/mymaster", "sentinel", [("a", 26379), ("::1", 2)], "mymaster"),
    ],
)
def test_an_address_is_read(url: str, kind: str, nodes: list[tuple[str, int]], service: str) -> None:
    address = parse_redis_url(url)
    assert (address.kind, list(address.nodes), address.service) == (kind, nodes, service)


def test_sentinels_have_passwords_of_their_own_and_the_same_certificates() -> None:
    address = parse_redis_url("rediss+sentinel://u:p%40@a/m?sentinel_password=s&ssl_ca_certs=/ca.pem&db=2")
    assert address.options == {"username": "u", "password": "p@", "ssl_ca_certs": "/ca.pem", "db": 2, "ssl": True}
    assert address.sentinel_options == {"password": "s", "ssl_ca_certs": "/ca.pem", "ssl": True}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://:secret_password@a", "must begin with one of redis://"),
        ("redis+cluster://:secret_password@a/2", "a cluster has only database 0"),
        ("redis+cluster://:secret_password@a?db=2", "a cluster has only database 0"),
        ("redis+cluster://:secret_password/x@a", "names no hosts"),
        ("redis+sentinel://:secret_password@a", "name of Sentinel's service"),
        ("redis+sentinel://:secret_password@a:x/m", "names no hosts"),
        ("redis+cluster://:secret_password@a?no_option=1", "no_option"),
        ("redis+sentinel://:secret_password@a/m?socket_timeout=x", "socket_timeout"),
    ],
)
async def test_an_address_that_makes_no_sense_is_refused_at_the_start(demo_store: str, url: str, reason: str) -> None:
    app = create_app(sharing(demo_store, url))
    with pytest.raises(ConfigurationError, match=reason) as refused:
        async with app.router.lifespan_context(app):
            pass
    assert str(refused.value).startswith("cache_url ")
    assert "secret_password" not in str(refused.value)
