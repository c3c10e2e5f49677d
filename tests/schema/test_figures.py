"""Averages, single runtimes and spreads of jobs and runs, against the artifacts."""

from __future__ import annotations

from collections import Counter
from statistics import fmean, median, quantiles
from typing import Any

import pytest

from tests.oracle.account import Job, Oracle, meets
from tests.oracle.artifacts import FAILED, Result, Run
from tests.schema.test_jobs_and_runs import STATUS
from tests.schema.test_models import iso
from tests.serving import Gateway

JOBS = [301001, 302002, 302003, 303001, 303003]


def window(job: Job, last_runs: int) -> tuple[list[Run], int]:
    """The newest runs that ended by themselves, and how many others lie among and above them: cancelled ones."""
    ended = [place for place, run in enumerate(job.runs) if run.is_completed][:last_runs]
    looked_at = ended[-1] + 1 if len(ended) == last_runs else len(job.runs)
    return [job.runs[place] for place in ended], looked_at - len(ended)


def counts(result: Result) -> bool:
    return result.runtime is not None and result.status not in FAILED


def left_out(results: list[Result]) -> list[dict[str, Any]]:
    reasons = Counter("NOT_EXECUTED" if one.runtime is None else "FAILED" for one in results if not counts(one))
    order = ["FAILED", "NOT_EXECUTED"]
    return [{"reason": reason, "count": reasons[reason]} for reason in order if reasons[reason]]


@pytest.mark.parametrize("job_id", JOBS)
@pytest.mark.parametrize("last_runs", [1, 4, 100])
async def test_the_average_of_a_job_and_its_spread(
    answers: Gateway, oracle: Oracle, job_id: int, last_runs: int
) -> None:
    data = await answers.data(
        "query($id: ID!, $n: Int!) { job(id: $id) { averageRuntime(lastRuns: $n) "
        "{ runtime leftOut { reason count } runtimes { count mean minimum p50 p95 maximum } } } }",
        id=str(job_id),
        n=last_runs,
    )
    runs, passed_over = window(oracle.job(job_id), last_runs)
    times = [run.runtime for run in runs]
    found = data["job"]["averageRuntime"]
    assert found["runtime"] == found["runtimes"]["mean"] == fmean(times)
    assert found["leftOut"] == ([{"reason": "CANCELLED", "count": passed_over}] if passed_over else [])
    assert found["runtimes"]["count"] == len(times)
    assert found["runtimes"]["minimum"] == min(times)
    assert found["runtimes"]["maximum"] == max(times)
    assert found["runtimes"]["p50"] == pytest.approx(median(times))
    if len(times) > 1:
        assert found["runtimes"]["p95"] == pytest.approx(quantiles(times, n=20, method="inclusive")[-1])


async def test_a_filter_asks_whether_the_job_builds_such_a_model(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        '{ job(id: "301001") { does: averageRuntime(filter: {models: {tags: ["daily"]}}) { runtime } '
        'doesNot: averageRuntime(filter: {models: {tags: ["marketing"]}}) { runtime runtimes { count } } } }'
    )
    runs, _ = window(oracle.job(301001), 5)
    assert data["job"] == {
        "does": {"runtime": fmean(run.runtime for run in runs)},
        "doesNot": {"runtime": None, "runtimes": None},
    }


@pytest.mark.parametrize("job_id", JOBS)
@pytest.mark.parametrize("slowest", [1, 3, 1000])
async def test_the_average_over_the_slowest_models_of_a_job(
    answers: Gateway, oracle: Oracle, job_id: int, slowest: int
) -> None:
    data = await answers.data(
        "query($id: ID!, $slowest: Int!) { job(id: $id) { averageModelRuntime(first: $slowest, lastRuns: 4)"
        " { runtime runCount modelCount leftOut { reason count }"
        " runtimes { count mean minimum p50 maximum } } } }",
        id=str(job_id),
        slowest=slowest,
    )
    job = oracle.job(job_id)
    runs, _ = window(job, 4)
    names = [model.unique_id for model in oracle.models_built_by(job)]
    results = {name: [run.results[name] for run in runs if name in run.results] for name in names}
    means = {
        name: fmean(one.execution_time for one in found if counts(one))
        for name, found in results.items()
        if any(map(counts, found))
    }
    taken = sorted(means.values(), reverse=True)[:slowest]
    assert data["job"]["averageModelRuntime"] == {
        "runtime": fmean(taken) if taken else None,
        "runCount": len(runs),
        "modelCount": len(taken),
        "leftOut": left_out([one for found in results.values() for one in found]),
        "runtimes": {
            "count": len(taken),
            "mean": fmean(taken),
            "minimum": min(taken),
            "p50": pytest.approx(median(taken)),
            "maximum": max(taken),
        }
        if taken
        else None,
    }


