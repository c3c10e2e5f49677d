"""Seconds that no run takes, and starts that are reckoned: they cost themselves, never the answer."""

from __future__ import annotations

import pytest

from tests.figures.conftest import Ask
from tests.figures.small_archive import DAY, Command, Did, SmallArchive

QUERY = """{ model(id: "shop.odd") { runtime lastRun { runtime status } runs(first: 5) { nodes { runtime startTime } } }
    run(id: "100") { runtime averageModelRuntime(first: 5) { runtime } }
    job(id: "1") { averageModelRuntime(first: 5, lastRuns: 5) { runtime } averageRuntime { runtime } }
    account { slowestModels(first: 5, lastRuns: 5) { runtime model { id } } } }"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["gateway", "without_admin"])
@pytest.mark.parametrize("seconds", [1e308, -5.0])
async def test_an_impossible_runtime_is_not_ranked(small: SmallArchive, ask: Ask, seconds: float, way: str) -> None:
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("odd", seconds=seconds), Did("m", seconds=2.0)]))
    async with getattr(ask(small), way)() as gateway:
        reply = await gateway.ask(QUERY)
    assert list(reply.errors) == []
    assert reply.data["account"]["slowestModels"] == [{"runtime": 2.0, "model": {"id": "shop.m"}}]
    assert reply.data["job"]["averageModelRuntime"]["runtime"] == 2.0
