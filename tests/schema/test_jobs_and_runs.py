"""Jobs, their runs, and what each model did in a run, against the artifacts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.oracle.account import Oracle, meets
from tests.oracle.artifacts import Run, moment
from tests.schema.test_models import ATTEMPT, attempt, iso
from tests.serving import Gateway

RUN = "id status statusText runtime queueSeconds queuedAt startTime endTime gitSha gitBranch dbtVersion jobId"
STATUS = {10: "SUCCESS", 20: "FAILURE", 30: "CANCELLED"}


def facts(run: Run) -> dict[str, Any]:
    record = run.record
    created = moment(record["created_at"])
    return {
        "id": str(run.id),
        "status": STATUS[record["status"]],
        "statusText": record["status_humanized"],
        "runtime": run.runtime,
        "queueSeconds": (run.start - created).total_seconds(),
        "queuedAt": iso(created),
        "startTime": iso(run.start),
        "endTime": iso(run.end),
        "gitSha": record["git_sha"],
        "gitBranch": record["git_branch"],
        "dbtVersion": record["dbt_version"],
        "jobId": str(run.job_id),
    }


async def test_every_job_shows_its_definition_and_its_newest_run(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        f"{{ account {{ jobs {{ totalCount nodes {{ id name kind schedule steps lastRun {{ {RUN} }} }} }} }} }}"
    )
    assert data["account"]["jobs"]["totalCount"] == len(oracle.production_jobs)
    assert data["account"]["jobs"]["nodes"] == [
        {
            "id": str(job.id),
            "name": job.record["name"],
            "kind": job.record["job_type"].upper(),
            "schedule": (job.record["schedule"] or {}).get("cron"),
            "steps": job.record["execute_steps"],
            "lastRun": facts(job.runs[0]),
        }
        for job in oracle.production_jobs
    ]


async def test_the_runs_of_every_job_are_complete_and_newest_first(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        f"{{ account {{ jobs {{ nodes {{ id runs(first: 500) {{ totalCount nodes {{ {RUN} }} }} }} }} }} }}"
    )
    assert data["account"]["jobs"]["nodes"] == [
        {"id": str(job.id), "runs": {"totalCount": len(job.runs), "nodes": [facts(run) for run in job.runs]}}
        for job in oracle.production_jobs
    ]


async def test_a_job_of_any_environment_is_found_by_its_id(answers: Gateway, oracle: Oracle) -> None:
    data = await answers.data(
        '{ job(id: "301003") { name project { id environment } runs(first: 3) { totalCount nodes { id } } '
        "models { totalCount } } }"
    )
    job = oracle.job(301003)
    assert data["job"] == {
        "name": "Finance CI",
        "project": {"id": "finance@201002", "environment": "STAGING"},
        "runs": {"totalCount": len(job.runs), "nodes": [{"id": str(run.id)} for run in job.runs[:3]]},
        "models": {"totalCount": len(oracle.models_built_by(job))},
    }


@pytest.mark.slow
async def test_every_run_lists_exactly_the_models_it_executed(answers: Gateway, oracle: Oracle) -> None:
    """Ingredients that must not count: docs generate, sources, runs that were cancelled before their models."""
    query = f"""query($id: ID!) {{ run(id: $id) {{
        {RUN} modelCount job {{ id }} modelRuns(first: 100) {{ totalCount nodes {{ {ATTEMPT} }} }} }} }}"""
    for run in oracle.runs:
        data = await answers.data(query, id=str(run.id))
        touched = [attempt(run, run.results[name]) for name in sorted(run.results)]
        assert data["run"] == {
            **facts(run),
            "modelCount": len(touched),
            "job": {"id": str(run.job_id)},
            "modelRuns": {"totalCount": len(touched), "nodes": touched},
        }


async def test_a_model_run_of_a_removed_model_has_no_model(answers: Gateway, oracle: Oracle) -> None:
    current = {model.unique_id for model in oracle.models}
    run, removed = next(
        (run, name) for run in oracle.job(302003).runs for name in sorted(run.results) if name not in current
    )
    data = await answers.data(
        "query($id: ID!) { run(id: $id) { modelRuns { nodes { uniqueId name model { id } } } } }", id=str(run.id)
    )
    nodes = {node["uniqueId"]: node for node in data["run"]["modelRuns"]["nodes"]}
    assert nodes[removed] == {"uniqueId": removed, "name": removed.split(".")[2], "model": None}
    assert all(node["model"] for name, node in nodes.items() if name in current)


@pytest.mark.parametrize(
    ("criteria", "wanted"),
    [
        ('tags: ["hourly"]', {"tags": ["hourly"]}),
        ('tags: ["daily", "finance"], tagsMatch: ALL', {"all_tags": ["daily", "finance"]}),
        ('materialization: "View"', {"materialization": "view"}),
    ],
)
async def test_a_filter_on_a_run_keeps_the_model_runs_that_meet_it(
    answers: Gateway, oracle: Oracle, criteria: str, wanted: dict[str, Any]
) -> None:
    run = oracle.job(301001).runs[2]
    data = await answers.data(
        f"query($id: ID!) {{ run(id: $id) {{ modelRuns(filter: {{{criteria}}}) {{ nodes {{ uniqueId }} }} }} }}",
        id=str(run.id),
    )
    kept = [name for name in sorted(run.results) if meets(run.results[name], **wanted)]
    assert kept
    assert data["run"]["modelRuns"]["nodes"] == [{"uniqueId": name} for name in kept]


async def test_runtime_bounds_on_a_run_are_inclusive(answers: Gateway, oracle: Oracle) -> None:
    run = oracle.job(301001).runs[2]
    times = sorted(result.execution_time for result in run.results.values())
    low, high = times[3], times[-3]
    data = await answers.data(
        "query($id: ID!, $low: Float, $high: Float) { run(id: $id) "
        "{ modelRuns(filter: {minRuntime: $low, maxRuntime: $high}) { nodes { uniqueId } } } }",
        id=str(run.id),
        low=low,
        high=high,
    )
    kept = [name for name in sorted(run.results) if low <= run.results[name].execution_time <= high]
    assert data["run"]["modelRuns"]["nodes"] == [{"uniqueId": name} for name in kept]


@pytest.mark.parametrize(
    ("criteria", "wanted"),
    [
        ('tags: ["hourly"]', {"tags": ["hourly"]}),
        ('tags: ["month_end", "pii"]', {"tags": ["month_end", "pii"]}),
        ('tags: ["daily", "logistics"], tagsMatch: ALL', {"all_tags": ["daily", "logistics"]}),
        ('materialization: "incremental"', {"materialization": "incremental"}),
        ('materialization: "nothing_of_the_kind"', {"materialization": "nothing_of_the_kind"}),
    ],
)
async def test_a_filter_on_jobs_keeps_those_that_build_a_match(
    answers: Gateway, oracle: Oracle, criteria: str, wanted: dict[str, Any]
) -> None:
    data = await answers.data(
        f"{{ account {{ jobs(filter: {{models: {{{criteria}}}}}) {{ totalCount nodes {{ id }} }} }} }}"
    )
    kept = [job for job in oracle.production_jobs if any(meets(one, **wanted) for one in job.built.values())]
    assert data["account"]["jobs"] == {"totalCount": len(kept), "nodes": [{"id": str(job.id)} for job in kept]}


async def test_a_filter_on_a_jobs_models_looks_at_the_run_that_shows_what_it_builds(
    answers: Gateway, oracle: Oracle
) -> None:
    data = await answers.data(
        '{ job(id: "301001") { models(filter: {tags: ["shared", "sla"], minRuntime: 0.1}) { nodes { id } } } }'
    )
    job = oracle.job(301001)
    met = {name for name, one in job.built.items() if meets(one, tags=["shared", "sla"]) and (one.runtime or 0) >= 0.1}
    kept = [model for model in oracle.models_built_by(job) if model.unique_id in met]
    assert kept
    assert data["job"]["models"]["nodes"] == [{"id": model.id} for model in kept]
