"""The library and the GraphQL schema never disagree: the same question gives the same figures."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.discovery_api.api import Project, dbtAccount
from gateway.discovery_api.exceptions import InvalidArgumentError
from gateway.discovery_api.models import Average, HistoryScope, ModelFilter, SearchFilter
from tests.serving import Gateway

FILTERS: list[dict[str, Any]] = [
    {},
    {"tags": ["finance", "hourly"]},
    {"tags": ["daily", "finance"], "tags_match": "all"},
    {"materialization": "table", "min_runtime": 0.2},
    {"max_runtime": 0.2},
]

MODEL_FILTERS: list[dict[str, Any]] = [
    *FILTERS,
    {"packages": ["common"]},
    {"statuses": ["failure", "skipped"]},
    {"model_ids": ["finance.rpt_ar_aging", "model.marketing.int_sessions"], "tags": ["daily"]},
]


def graphql(criteria: dict[str, Any]) -> dict[str, Any]:
    """The criteria as the schema's input."""
    names = {
        "tags_match": "tagsMatch",
        "min_runtime": "minRuntime",
        "max_runtime": "maxRuntime",
        "model_ids": "modelIds",
    }
    given = {names.get(name, name): value for name, value in criteria.items()}
    if "tagsMatch" in given:
        given["tagsMatch"] = given["tagsMatch"].upper()
    if "statuses" in given:
        given["statuses"] = [status.upper() for status in given["statuses"]]
    return given


def ranked(ranking: list[Any], name: str) -> list[dict[str, Any]]:
    """A ranking of the library as the schema shows it."""
    return [
        {
            "rank": one.ranked.rank,
            "runtime": one.ranked.runtime,
            "runCount": one.ranked.runs,
            name: {"id": one.job_id if name == "job" else one.model_id},
        }
        for one in ranking
    ]


@pytest.mark.parametrize("criteria", FILTERS)
@pytest.mark.parametrize("last_runs", [1, 4])
async def test_rankings_agree(account: dbtAccount, answers: Gateway, criteria: dict[str, Any], last_runs: int) -> None:
    data = await answers.data(
        """query($n: Int!, $models: ModelFilter, $jobs: JobFilter) { account {
             slowestModels(first: 9, lastRuns: $n, filter: $models) { rank runtime runCount model { id } }
             longestRunningJobs(first: 9, lastRuns: $n, filter: $jobs) { rank runtime runCount job { id } } } }""",
        n=last_runs,
        models=graphql(criteria),
        jobs={"models": graphql(criteria)},
    )
    models = account.slowest_models(9, last_runs, **criteria)
    jobs = account.longest_running_jobs(9, last_runs, SearchFilter(**criteria))
    assert data["account"] == {
        "slowestModels": ranked(models, "model"),
        "longestRunningJobs": ranked(jobs, "job"),
    }


@pytest.mark.parametrize("criteria", MODEL_FILTERS)
async def test_filters_for_models_agree(account: dbtAccount, answers: Gateway, criteria: dict[str, Any]) -> None:
    data = await answers.data(
        """query($models: ModelFilter) { account {
             models(filter: $models, first: 100) { nodes { id } }
             slowestModels(filter: $models, lastRuns: 3) { model { id } }
             longestRunningJobs(filter: {models: $models}) { job { id } } } }""",
        models=graphql(criteria),
    )
    assert data["account"] == {
        "models": {"nodes": [{"id": one.model_id} for one in account.get_models(**criteria)]},
        "slowestModels": [{"model": {"id": one.model_id}} for one in account.slowest_models(5, 3, **criteria)],
        "longestRunningJobs": [
            {"job": {"id": one.job_id}} for one in account.longest_running_jobs(model_filter=ModelFilter(**criteria))
        ],
    }


@pytest.mark.parametrize(
    "scope", [{}, {"include_full_refresh": True}, {"include_failed": True, "include_ci": True}], ids=str
)
async def test_scopes_agree(account: dbtAccount, answers: Gateway, scope: dict[str, bool]) -> None:
    names = {"include_full_refresh": "includeFullRefresh", "include_failed": "includeFailed", "include_ci": "includeCi"}
    reply = await answers.ask(
        """query($scope: HistoryScope) { account {
             slowestModels(first: 9, lastRuns: 5, history: $scope) { rank runtime runCount model { id } } } }""",
        scope={names[name]: value for name, value in scope.items()},
    )
    ranking = account.slowest_models(9, 5, history=HistoryScope(**scope))
    assert reply.data["account"]["slowestModels"] == ranked(ranking, "model")
    (note,) = reply.gateway["notes"]
    assert (note["runsLeftOut"], note["considered"]) == (ranking.left_out, ranking.considered)