@pytest.mark.parametrize("criteria", ["", ', filter: {tags: ["daily"]}', ', filter: {materialization: "table"}'])
async def test_the_average_over_the_slowest_models_of_a_run(answers: Gateway, oracle: Oracle, criteria: str) -> None:
    for run in oracle.job(301001).runs[:6]:
        data = await answers.data(
            f"query($id: ID!) {{ run(id: $id) {{ averageModelRuntime(first: 3{criteria}) "
            "{ runtime modelCount } } }",
            id=str(run.id),
        )
        wanted = {"": {}, "d": {"tags": ["daily"]}, "t": {"materialization": "table"}}
        chosen = wanted["" if not criteria else "d" if "daily" in criteria else "t"]
        found = [one for one in run.results.values() if meets(one, **chosen)]
        times = sorted((one.execution_time for one in found if counts(one)), reverse=True)
        assert data["run"]["averageModelRuntime"] == {
            "runtime": fmean(times[:3]) if times else None,
            "modelCount": len(times[:3]),
        }


def ranked(results: list[Result], first: int) -> list[dict[str, Any]]:
    order = sorted(filter(counts, results), key=lambda one: (-one.execution_time, one.unique_id))
    return [
        {"rank": place, "runtime": one.execution_time, "modelRun": {"uniqueId": one.unique_id}}
        for place, one in enumerate(order[:first], start=1)
    ]


@pytest.mark.parametrize("first", [2, 100])
async def test_the_slowest_models_of_a_run_and_of_a_job(answers: Gateway, oracle: Oracle, first: int) -> None:
    ask = f"slowestModels(first: {first}) {{ rank runtime modelRun {{ uniqueId }} }}"
    for job in oracle.production_jobs:
        newest = job.runs[0]
        data = await answers.data(
            f"query($job: ID!, $run: ID!) {{ job(id: $job) {{ {ask} }} run(id: $run) {{ {ask} }} }}",
            job=str(job.id),
            run=str(newest.id),
        )
        assert data["job"]["slowestModels"] == ranked(list(job.built.values()), first)
        assert data["run"]["slowestModels"] == ranked(list(newest.results.values()), first)


@pytest.mark.parametrize("job_id", JOBS)
async def test_the_single_runtimes_of_a_job(answers: Gateway, oracle: Oracle, job_id: int) -> None:
    data = await answers.data(
        "query($id: ID!) { job(id: $id) { runtimes(lastRuns: 4) "
        "{ jobId runId modelId runtime startTime endTime status } "
        "byModel: runtimes(lastRuns: 4, byModel: true) { runId modelId runtime startTime status } } }",
        id=str(job_id),
    )
    job = oracle.job(job_id)
    runs, _ = window(job, 4)
    assert data["job"]["runtimes"] == [
        {
            "jobId": str(job_id),
            "runId": str(run.id),
            "modelId": None,
            "runtime": run.runtime,
            "startTime": iso(run.start),
            "endTime": iso(run.end),
            "status": STATUS[run.record["status"]],
        }
        for run in runs
    ]
    project = run_project(oracle, job)
    assert data["job"]["byModel"] == [
        {
            "runId": str(run.id),
            "modelId": f"{project}.{name.split('.', 2)[2]}",
            "runtime": run.results[name].execution_time,
            "startTime": iso(run.results[name].start),
            "status": "SUCCESS",
        }
        for run in runs
        for name in sorted(run.results, key=lambda one: one.split(".", 2)[2])
        if counts(run.results[name])
    ]


def run_project(oracle: Oracle, job: Job) -> str:
    return next(one.id for one in oracle.production if one.environment_id == job.environment_id)
