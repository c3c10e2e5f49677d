"""Which run a figure is of: runs of more than a day, last attempts beside CI, cancelled runs in front."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.figures.conftest import Ask
from tests.figures.small_archive import DAY, PRODUCTION, Command, Did, SmallArchive

HOUR = timedelta(hours=1)
LAST_RUN = '{ model(id: "shop.m") { runtime lastRunStatus lastRun { status runId runtime } } }'


def long_run_among_many(small: SmallArchive) -> SmallArchive:
    """Run 1000 of job 1 fails, and its retry of 100 s comes thirty hours later, after 110 runs of job 2 of 1 s each."""
    models = 250
    small.account({1: {}, 2: {}})
    everything = [Did(f"m{n}", "success", 1.0) for n in range(models)]
    failed = [Did(f"m{n}", "error", 1.0) for n in range(models)]
    retried = [Did(f"m{n}", "success", 100.0) for n in range(models)]
    small.run(999, 1, DAY - HOUR, Command(everything), finished_at=None)
    small.run(1000, 1, DAY, Command(failed), Command(retried, ends=30 * HOUR, elapsed=200.0))
    for n in range(110):
        small.run(1001 + n, 2, DAY + n * HOUR / 4 + HOUR / 8, Command([Did("m1", "success", 1.0)]))
    return small


@pytest.mark.slow
async def test_a_run_of_more_than_a_day_stays_in_rankings_and_histories(small: SmallArchive, ask: Ask) -> None:
    query = """{ account { slowestModels(first: 1, lastRuns: 3) { runtime runCount model { id } }
        models(first: 250) { nodes { id runs(first: 3) { nodes { runtime } } } } } }"""
    async with ask(long_run_among_many(small)).gateway() as gateway:
        account = (await gateway.data(query))["account"]
    (slowest,) = account["slowestModels"]
    histories = {one["id"]: [run["runtime"] for run in one["runs"]["nodes"]] for one in account["models"]["nodes"]}
    assert histories["shop.m1"] == [100.0, 1.0, 1.0], "the runs that ended last hold three of it without the long one"
    assert slowest["runtime"] == (100.0 + 1.0) / 2
    assert slowest["runCount"] == 2


def with_ci(small: SmallArchive) -> SmallArchive:
    """A success of 2 s by job 1, then a failure of 9 s by CI in the same environment."""
    small.account({1: {}, 2: {"job_type": "ci"}})
    small.run(100, 1, DAY, Command([Did("m", "success", 2.0)]))
    return small.run(101, 2, DAY + HOUR, Command([Did("m", "error", 9.0)]), status=20)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["gateway", "without_admin"])
async def test_both_fields_of_the_last_attempt_speak_of_one_run(small: SmallArchive, ask: Ask, way: str) -> None:
    async with getattr(ask(with_ci(small)), way)() as gateway:
        model = (await gateway.data(LAST_RUN))["model"]
    last = {"status": "SUCCESS", "runId": "100", "runtime": 2.0}
    assert model == {"runtime": 2.0, "lastRunStatus": "SUCCESS", "lastRun": last}


@pytest.mark.slow
def test_the_library_speaks_of_one_run(small: SmallArchive, ask: Ask) -> None:
    with ask(with_ci(small)).account() as account:
        (model,) = account.get_models()
        last = model.get_last_run()
        assert last is not None
        assert (last.run_id, model.last_run_status, model.last_run_runtime) == ("100", "success", 2.0)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["gateway", "without_admin"])
async def test_an_execution_that_its_own_run_superseded_is_no_last_success(
    small: SmallArchive, ask: Ask, way: str
) -> None:
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m", "success", 2.0)]))
    again = Command([Did("m", "error", 1.0)], ends=timedelta(minutes=5))
    small.run(101, 1, DAY + HOUR, Command([Did("m", "success", 5.0)]), again, status=20)
    async with getattr(ask(small), way)() as gateway:
        model = (await gateway.data(LAST_RUN))["model"]
    last = {"status": "FAILURE", "runId": "101", "runtime": 1.0}
    assert model == {"runtime": 2.0, "lastRunStatus": "FAILURE", "lastRun": last}


@pytest.mark.slow
@pytest.mark.parametrize("args", [{"which": "clone"}, {"empty": True}, {"sample": {"start": "2026-01-01"}}])
async def test_what_builds_no_data_leaves_the_last_success_alone(
    small: SmallArchive, ask: Ask, args: dict[str, object]
) -> None:
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m", "success", 50.0)]))
    small.run(101, 1, DAY + HOUR, Command([Did("m", "success", 0.5)], args=args))
    async with ask(small).gateway() as gateway:
        model = (await gateway.data(LAST_RUN))["model"]
    assert (model["runtime"], model["lastRun"]["runId"]) == (50.0, "101")


@pytest.mark.slow
async def test_cancelled_runs_in_front_do_not_hide_what_a_job_builds(small: SmallArchive, ask: Ask) -> None:
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m")]))
    for n in range(6):
        small.run(101 + n, 1, DAY + (n + 1) * HOUR, status=30, environment_id=PRODUCTION)
    query = """{ job(id: 1) { models { nodes { id } } slowestModels { runtime } }
        model(id: "shop.m") { jobs { nodes { id } } } }"""
    async with ask(small).gateway() as gateway:
        data = await gateway.data(query)
    assert data["job"] == {"models": {"nodes": [{"id": "shop.m"}]}, "slowestModels": [{"runtime": 1.0}]}
    assert data["model"]["jobs"]["nodes"] == [{"id": "1"}]


@pytest.mark.slow
async def test_runtimes_by_model_name_each_model_by_an_id_of_its_own(small: SmallArchive, ask: Ask) -> None:
    """Two packages had a model m; the one of `utils` is gone by now."""
    small.account({1: {}})
    small.run(100, 1, DAY, Command([Did("m", "success", 2.0), Did("m", "success", 7.0, package="utils")]))
    small.run(101, 1, DAY + HOUR, Command([Did("m", "success", 3.0)]))
    query = "{ job(id: 1) { runtimes(lastRuns: 2, byModel: true) { modelId runtime runId } } }"
    async with ask(small).gateway() as gateway:
        found = (await gateway.data(query))["job"]["runtimes"]
    assert [(one["runId"], one["modelId"], one["runtime"]) for one in found] == [
        ("101", "shop.m", 3.0),
        ("100", "shop.m", 2.0),
        ("100", "shop.utils.m", 7.0),
    ]