@pytest.mark.slow
@pytest.mark.parametrize("criteria", FILTERS)
async def test_lists_agree(account: dbtAccount, answers: Gateway, criteria: dict[str, Any]) -> None:
    data = await answers.data(
        """query($models: ModelFilter, $jobs: JobFilter, $projects: ProjectFilter) { account {
             projects(filter: $projects, first: 100) { nodes { id modelCount jobCount } }
             models(filter: $models, first: 100) { nodes { id lastRunStatus runtime startTime } }
             jobs(filter: $jobs, first: 100) { nodes { id lastRun { id status runtime } } } } }""",
        models=graphql(criteria),
        jobs={"models": graphql(criteria)},
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


@pytest.mark.slow
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


AVERAGE = "runtime runCount modelCount leftOut { reason count }"


def averaged(average: Average | None) -> dict[str, Any]:
    """What an average stands on, as the schema shows it."""
    assert average is not None
    reasons = {"failed": "FAILED", "cancelled": "CANCELLED", "notExecuted": "NOT_EXECUTED"}
    return {
        "runtime": float(average),
        "runCount": average.runs,
        "modelCount": average.models,
        "leftOut": [
            {"reason": reasons[reason], "count": count}
            for reason, count in average.left_out.items()
            if reason in reasons
        ],
    }


@pytest.mark.parametrize("job_id", ["301001", "302003", "303001"])
async def test_averages_and_runtimes_agree(account: dbtAccount, answers: Gateway, job_id: str) -> None:
    data = await answers.data(
        f"""query($id: ID!) {{ job(id: $id) {{
             averageRuntime(lastRuns: 6, filter: {{models: {{tags: ["daily"]}}}})
               {{ runtime leftOut {{ count }} runtimes {{ count }} }}
             averageModelRuntime(first: 4, lastRuns: 6, filter: {{tags: ["daily"]}}) {{ {AVERAGE} }}
             runtimes(lastRuns: 3) {{ jobId runId modelId runtime startTime endTime }}
             byModel: runtimes(lastRuns: 3, byModel: true) {{ jobId runId modelId runtime startTime endTime }}
             slowestModels(first: 4) {{ rank runtime modelRun {{ uniqueId }} }}
             lastRun {{ averageModelRuntime(first: 3) {{ {AVERAGE} }}
               slowestModels(first: 3) {{ rank runtime modelRun {{ uniqueId }} }} }} }} }}""",
        id=job_id,
    )
    job, found = account.job(job_id), data["job"]
    daily = SearchFilter(tags=["daily"])
    average = job.get_average_job_runtime(6, daily)
    assert average is not None
    told = found["averageRuntime"]
    assert (told["runtime"], told["runtimes"]) == (float(average), {"count": average.runs})
    assert sum(one["count"] for one in told["leftOut"]) == sum(average.left_out.values())
    assert found["averageModelRuntime"] == averaged(job.average_historical_model_runtime(4, 6, daily))
    for name, by_model in (("runtimes", False), ("byModel", True)):
        assert found[name] == [
            {
                "jobId": one.job_id,
                "runId": one.run_id,
                "modelId": one.model_id,
                "runtime": one.runtime,
                "startTime": one.start_time.isoformat() if one.start_time else None,
                "endTime": one.end_time.isoformat() if one.end_time else None,
            }
            for one in job.get_runtimes(3, by_model)
        ]
    assert found["slowestModels"] == in_run(job.get_slowest_models(4))
    last = job.get_last_run()
    assert last is not None
    assert found["lastRun"]["averageModelRuntime"] == averaged(last.average_model_runtime(3))
    assert found["lastRun"]["slowestModels"] == in_run(last.get_slowest_models(3))


def in_run(models: list[Any]) -> list[dict[str, Any]]:
    """A ranking within a run as the schema shows it."""
    return [
        {
            "rank": one.ranked.rank,
            "runtime": one.ranked.runtime,
            "modelRun": {"uniqueId": one.model_run.unique_id},
        }
        for one in models
    ]


FRESHNESS = {"success": "FRESH", "warn": "WARN", "failure": "STALE", "unknown": "NEVER_CHECKED"}


@pytest.mark.slow
async def test_runs_of_the_account_and_freshness_agree(account: dbtAccount, answers: Gateway) -> None:
    data = await answers.data(
        """{ account { runs(first: 12, filter: {models: {tags: ["hourly"]}}) { nodes { id } }
             models(first: 100) { nodes { id freshness { status
               sources { uniqueId freshness { ageSeconds } } } } } } }"""
    )
    assert [one["id"] for one in data["account"]["runs"]["nodes"]] == [
        run.run_id for run in account.get_runs(12, tags=["hourly"])
    ]
    assert data["account"]["models"]["nodes"] == [
        {
            "id": model.model_id,
            "freshness": {
                "status": FRESHNESS[model.freshness()],
                "sources": [
                    {"uniqueId": source.unique_id, "freshness": {"ageSeconds": source.age_seconds}}
                    for source in model.source_freshness()
                ],
            },
        }
        for model in account.get_models()
    ]


@pytest.mark.slow
async def test_sources_agree(account: dbtAccount, answers: Gateway) -> None:
    shown = (
        await answers.data(
            "{ account { sources { nodes { uniqueId project { id } freshness { status ageSeconds } } } } }"
        )
    )["account"]["sources"]["nodes"]
    assert [(one.unique_id, one.project_id, FRESHNESS[one.status]) for one in account.get_sources()] == [
        (one["uniqueId"], one["project"]["id"], one["freshness"]["status"]) for one in shown
    ]
    of_one = Project("finance", client=account.client).get_sources(["success", "warn"])
    assert [one.unique_id for one in of_one] == [
        one["uniqueId"]
        for one in shown
        if one["project"]["id"] == "finance" and one["freshness"]["status"] in ("FRESH", "WARN")
    ]
    assert account.get_sources([]) == []
    with pytest.raises(InvalidArgumentError, match="'stale' is not one of them"):
        account.get_sources(["stale"])
