"""The library and the GraphQL schema never disagree: the same question gives the same figures."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.discovery_api.api import dbtAccount
from gateway.discovery_api.models import ModelFilter, SearchFilter
from tests.serving import Gateway

FILTERS: list[dict[str, Any]] = [
    {},
    {"tags": ["finance", "hourly"]},
    {"tags": ["daily", "finance"], "tags_match": "all"},
    {"materialization": "table", "min_runtime": 0.2},
    {"max_runtime": 0.2},
]


def graphql(criteria: dict[str, Any]) -> dict[str, Any]:
    """The criteria as the schema's input."""
    names = {"tags_match": "tagsMatch", "min_runtime": "minRuntime", "max_runtime": "maxRuntime"}
    given = {names.get(name, name): value for name, value in criteria.items()}
    return {**given, "tagsMatch": given["tagsMatch"].upper()} if "tagsMatch" in given else given


@pytest.mark.parametrize("criteria", FILTERS)
@pytest.mark.parametrize("last_runs", [1, 4])
async def test_rankings_agree(account: dbtAccount, answers: Gateway, criteria: dict[str, Any], last_runs: int) -> None:
    data = await answers.data(
        """query($n: Int!, $models: ModelFilter, $jobs: SearchFilter) { account {
             slowestModels(first: 9, lastRuns: $n, filter: $models) { rank runtime runs model { id } }
             longestRunningJobs(first: 9, lastRuns: $n, filter: $jobs) { rank runtime runs job { id } } } }""",
        n=last_runs,
        models=graphql(criteria),
        jobs=graphql(criteria),
    )
    models = account.slowest_models(9, last_runs, **criteria)
    jobs = account.longest_running_jobs(9, last_runs, SearchFilter(**criteria))
    assert data["account"] == {
        "slowestModels": [
            {
                "rank": one.ranked.rank,
                "runtime": one.ranked.runtime,
                "runs": one.ranked.runs,
                "model": {"id": one.model_id},
            }
            for one in models
            if one.ranked
        ],
        "longestRunningJobs": [
            {"rank": one.ranked.rank, "runtime": one.ranked.runtime, "runs": one.ranked.runs, "job": {"id": one.job_id}}
            for one in jobs
            if one.ranked
        ],
    }


@pytest.mark.parametrize("criteria", FILTERS)
async def test_lists_agree(account: dbtAccount, answers: Gateway, criteria: dict[str, Any]) -> None:
    data = await answers.data(
        """query($models: ModelFilter, $jobs: SearchFilter, $projects: ProjectFilter) { account {
             projects(filter: $projects, first: 100) { nodes { id modelCount jobCount } }
             models(filter: $models, first: 100) { nodes { id lastRunStatus runtime startTime } }
             jobs(filter: $jobs, first: 100) { nodes { id lastRun { id status runtime } } } } }""",
        models=graphql(criteria),
        jobs=graphql(criteria),
        projects=graphql(criteria),
    )
    assert data["account"]["projects"]["nodes"] == [
        {"id": one.project_id, "modelCount": one.model_count, "jobCount": one.job_count}
        for one in account.get_projects(**criteria)
    ]
    assert data["account"]["models"]["nodes"] == [
        {
            "id": one.model_id,
            "lastRunStatus": one.last_run_status.upper() if one.last_run_status else None,
            "runtime": one.runtime,
            "startTime": one.start_time.isoformat() if one.start_time else None,
        }
        for one in account.get_models(**criteria)
    ]
    assert data["account"]["jobs"]["nodes"] == [
        {
            "id": one.job_id,
            "lastRun": {
                "id": last.run_id,
                "status": last.status.upper(),
                "runtime": last.runtime,
            },
        }
        for one in account.get_jobs(**criteria)
        if (last := one.get_last_run())
    ]


@pytest.mark.parametrize("model_id", ["finance.rpt_trial_balance", "marketing.int_sessions"])
async def test_models_agree(account: dbtAccount, answers: Gateway, model_id: str) -> None:
    data = await answers.data(
        """query($id: ID!) { model(id: $id) {
             runs(first: 10) { nodes { runId status runtime run { runtime } } }
             jobs { nodes { id } } rawCode compiledCode } }""",
        id=model_id,
    )
    model = account.model(model_id)
    assert data["model"]["runs"]["nodes"] == [
        {
            "runId": run.run_id,
            "status": run.model_run.status.upper(),
            "runtime": run.model_run.runtime,
            "run": {"runtime": run.runtime},
        }
        for run in model.get_runs(10)
        if run.model_run
    ]
    assert [one["id"] for one in data["model"]["jobs"]["nodes"]] == [job.job_id for job in model.get_jobs()]
    assert data["model"]["rawCode"] == model.get_sql()
    assert data["model"]["compiledCode"] == model.get_sql(compiled=True)


@pytest.mark.parametrize("job_id", ["301001", "302003"])
async def test_jobs_and_runs_agree(account: dbtAccount, answers: Gateway, job_id: str) -> None:
    data = await answers.data(
        """query($id: ID!) { job(id: $id) {
             models(filter: {tags: ["daily"]}, first: 100) { nodes { id } }
             runs(first: 6) { nodes { id status modelCount
               modelRuns(first: 100) { nodes { uniqueId runtime } } } } } }""",
        id=job_id,
    )
    job = account.job(job_id)
    assert [one["id"] for one in data["job"]["models"]["nodes"]] == [
        model.model_id for model in job.get_models(ModelFilter(tags=["daily"]))
    ]
    assert data["job"]["runs"]["nodes"] == [
        {
            "id": run.run_id,
            "status": run.status.upper(),
            "modelCount": run.model_count,
            "modelRuns": {
                "nodes": [{"uniqueId": one.unique_id, "runtime": one.runtime} for one in run.get_model_runs()]
            },
        }
        for run in job.get_runs(6)
    ]
