"""Redis killed and paused under load, three times each: slower perhaps, never wrong, and back by itself."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from typing import Any

import pytest

from gateway.settings import Settings
from tests.serving import Gateway, serving
from tests.sharing.conftest import OwnRedis

pytestmark = pytest.mark.external

QUESTION = (
    "{ account { models(first: 100) { nodes { id runtime } } jobs { nodes { id runs(first: 2) { nodes { id } } } } } }"
)

log = logging.getLogger(__name__)


class Load:
    """Asks all the time; every answer must be whole and right. Notes how long the slowest took."""

    def __init__(self, gateways: list[Gateway], right: Any) -> None:
        self._gateways = gateways
        self._right = right
        self.answers = 0
        self.slowest = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        await asyncio.gather(*(self._ask(gateway, stop) for gateway in self._gateways for _ in range(2)))

    async def _ask(self, gateway: Gateway, stop: asyncio.Event) -> None:
        while not stop.is_set():
            started = time.perf_counter()
            assert await gateway.data(QUESTION) == self._right
            self.slowest = max(self.slowest, time.perf_counter() - started)
            self.answers += 1
            await asyncio.sleep(0.01)

    async def some_more(self, count: int, of: asyncio.Task[None]) -> None:
        wanted = self.answers + count
        while self.answers < wanted and not of.done():
            await asyncio.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("way", ["killed", "paused"])
async def test_no_answer_is_wrong_while_redis_comes_and_goes(
    demo_store: str, redis: OwnRedis, warm_gateway: Gateway, way: str, times: int
) -> None:
    right = await warm_gateway.data(QUESTION)
    restless = Settings(
        store_url=demo_store,
        cache_url=redis.url,
        cache_secret="the replicas know it",
        revision_interval=0.05,
        topology_seconds=0.05,
    )
    async with serving(restless) as first, serving(restless) as second:
        load, stop = Load([first, second], right), asyncio.Event()
        running = asyncio.create_task(load.run(stop))
        for _ in range(times):
            await load.some_more(3, running)
            if way == "killed":
                redis.kill()
            else:
                redis.signal(signal.SIGSTOP)
            await load.some_more(6, running)
            if way == "killed":
                await redis.start()
            else:
                redis.signal(signal.SIGCONT)
        await load.some_more(3, running)
        back_at = time.perf_counter()
        recovered = await _written_again(redis, load, running)
        until_shared = time.perf_counter() - back_at
        stop.set()
        await running
    log.info(
        "%s %d times: %d answers, all right; the slowest took %.3f s; shared again after %.1f s",
        *(way, times, load.answers, load.slowest, until_shared),
    )
    assert recovered, "facts are shared again"


async def _written_again(redis: OwnRedis, load: Load, running: asyncio.Task[None]) -> bool:
    """Redis is left alone for ten seconds at most after it failed."""
    before = await redis.values()
    for _ in range(100):
        await load.some_more(2, running)
        await asyncio.sleep(0.2)
        if await redis.values() != before:
            return True
    return False
