"""A metadata-only token: the same account, asked over HTTP without the Admin API; what is inferred, what is unknown.

docs/without-admin-api.md reports the differences that are held here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean

import pytest
from pydantic import SecretStr

from benchmarks.platform_process import PlatformProcess, run_platform
from gateway.settings import Settings
from gateway.settings.entries import ProjectSetting
from tests.oracle.account import Oracle
from tests.oracle.artifacts import Run
from tests.serving import Gateway, serving

PROJECTS = (
    ProjectSetting(name="Finance DWH", production_environment_id=201001, staging_environment_id=201002),
    ProjectSetting(name="Marketing", production_environment_id=202001),
    ProjectSetting(name="Logistics", production_environment_id=203001),
    ProjectSetting(name="Storefront", production_environment_id=204001),
)


@pytest.fixture(scope="module")
def platform(demo_store: str) -> Iterator[PlatformProcess]:
    with run_platform(demo_store) as running:
        yield running


@pytest.fixture(scope="module")
def settings_without_admin(platform: PlatformProcess) -> Settings:
    return Settings(
        discovery_url=f"{platform.url}/graphql",
        account_id=platform.account_id,
        service_token=SecretStr("metadata only"),
        projects=PROJECTS,
    )


@pytest.fixture(scope="module")
async def inferred(settings_without_admin: Settings) -> AsyncIterator[Gateway]:
    async with serving(settings_without_admin) as gateway:
        yield gateway


@dataclass(frozen=True)
class Trace:
    """A run as its models report it."""

    status: str
    runtime: float


def trace(run: Run) -> Trace:
    """From the artifacts: first beginning to last end of the commands that executed models."""
    failed = any(result.status in ("error", "partial success") for result in run.results.values())
    ends, starts = [], []
    for result in run.results.values():
        elapsed = json.loads((result.manifest.path.parent / "run_results.json").read_bytes())["elapsed_time"]
        ends.append(result.generated_at)
        starts.append(result.generated_at - timedelta(seconds=elapsed))
    return Trace("FAILURE" if failed else "SUCCESS", (max(ends) - min(starts)).total_seconds())


def traced(oracle: Oracle, job_id: int) -> list[Run]:
    """The job's runs that touched a model, newest first."""
    return [run for run in oracle.job(job_id).runs if run.results]


async def test_nothing_is_asked_of_the_admin_api_and_the_answer_says_what_is_inferred(inferred: Gateway) -> None:
    reply = await inferred.ask("{ account { id name jobs { nodes { id } } projects { nodes { id name } } } }")

    assert list(reply.errors) == []
    assert reply.gateway["adminRequests"] == 0
    assert reply.gateway["inferred"] == ["jobs", "runs"]
    assert reply.data["account"]["name"] is None
    names = {project["id"]: project["name"] for project in reply.data["account"]["projects"]["nodes"]}
    assert names == {
        "finance": "Finance DWH",
        "logistics": "Logistics",
        "marketing": "Marketing",
        "storefront": "Storefront",
    }


async def test_with_the_admin_api_nothing_is_inferred(answers: Gateway) -> None:
    reply = await answers.ask("{ account { jobs { nodes { inferred lastRun { inferred } } } } }")

    assert reply.gateway["inferred"] == []
    jobs = reply.data["account"]["jobs"]["nodes"]
    assert {(job["inferred"], job["lastRun"]["inferred"]) for job in jobs} == {(False, False)}


async def test_jobs_are_those_that_built_a_model_and_have_no_names(inferred: Gateway, oracle: Oracle) -> None:
    data = await inferred.data("{ account { jobs { nodes { id name kind schedule steps inferred } } } }")

    building = [job for job in oracle.production_jobs if any(run.results for run in job.runs)]
    assert len(building) < len(oracle.production_jobs), "the job that only writes docs leaves no trace"
    assert data["account"]["jobs"]["nodes"] == [
        {"id": str(job.id), "name": None, "kind": None, "schedule": None, "steps": [], "inferred": True}
        for job in building
    ]


async def test_staging_has_its_own_jobs(inferred: Gateway) -> None:
    data = await inferred.data("{ account(environment: STAGING) { jobs { nodes { id } } } }")

    assert data["account"]["jobs"]["nodes"] == [{"id": "301003"}]


@pytest.mark.parametrize("job_id", [301001, 301002, 302001, 302003, 303001])
async def test_a_run_is_known_from_the_commands_that_ran_its_models(
    inferred: Gateway, oracle: Oracle, job_id: int
) -> None:
    data = await inferred.data(
        "query ($id: ID!) { job(id: $id) { runs(first: 5) { totalCount nodes { id status runtime inferred } } } }",
        id=str(job_id),
    )

    expected = traced(oracle, job_id)[:5]
    runs = data["job"]["runs"]
    assert runs["totalCount"] is None
    assert [run["id"] for run in runs["nodes"]] == [str(run.id) for run in expected]
    assert [run["status"] for run in runs["nodes"]] == [trace(run).status for run in expected]
    assert [run["runtime"] for run in runs["nodes"]] == pytest.approx(
        [trace(run).runtime for run in expected], abs=2e-3
    )
    assert all(run["inferred"] for run in runs["nodes"])


