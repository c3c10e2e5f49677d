"""The slowest models and the longest jobs, against the artifacts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.account import Job, Model, Oracle, Scope, meets
from tests.serving import Gateway

LAST_RUNS = [1, 3, 5, 10]


def ranked_models(rows: list[tuple[str, float, int]]) -> list[dict[str, Any]]:
    return [
        {"rank": place, "runtime": runtime, "runCount": runs, "model": {"id": model_id}}
        for place, (model_id, runtime, runs) in enumerate(rows, start=1)
    ]


def ranked_jobs(rows: list[tuple[int, float, int]]) -> list[dict[str, Any]]:
    return [
        {"rank": place, "runtime": runtime, "runCount": runs, "job": {"id": str(job_id)}}
        for place, (job_id, runtime, runs) in enumerate(rows, start=1)
    ]


SLOWEST = "{ rank runtime runCount model { id } }"
LONGEST = "{ rank runtime runCount job { id } }"


@pytest.mark.parametrize("last_runs", LAST_RUNS)
@pytest.mark.parametrize("first", [1, 5, 100])
async def test_the_slowest_models_of_the_account(answers: Gateway, oracle: Oracle, last_runs: int, first: int) -> None:
    data = await answers.data(
        f"query($n: Int!, $first: Int!) {{ account {{ slowestModels(first: $first, lastRuns: $n) {SLOWEST} }} }}",
        n=last_runs,
        first=first,
    )
    assert data["account"]["slowestModels"] == ranked_models(oracle.slowest(oracle.models, last_runs, first))


@pytest.mark.parametrize("last_runs", LAST_RUNS)
@pytest.mark.parametrize("project", ["finance", "marketing", "logistics"])
async def test_the_slowest_models_of_a_project(answers: Gateway, oracle: Oracle, project: str, last_runs: int) -> None:
    data = await answers.data(
        f"query($id: ID!, $n: Int!) {{ project(id: $id) {{ slowestModels(lastRuns: $n) {SLOWEST} }} }}",
        id=project,
        n=last_runs,
    )
    models = oracle.project(project).models
    assert data["project"]["slowestModels"] == ranked_models(oracle.slowest(models, last_runs, 5))


SCOPES = {
    "includeFullRefresh: true": Scope(full_refresh=True),
    "includeFailed: true": Scope(failed=True),
    "includeFullRefresh: true, includeFailed: true, includeCi: true": Scope(full_refresh=True, ci=True, failed=True),
    "includeCi: false": Scope(),
}


@pytest.mark.parametrize("last_runs", [1, 4])
@pytest.mark.parametrize("asked", SCOPES)
async def test_the_history_argument_says_which_runs_the_mean_takes_in(
    answers: Gateway, oracle: Oracle, asked: str, last_runs: int
) -> None:
    data = await answers.data(
        f"query($n: Int!) {{ account {{ slowestModels(first: 100, lastRuns: $n, history: {{{asked}}}) {SLOWEST} }} }}",
        n=last_runs,
    )
    expected = oracle.slowest(oracle.models, last_runs, 100, SCOPES[asked])
    assert data["account"]["slowestModels"] == ranked_models(expected)


async def test_ci_runs_stand_behind_a_staging_mean_only_when_asked_for(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        "{ account(environment: STAGING) { without: slowestModels(lastRuns: 3) { rank } "
        f"with: slowestModels(lastRuns: 3, history: {{includeCi: true}}) {SLOWEST} }} }}"
    )
    (staging,) = oracle.staging
    assert data["account"]["without"] == []
    place = f"finance@{staging.environment_id}"
    expected = oracle.slowest(staging.models, 3, 5, Scope(ci=True))
    renamed = [(place + model_id.removeprefix("finance"), *figures) for model_id, *figures in expected]
    assert data["account"]["with"] == ranked_models(renamed)


def in_bounds(low: float, high: float) -> Any:
    return lambda model: model.runtime is not None and low <= model.runtime <= high


MODEL_FILTERS: list[tuple[str, Any]] = [
    ('tags: ["finance"]', lambda model: meets(model, tags=["finance"])),
    ('tags: ["sla", "pii"]', lambda model: meets(model, tags=["sla", "pii"])),
    ('tags: ["daily", "finance"], tagsMatch: ALL', lambda model: meets(model, all_tags=["daily", "finance"])),
    ('materialization: "TABLE"', lambda model: meets(model, materialization="table")),
    ("minRuntime: 0.2", in_bounds(0.2, 1e9)),
    ("maxRuntime: 0.2", in_bounds(0, 0.2)),
    ("minRuntime: 0.1, maxRuntime: 0.5", in_bounds(0.1, 0.5)),
    (
        'modelIds: ["finance.rpt_ar_aging", "model.marketing.rpt_ltv"]',
        lambda model: model.id in ("finance.rpt_ar_aging", "marketing.rpt_ltv"),
    ),
    (
        'modelIds: ["finance.rpt_ar_aging", "marketing.rpt_ltv"], tags: ["finance"]',
        lambda model: model.id == "finance.rpt_ar_aging",
    ),
    ("modelIds: []", lambda _: False),
    ("tags: []", lambda _: False),
    ("tags: [], tagsMatch: ALL", lambda _: False),
    ("tags: null, materialization: null, minRuntime: null", lambda _: True),
]


@pytest.mark.parametrize("last_runs", [1, 3])
@pytest.mark.parametrize(("criteria", "kept"), MODEL_FILTERS, ids=[criteria for criteria, _ in MODEL_FILTERS])
async def test_a_filter_chooses_among_models_before_they_are_ranked(
    answers: Gateway, oracle: Oracle, last_runs: int, criteria: str, kept: Any
) -> None:
    data = await answers.data(
        f"query($n: Int!) {{ account {{ models(filter: {{{criteria}}}) {{ totalCount nodes {{ id }} }} "
        f"slowestModels(first: 100, lastRuns: $n, filter: {{{criteria}}}) {SLOWEST} }} }}",
        n=last_runs,
    )
    models: list[Model] = [model for model in oracle.models if kept(model)]
    assert data["account"]["models"] == {"totalCount": len(models), "nodes": [{"id": model.id} for model in models]}
    assert data["account"]["slowestModels"] == ranked_models(oracle.slowest(models, last_runs, 100))


async def test_models_without_a_runtime_are_counted_never_ranked(answers: Gateway, oracle: Oracle) -> None:
    reply = await answers.ask("{ account { slowest: slowestModels(first: 1000) { model { id runtime } } } }")
    without = [model for model in oracle.models if model.runtime is None]
    assert len(reply.data["account"]["slowest"]) == len(oracle.models) - len(without)
    assert reply.gateway["notes"] == [
        {
            "path": ["account", "slowest"],
            "ranking": "slowestModels",
            "considered": len(oracle.models),
            "withoutRuntime": len(without),
            "runsLeftOut": {},
        }
    ]


@pytest.mark.parametrize("last_runs", LAST_RUNS)
async def test_the_longest_running_jobs_of_the_account(answers: Gateway, oracle: Oracle, last_runs: int) -> None:
    data = await answers.data(
        f"query($n: Int!) {{ account {{ longestRunningJobs(first: 100, lastRuns: $n) {LONGEST} }} }}", n=last_runs
    )
    assert data["account"]["longestRunningJobs"] == ranked_jobs(oracle.longest(oracle.production_jobs, last_runs, 100))


@pytest.mark.parametrize("last_runs", LAST_RUNS)
@pytest.mark.parametrize("project", ["finance", "marketing", "logistics"])
async def test_the_longest_running_jobs_of_a_project(
    answers: Gateway, oracle: Oracle, project: str, last_runs: int
) -> None:
    data = await answers.data(
        f"query($id: ID!, $n: Int!) {{ project(id: $id) {{ longestRunningJobs(lastRuns: $n) {LONGEST} }} }}",
        id=project,
        n=last_runs,
    )
    jobs = [job for job in oracle.jobs if job.environment_id == oracle.project(project).environment_id]
    assert data["project"]["longestRunningJobs"] == ranked_jobs(oracle.longest(jobs, last_runs, 5))


def built(test: Any) -> Any:
    """Whether a job builds a model whose result in the deciding run passes the test."""
    return lambda job: any(test(result) for result in job.built.values())


JOB_FILTERS: list[tuple[str, Any]] = [
    ('filter: {models: {tags: ["hourly"]}}', built(lambda one: meets(one, tags=["hourly"]))),
    (
        'filter: {models: {tags: ["daily", "sla"], tagsMatch: ALL}}',
        built(lambda one: meets(one, all_tags=["daily", "sla"])),
    ),
    (
        'filter: {models: {materialization: "Incremental"}}',
        built(lambda one: meets(one, materialization="incremental")),
    ),
    ("filter: {models: {minRuntime: 1.0}}", built(lambda one: one.runtime is not None and one.runtime >= 1.0)),
    ("filter: {models: {maxRuntime: 0.07}}", built(lambda one: one.runtime is not None and one.runtime <= 0.07)),
    (
        'filter: {models: {modelIds: ["marketing.int_sessions"]}}',
        built(lambda one: one.unique_id == "model.marketing.int_sessions"),
    ),
    (
        'filter: {models: {modelIds: ["marketing.int_sessions", "finance.stg_payments"], tags: ["daily"]}}',
        built(
            lambda one: (
                one.unique_id in ("model.marketing.int_sessions", "model.finance.stg_payments")
                and meets(one, tags=["daily"])
            )
        ),
    ),
    (
        'filter: {nameContains: "FINANCE", kinds: [SCHEDULED], models: {tags: ["hourly"]}}',
        lambda job: "finance" in job.record["name"].lower() and built(lambda one: meets(one, tags=["hourly"]))(job),
    ),
    ("filter: {minSeconds: 6, maxSeconds: 15}", lambda job: 6 <= job.runs[0].runtime <= 15),
    ("filter: {lastRunStatuses: [FAILURE]}", lambda job: job.runs[0].record["status"] == 20),
    ("filter: {kinds: [CI]}", lambda job: job.record["job_type"] == "ci"),
    ('filter: {nameContains: "no such job"}', lambda _: False),
    ("filter: {models: {tags: []}}", lambda _: False),
]


@pytest.mark.parametrize("last_runs", [1, 5])
@pytest.mark.parametrize(("criteria", "kept"), JOB_FILTERS, ids=[criteria for criteria, _ in JOB_FILTERS])
async def test_a_filter_keeps_the_jobs_that_build_a_match(
    answers: Gateway, oracle: Oracle, last_runs: int, criteria: str, kept: Any
) -> None:
    data = await answers.data(
        f"query($n: Int!) {{ account {{ longestRunningJobs(first: 100, lastRuns: $n, {criteria}) {LONGEST} }} }}",
        n=last_runs,
    )
    jobs: list[Job] = [job for job in oracle.production_jobs if kept(job)]
    assert data["account"]["longestRunningJobs"] == ranked_jobs(oracle.longest(jobs, last_runs, 100))


@pytest.mark.parametrize("offset", [0, 2, 30, 100_000])
async def test_an_offset_leaves_out_the_top(answers: Gateway, oracle: Oracle, offset: int) -> None:
    data = await answers.data(
        "query($o: Int!, $r: ID!) { account { models: slowestModels(first: 3, offset: $o) { rank model { id } } "
        "mean: slowestModels(first: 3, lastRuns: 3, offset: $o) { rank model { id } } "
        "jobs: longestRunningJobs(first: 3, offset: $o) { rank job { id } } } "
        "run(id: $r) { slowestModels(first: 3, offset: $o) { rank modelRun { uniqueId } } } }",
        o=offset,
        r=str(oracle.newest_daily_run.id),
    )
    models = oracle.slowest(oracle.models, 1, 1_000)
    jobs = oracle.longest(oracle.production_jobs, 1, 1_000)
    places = range(offset, offset + 3)
    assert data["account"]["models"] == [
        {"rank": place + 1, "model": {"id": models[place][0]}} for place in places if place < len(models)
    ]
    assert data["account"]["jobs"] == [
        {"rank": place + 1, "job": {"id": str(jobs[place][0])}} for place in places if place < len(jobs)
    ]
    means = oracle.slowest(oracle.models, 3, 1_000)
    assert [one["model"]["id"] for one in data["account"]["mean"]] == [one[0] for one in means[offset : offset + 3]]
    assert [one["rank"] for one in data["run"]["slowestModels"]] == [
        place + 1 for place in places if place < len(oracle.newest_daily_run.results)
    ]


@pytest.mark.parametrize("offset", [-1, 100_001])
async def test_an_offset_has_bounds(answers: Gateway, offset: int) -> None:
    reply = await answers.ask("query($o: Int!) { account { slowestModels(offset: $o) { rank } } }", o=offset)
    assert reply.codes == {"account.slowestModels": "BAD_USER_INPUT"}
    assert reply.errors[0]["extensions"]["argument"] == "offset"
