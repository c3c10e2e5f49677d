"""How many requests to dbt an answer costs: exactly these with cold caches, and none when asked again at once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.account import Size, write_account
from gateway.settings import Settings
from tests.conftest import stored
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving

NESTED = """{ account { projects { nodes { models(first: 50) { nodes {
    name runs(first: 5) { nodes { runtime } } jobs { nodes { name } }
} } } } } }"""

PROJECTS = {"projects": 1, "environments": 1, "EnvironmentHeaders": 1}
MODELS = {**PROJECTS, "EnvironmentModels": 1}
JOBS = {"jobs": 1}
# Histories that are short are read further back: the commands there are a second document.
ARGUMENTS = {"InvocationArguments": 2}
# The job that only writes docs built nothing in its newest run, so four older ones are looked at.
BUILT = {**JOBS, "RunOutline": 2, "runs": 1}

COST = {
    "{ account { id projects { nodes { id } } } }": PROJECTS,
    "{ account { id name } }": {**PROJECTS, "account": 1},
    "{ account { models(first: 100) { totalCount nodes { id runtime tags } } } }": MODELS,
    "{ account { models(first: 100) { nodes { id description meta } } } }": MODELS,
    "{ account { projects { nodes { modelCount jobCount } } } }": {**MODELS, **JOBS},
    "{ account(environment: STAGING) { models { nodes { id } } } }": MODELS,
    '{ account(filter: {tags: ["pii"]}) { projects { nodes { id } } } }': MODELS,
    '{ project(id: "finance") { models { nodes { id } } } }': MODELS,
    '{ model(id: "finance.rpt_ar_aging") { id } }': MODELS,
    '{ model(id: "model.finance.rpt_ar_aging") { project { id } } }': MODELS,
    "{ account { slowestModels { runtime model { id } } } }": MODELS,
    "{ account { slowestModels { model { id jobs { nodes { name } } } } } }": {**MODELS, **JOBS, "RunOutline": 1},
    "{ account { slowestModels(lastRuns: 3) { model { id } } } }": {**MODELS, **JOBS, "ModelHistories": 2, **ARGUMENTS},
    "{ account { slowestModels(lastRuns: 5) { model { id } } } }": {**MODELS, **JOBS, "ModelHistories": 2, **ARGUMENTS},
    "{ account { slowestModels(lastRuns: 10) { model { id } } } }": {
        **MODELS,
        **JOBS,
        "ModelHistories": 2,
        **ARGUMENTS,
    },
    '{ project(id: "marketing") { slowestModels(lastRuns: 5) { model { id } } } }': {
        **MODELS,
        **JOBS,
        "ModelHistories": 2,
        **ARGUMENTS,
    },
    "{ account { longestRunningJobs { runtime job { name } } } }": {**PROJECTS, **JOBS},
    "{ account { longestRunningJobs(lastRuns: 10) { job { id } } } }": {**PROJECTS, **JOBS, "runs": 2},
    '{ account { longestRunningJobs(filter: {models: {tags: ["hourly"]}}) { job { id } } } }': {**PROJECTS, **BUILT},
    '{ model(id: "finance.rpt_ar_aging") { runs(first: 5) { nodes { runtime } } } }': {**MODELS, "ModelHistories": 1},
    '{ model(id: "finance.rpt_ar_aging") { jobs { nodes { id } } } }': {**MODELS, **JOBS, "RunOutline": 1},
    '{ model(id: "finance.rpt_ar_aging") { runs { nodes { run { runtime job { name } } } } } }': {
        **MODELS,
        **JOBS,
        "ModelHistories": 1,
        "runs": 1,
    },
    '{ job(id: "301001") { name lastRun { runtime } } }': JOBS,
    '{ job(id: "301001") { project { id } } }': {**PROJECTS, **JOBS},
    '{ job(id: "301001") { runs(first: 3) { totalCount nodes { id } } } }': {**JOBS, "runs": 1},
    '{ job(id: "301001") { models { nodes { id } } } }': {**MODELS, **JOBS, "RunOutline": 1},
    "{ account { jobs { nodes { runs(first: 3) { totalCount nodes { id } } } } } }": {**PROJECTS, **JOBS, "runs": 2},
    '{ run(id: "NEWEST_DAILY_RUN") { runtime } }': {"runs/NEWEST_DAILY_RUN": 1},
    '{ run(id: "NEWEST_DAILY_RUN") { modelRuns { nodes { name } } } }': {"runs/NEWEST_DAILY_RUN": 1, "RunModels": 1},
    '{ run(id: "NEWEST_DAILY_RUN") { job { project { id } } modelRuns { nodes { model { id } } } } }': {
        **JOBS,
        "runs/NEWEST_DAILY_RUN": 1,
        "RunModels": 1,
        **MODELS,
    },
    "{ account { models { nodes { upstream { id } downstream { id } } } } }": {**MODELS, "EnvironmentLineage": 1},
    "{ account { models { nodes { owner { name } } } } }": {**MODELS, "EnvironmentGroups": 1},
    "{ account { models { nodes { freshness { status } } } } }": {
        **MODELS,
        "EnvironmentLineage": 1,
        "EnvironmentSources": 1,
    },
    "{ account { models { nodes { lastRun { runtime } } } } }": {**MODELS, "ModelHistories": 1},
    "{ account { runs(first: 4) { nodes { modelRuns { nodes { name } } } } } }": {
        **PROJECTS,
        "runs": 1,
        "RunModels": 1,
    },
    '{ job(id: "301001") { runtimes { runtime } } }': {**JOBS, "runs": 1},
    '{ job(id: "301001") { averageRuntime { runtime } } }': {**PROJECTS, **JOBS, "runs": 1},
    '{ job(id: "301001") { averageModelRuntime { runtime } } }': {
        **MODELS,
        **JOBS,
        "runs": 1,
        "RunModels": 1,
        "RunOutline": 1,
    },
    '{ run(id: "NEWEST_DAILY_RUN") { slowestModels { runtime } averageModelRuntime { runtime } } }': {
        **PROJECTS,
        "runs/NEWEST_DAILY_RUN": 1,
        "RunModels": 1,
    },
    NESTED: {**MODELS, "ModelHistories": 1, **BUILT},
}


@pytest.mark.slow
@pytest.mark.parametrize("query", COST)
async def test_an_answer_costs_exactly_these_requests_and_none_when_asked_again(
    gateway: Gateway, oracle: Oracle, query: str
) -> None:
    run = str(oracle.newest_daily_run.id)
    asked = query.replace("NEWEST_DAILY_RUN", run)
    cost = {operation.replace("NEWEST_DAILY_RUN", run): times for operation, times in COST[query].items()}
    assert await gateway.count(asked) == cost
    assert await gateway.count(asked) == {}


@pytest.mark.slow
async def test_code_is_read_anew_each_time_in_one_request(gateway: Gateway) -> None:
    query = "{ account { models(first: 100) { nodes { rawCode compiledCode } } } }"
    assert await gateway.count(query) == {**MODELS, "ModelDetails": 1}
    assert await gateway.count(query) == {"ModelDetails": 1}


@pytest.mark.slow
async def test_fields_that_nobody_asked_for_are_not_read(gateway: Gateway) -> None:
    await gateway.data("{ account { models { nodes { id } } } }")
    (plain,) = [call.document for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]
    assert "description" not in plain
    assert "rawCode" not in plain
    gateway.upstream.calls.clear()
    await gateway.data("{ account { models { nodes { id description } } } }")
    (asked,) = [call.document for call in gateway.upstream.calls if call.operation == "EnvironmentModels"]
    assert "description" in asked
    assert "relationName" not in asked


@pytest.mark.slow
async def test_requests_with_other_fields_at_the_same_time_get_each_their_own(gateway: Gateway, oracle: Oracle) -> None:
    plain, described = await asyncio.gather(
        gateway.data("{ account { models(first: 100) { nodes { id } } } }"),
        gateway.data("{ account { models(first: 100) { nodes { id description } } } }"),
    )
    assert plain["account"]["models"]["nodes"] == [{"id": model.id} for model in oracle.models]
    assert described["account"]["models"]["nodes"] == [
        {"id": model.id, "description": model.node.description} for model in oracle.models
    ]


@pytest.fixture(scope="module")
def large_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three projects of more models than fit on a page, or into one document of histories."""
    folder = tmp_path_factory.mktemp("large") / "account"
    write_account(folder, Size(environments=3, models=520, runs=4))
    return folder