async def test_a_cancelled_run_passes_for_a_success(inferred: Gateway, oracle: Oracle) -> None:
    cancelled = next(run for run in oracle.runs if run.record["status"] == 30 and run.results)

    data = await inferred.data("query ($id: ID!) { run(id: $id) { status job { id } } }", id=str(cancelled.id))

    assert data["run"] == {"status": "SUCCESS", "job": {"id": str(cancelled.job_id)}}


async def test_a_run_that_touched_no_model_is_not_known(inferred: Gateway, oracle: Oracle) -> None:
    silent = next(run for run in oracle.runs if not run.manifests)

    reply = await inferred.ask("query ($id: ID!) { run(id: $id) { status } }", id=str(silent.id))

    assert reply.data == {"run": None}
    assert reply.codes == {"run": "NOT_FOUND"}


@pytest.mark.slow
async def test_what_stands_on_models_alone_is_the_same_as_with_the_admin_api(
    inferred: Gateway, answers: Gateway
) -> None:
    query = """{ account {
        models { totalCount nodes {
            id runtime lastRunStatus tags freshness { status } runs(first: 3) { nodes { runtime } }
        } }
        slowestModels(first: 50) { rank runtime model { id } }
        projects(filter: {tags: ["pii"]}) { nodes { id modelCount } }
    } }"""

    assert await inferred.data(query) == await answers.data(query)


@pytest.mark.slow
async def test_longest_jobs_are_ranked_by_what_their_models_report(inferred: Gateway, oracle: Oracle) -> None:
    data = await inferred.data(
        "{ account { longestRunningJobs(first: 20, lastRuns: 5) { runtime runCount job { id } } } }"
    )

    means = {
        job.id: fmean(trace(run).runtime for run in traced(oracle, job.id)[:5])
        for job in oracle.production_jobs
        if traced(oracle, job.id)
    }
    ranked = data["account"]["longestRunningJobs"]
    assert [int(one["job"]["id"]) for one in ranked] == sorted(means, key=lambda job_id: -means[job_id])
    assert [one["runtime"] for one in ranked] == pytest.approx(sorted(means.values(), reverse=True), abs=2e-3)


@pytest.mark.slow
async def test_the_answers_cost_a_bounded_number_of_requests(settings_without_admin: Settings) -> None:
    async with serving(settings_without_admin) as cold:
        reply = await cold.ask("{ account { longestRunningJobs(lastRuns: 5) { job { id } } } }")
        again = await cold.ask("{ account { longestRunningJobs(lastRuns: 5) { job { id } } } }")

    # Headers, traces, a sample of histories, every job's newest run; then longer histories and runs, 20 a document;
    # what their commands were.
    assert reply.gateway["upstreamRequests"] == 4 + 1 + 4 + 1
    assert again.gateway["upstreamRequests"] == 0


async def test_models_cost_no_look_at_jobs(settings_without_admin: Settings, oracle: Oracle) -> None:
    async with serving(settings_without_admin) as gateway:
        reply = await gateway.ask("{ account { models(first: 100) { totalCount } slowestModels { model { id } } } }")
        assert reply.data["account"]["models"]["totalCount"] == len(oracle.models)
        assert reply.gateway["upstreamRequests"] == 2, "headers and models"
        means = await gateway.ask("{ account { slowestModels(lastRuns: 3) { runtime model { id } } } }")
        assert list(means.errors) == []
        assert means.gateway["upstreamRequests"] <= 4, "histories, and what their commands were; nothing of jobs"


@pytest.mark.slow
async def test_a_gateway_is_ready_when_dbt_knows_its_environments(settings_without_admin: Settings) -> None:
    for url, status in ((settings_without_admin.discovery_url, 200), ("http://127.0.0.1:1/graphql", 503)):
        async with serving(settings_without_admin.model_copy(update={"discovery_url": url})) as gateway:
            assert (await gateway.client.get("/readyz")).status_code == status


async def test_what_only_the_admin_api_reports_cannot_be_asked_for(inferred: Gateway) -> None:
    reply = await inferred.ask(
        '{ job(name: "Finance daily") { id } account { runs(filter: {triggers: [CI]}) { totalCount } } }'
    )
    assert set(reply.codes.values()) == {"BAD_USER_INPUT"}
    assert set(reply.codes) == {"job", "account.runs"}
