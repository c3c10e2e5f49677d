"""The last success of a model is one run: that whose seconds are the model's runtime, and none of CI."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.figures.conftest import Ask
from tests.figures.small_archive import DAY, Command, Did, SmallArchive

QUERY = '{ model(id: "shop.m") { runtime lastSuccess { runId runtime status } } }'


@pytest.mark.slow
@pytest.mark.parametrize("way", ["gateway", "without_admin"])
async def test_a_success_of_ci_is_not_the_last_one_of_production(small: SmallArchive, ask: Ask, way: str) -> None:
    small.account({1: {}, 2: {"job_type": "ci"}})
    small.run(300, 1, DAY, Command([Did("m", seconds=40.0)]))
    small.run(200, 2, DAY + timedelta(days=1), Command([Did("m", seconds=7.0)]))
    small.run(100, 1, DAY + timedelta(days=2), Command([Did("m", "error", 1.0)]))
    async with getattr(ask(small), way)() as gateway:
        model = (await gateway.data(QUERY))["model"]
    assert model == {"runtime": 40.0, "lastSuccess": {"runId": "300", "runtime": 40.0, "status": "SUCCESS"}}


@pytest.mark.slow
async def test_a_success_behind_many_runs_of_ci_costs_its_run_once(small: SmallArchive, ask: Ask) -> None:
    small.account({1: {}, 2: {"job_type": "ci"}})
    small.run(300, 1, DAY, Command([Did("m", seconds=40.0)]))
    for day in range(1, 12):
        small.run(day, 2, DAY + timedelta(days=day), Command([Did("m", seconds=7.0)]))
    small.run(100, 1, DAY + timedelta(days=20), Command([Did("m", "error", 1.0)]))
    async with ask(small).gateway() as gateway:
        asked = await gateway.count(QUERY)
        assert (await gateway.data(QUERY))["model"]["lastSuccess"]["runId"] == "300"
    assert all(count == 1 for count in asked.values()), asked