@pytest.fixture(scope="module")
def large_store(large_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return stored(large_folder, tmp_path_factory.mktemp("large-store"))


@pytest.fixture
async def large(large_store: str) -> AsyncIterator[Gateway]:
    async with serving(Settings(store_url=large_store)) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("models", [10, 50, pytest.param(200, marks=pytest.mark.nightly)])
async def test_only_batches_of_histories_grow_with_the_number_of_models(large: Gateway, models: int) -> None:
    asked = await large.count(NESTED.replace("50", str(models)))
    assert asked.pop("ModelHistories") == math.ceil(3 * models / 100)
    assert asked == {**PROJECTS, **JOBS, "EnvironmentModels": 2, "RunOutline": 1}


@pytest.mark.slow
async def test_a_large_account_is_read_whole_and_ranked_right(large: Gateway, large_folder: Path) -> None:
    oracle = Oracle(large_folder)
    data = await large.data(
        "{ account { models(first: 5000) { totalCount nodes { id runtime } } "
        "slowestModels(first: 20, lastRuns: 3) { runtime runCount model { id } } } }"
    )
    assert data["account"]["models"] == {
        "totalCount": 3 * 520,
        "nodes": [{"id": model.id, "runtime": model.runtime} for model in oracle.models],
    }
    assert data["account"]["slowestModels"] == [
        {"runtime": runtime, "runCount": runs, "model": {"id": model_id}}
        for model_id, runtime, runs in oracle.slowest(oracle.models, 3, 20)
    ]
