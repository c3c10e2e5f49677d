"""Models by the runs of a job, and how often they lie on the critical path: against the runs one by one."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import Any

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import ConnectionOptions
from gateway.settings import Settings
from tests.serving import Gateway

JOBS = "{ account { jobs { nodes { id } } } }"

MATRIX = """query($id: ID!, $runs: Int! = 50, $first: Int! = 200) { job(id: $id) {
  runMatrix(lastRuns: $runs, first: $first) {
    runs { id } rows { uniqueId medianSeconds runtimes statuses model { uniqueId } } leftOut }
  oftenCritical(lastRuns: $runs) { uniqueId share meanSeconds model { uniqueId } } } }"""

RUNS = """query($id: ID!) { job(id: $id) { runs(first: 100) { nodes {
  id status modelRuns { nodes { uniqueId runtime status } }
  criticalPath { results { uniqueId resourceType runtime } } } } } }"""


async def completed(gateway: Gateway, job: str) -> list[Any]:
    """The completed runs of a job with all they did, oldest first."""
    nodes = (await gateway.data(RUNS, id=job))["job"]["runs"]["nodes"]
    return [run for run in nodes if run["status"] in ("SUCCESS", "FAILURE")][::-1]


async def job_ids(gateway: Gateway) -> list[str]:
    return [job["id"] for job in (await gateway.data(JOBS))["account"]["jobs"]["nodes"]][:4]


@pytest.mark.slow
async def test_a_matrix_holds_what_each_run_did_to_each_model(answers: Gateway) -> None:
    for job in await job_ids(answers):
        runs = await completed(answers, job)
        matrix = (await answers.data(MATRIX, id=job))["job"]["runMatrix"]
        assert [run["id"] for run in matrix["runs"]] == [run["id"] for run in runs]
        cells = [{model["uniqueId"]: model for model in run["modelRuns"]["nodes"]} for run in runs]
        assert {row["uniqueId"] for row in matrix["rows"]} == {name for run in cells for name in run}
        for row in matrix["rows"]:
            own = [run.get(row["uniqueId"]) for run in cells]
            assert row["runtimes"] == [one and one["runtime"] for one in own]
            assert row["statuses"] == [one and one["status"] for one in own]
            fine = [one["runtime"] for one in own if one and one["status"] == "SUCCESS"]
            assert row["medianSeconds"] == (pytest.approx(statistics.median(fine)) if fine else None)
            assert row["model"] in (None, {"uniqueId": row["uniqueId"]})
        medians = [row["medianSeconds"] for row in matrix["rows"] if row["medianSeconds"] is not None]
        assert medians == sorted(medians, reverse=True)
        assert [row["medianSeconds"] for row in matrix["rows"]][: len(medians)] == medians, "nulls last"
        short = (await answers.data(MATRIX, id=job, runs=2, first=1))["job"]["runMatrix"]
        assert [run["id"] for run in short["runs"]] == [run["id"] for run in runs[-2:]]
        assert len(short["rows"]) + short["leftOut"] == len({name for run in cells[-2:] for name in run})


@pytest.mark.slow
async def test_what_is_often_critical_is_on_the_critical_paths_of_the_runs(answers: Gateway) -> None:
    for job in await job_ids(answers):
        paths = [run["criticalPath"]["results"] for run in await completed(answers, job) if run["criticalPath"]]
        seconds: dict[str, list[float]] = defaultdict(list)
        for path in paths:
            for result in path:
                if result["resourceType"] == "MODEL":
                    seconds[result["uniqueId"]].append(result["runtime"])
        expected = sorted(seconds, key=lambda name: (-len(seconds[name]), -statistics.fmean(seconds[name]), name))[:10]
        often = (await answers.data(MATRIX, id=job))["job"]["oftenCritical"]
        assert [one["uniqueId"] for one in often] == expected
        for one in often:
            assert one["share"] == pytest.approx(len(seconds[one["uniqueId"]]) / len(paths))
            assert one["meanSeconds"] == pytest.approx(statistics.fmean(seconds[one["uniqueId"]]))


@pytest.mark.parametrize(("runs", "first", "name"), [(0, 5, "lastRuns"), (101, 5, "lastRuns"), (5, 501, "first")])
async def test_sizes_have_bounds(answers: Gateway, runs: int, first: int, name: str) -> None:
    job = (await job_ids(answers))[0]
    reply = await answers.ask(MATRIX, id=job, runs=runs, first=first)
    assert reply.codes["job.runMatrix"] == "BAD_USER_INPUT"
    assert any(name in error["message"] for error in reply.errors)


@pytest.mark.slow
def test_the_library_reports_the_same(settings: Settings) -> None:
    with dbtAccount(client=Client(ConnectionOptions(settings, 300.0))) as account:
        job = account.get_jobs()[0]
        matrix = job.get_run_matrix()
        assert matrix.run_ids == [run.run_id for run in job.get_runs(100)[::-1] if run.status in ("success", "failure")]
        assert all(len(row.runtimes) == len(matrix.run_ids) == len(row.statuses) for row in matrix.rows)
        often = job.get_often_critical(first_n=1)
        assert len(often) == 1
        assert 0 < often[0].share <= 1
