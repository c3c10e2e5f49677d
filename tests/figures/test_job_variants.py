"""A full refresh is a property of a run: averages of a job leave such runs out where it has ordinary ones too."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.figures.conftest import Ask
from tests.figures.small_archive import DAY, OTHER, Command, Did, SmallArchive

QUERY = """query($all: Boolean!) {
  job(id: 1) {
    averageRuntime(lastRuns: 5, includeFullRefresh: $all) { runtime leftOut { reason count } }
    averageModelRuntime(lastRuns: 5, includeFullRefresh: $all) { runtime runCount }
    runtimes(lastRuns: 5) { runtime } }
  account {
    newest: longestRunningJobs(first: 1, includeFullRefresh: $all) { runtime }
    mean: longestRunningJobs(first: 1, lastRuns: 5, includeFullRefresh: $all) { runtime } } }"""


def refreshed_last(small: SmallArchive, steps: list[str]) -> SmallArchive:
    """Two ordinary runs of 60 and 120 s, then a full refresh of 600 s."""
    small.account({1: {"execute_steps": steps}})
    for n, (seconds, refresh) in enumerate([(60, False), (120, False), (600, True)]):
        did = [Did("m", "success", seconds / 10)]
        command = Command(did, timedelta(seconds=seconds), {"full_refresh": refresh}, float(seconds))
        small.run(100 + n, 1, DAY + n * timedelta(days=1), command)
    return small


@pytest.mark.slow
@pytest.mark.parametrize("way", ["gateway", "without_admin"])
@pytest.mark.parametrize("steps", [["dbt build"], []])
async def test_full_refreshes_are_left_out_unless_asked_for(
    small: SmallArchive, ask: Ask, way: str, steps: list[str]
) -> None:
    async with getattr(ask(refreshed_last(small, steps)), way)() as gateway:
        ordinary = await gateway.data(QUERY, all=False)
        everything = await gateway.data(QUERY, all=True)
    assert ordinary["job"]["averageRuntime"] == {
        "runtime": 90.0,
        "leftOut": [{"reason": "FULL_REFRESH", "count": 1}],
    }
    assert ordinary["job"]["averageModelRuntime"] == {"runtime": 9.0, "runCount": 2}
    assert ordinary["account"] == {"newest": [{"runtime": 120.0}], "mean": [{"runtime": 90.0}]}
    assert everything["job"]["averageRuntime"] == {"runtime": 260.0, "leftOut": []}
    assert everything["account"] == {"newest": [{"runtime": 600.0}], "mean": [{"runtime": 260.0}]}
    assert [one["runtime"] for one in ordinary["job"]["runtimes"]] == [600.0, 120.0, 60.0], "single runs are all listed"


@pytest.mark.slow
async def test_a_job_of_full_refreshes_alone_has_an_average(small: SmallArchive, ask: Ask) -> None:
    small.account({1: {"execute_steps": ["dbt build --full-refresh"]}})
    command = Command([Did("m", "success", 5.0)], timedelta(seconds=50), {"full_refresh": True}, 50.0)
    small.run(100, 1, DAY, command)
    async with ask(small).gateway() as gateway:
        job = (await gateway.data("{ job(id: 1) { averageRuntime { runtime } } }"))["job"]
    assert job == {"averageRuntime": {"runtime": 50.0}}


@pytest.mark.slow
def test_the_library_leaves_them_out_too(small: SmallArchive, ask: Ask) -> None:
    with ask(refreshed_last(small, ["dbt build"])).account() as account:
        (job,) = account.longest_running_jobs(1, 5)
        assert job.ranked is not None
        assert job.ranked.runtime == 90.0
        average = job.get_average_job_runtime(5)
        everything = job.get_average_job_runtime(5, include_full_refresh=True)
    assert average is not None
    assert (average, average.left_out) == (90.0, {"fullRefresh": 1})
    assert everything == 260.0


@pytest.mark.slow
async def test_a_job_in_an_unmarked_environment_says_that_its_models_are_not_known(
    small: SmallArchive, ask: Ask
) -> None:
    small.account({1: {}, 2: {"environment_id": OTHER}})
    small.run(100, 1, DAY, Command([Did("m")]))
    small.run(101, 2, DAY, Command([Did("m")]), environment_id=OTHER)
    query = """{ job(id: 2) { models { totalCount }
        averageRuntime(filter: {models: {materialization: "table"}}) { runtime } } }"""
    async with ask(small).gateway() as gateway:
        reply = await gateway.ask(query)
    assert reply.data["job"] == {"models": {"totalCount": 0}, "averageRuntime": {"runtime": 60.0}}
    (note,) = reply.gateway["notes"]
    assert note["job"] == "2"
    assert "neither production nor staging" in note["note"]


@pytest.mark.slow
async def test_every_filter_on_a_job_looks_at_the_run_that_shows_what_it_builds(small: SmallArchive, ask: Ask) -> None:
    """Job 1 built m with the tag `old`; job 2 has built it since with the tag `new`."""
    small.account({1: {}, 2: {}})
    small.run(100, 1, DAY, Command([Did("m", node={"tags": ["old"]})]))
    small.run(101, 2, DAY + timedelta(days=1), Command([Did("m", node={"tags": ["new"]})]))
    query = """query($tag: String!) { job(id: 1) {
        models(filter: {tags: [$tag]}) { nodes { id } }
        slowestModels(filter: {tags: [$tag]}) { runtime }
        averageRuntime(filter: {models: {tags: [$tag]}}) { runtime }
        averageModelRuntime(filter: {tags: [$tag]}) { runtime } }
      account { jobs(filter: {models: {tags: [$tag]}}) { nodes { id } } } }"""
    async with ask(small).gateway() as gateway:
        old, new = (await gateway.data(query, tag="old")), (await gateway.data(query, tag="new"))
    assert old["job"]["models"]["nodes"] == [{"id": "shop.m"}]
    assert old["job"]["slowestModels"] == [{"runtime": 1.0}]
    assert old["job"]["averageRuntime"] == {"runtime": 60.0}
    assert old["job"]["averageModelRuntime"] == {"runtime": 1.0}
    assert old["account"]["jobs"]["nodes"] == [{"id": "1"}]
    assert new["job"]["models"]["nodes"] == []
    assert new["job"]["slowestModels"] == []
    assert new["account"]["jobs"]["nodes"] == [{"id": "2"}]
