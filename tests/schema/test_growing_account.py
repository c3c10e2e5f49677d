"""The account as it stood some days earlier, and what the gateway says when the next runs have come in."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.settings import Settings
from tests.conftest import stored
from tests.demo_archive import folder_of_runs
from tests.freshness.conftest import Clock
from tests.oracle.account import Oracle
from tests.serving import Gateway, serving

QUESTION = """{ account {
  models(first: 100) { nodes { id runtime lastRunStatus } }
  jobs { nodes { id models { nodes { id } } runs { totalCount } } }
  slowestModels(first: 100, lastRuns: 3) { runtime model { id } }
  longestRunningJobs(first: 100, lastRuns: 3) { runtime job { id } }
} }"""


async def answer(gateway: Gateway) -> Mapping[str, object]:
    account: Mapping[str, object] = (await gateway.data(QUESTION))["account"]
    return account


def expected(oracle: Oracle) -> Mapping[str, object]:
    failed = {"error": "FAILURE", "partial success": "FAILURE"}
    return {
        "models": {
            "nodes": [
                {
                    "id": model.id,
                    "runtime": model.runtime,
                    "lastRunStatus": failed.get(model.last.result.status, model.last.result.status.upper())
                    if model.last
                    else None,
                }
                for model in oracle.models
            ]
        },
        "jobs": {
            "nodes": [
                {
                    "id": str(job.id),
                    "models": {"nodes": [{"id": model.id} for model in oracle.models_built_by(job)]},
                    "runs": {"totalCount": len(job.runs)},
                }
                for job in oracle.production_jobs
            ]
        },
        "slowestModels": [
            {"runtime": runtime, "model": {"id": model_id}}
            for model_id, runtime, _ in oracle.slowest(oracle.models, 3, 100)
        ],
        "longestRunningJobs": [
            {"runtime": runtime, "job": {"id": str(job_id)}}
            for job_id, runtime, _ in oracle.longest(oracle.production_jobs, 3, 100)
        ],
    }


@pytest.fixture(scope="module")
def earlier_folder(demo_folder: Path, oracle: Oracle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo up to the run in which the full refresh of marketing was cancelled."""
    cancelled = next(run for run in oracle.job(302003).runs if run.record["status"] == 30)
    earlier = [run.id for run in oracle.runs if run.created <= cancelled.created]
    return folder_of_runs(demo_folder, tmp_path_factory.mktemp("earlier"), earlier)


@pytest.fixture(scope="module")
def earlier_store(earlier_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("earlier-store")
    stored(earlier_folder, directory)
    return directory


@pytest.mark.slow
def test_the_earlier_account_holds_a_job_whose_newest_run_says_nothing(earlier_folder: Path) -> None:
    """Otherwise the tests below could not fail."""
    job = Oracle(earlier_folder).job(302003)
    assert job.runs[0].results
    assert not job.runs[0].is_completed
    assert job.deciding_run == job.runs[1]


@pytest.mark.slow
async def test_what_a_job_builds_is_looked_up_behind_runs_that_say_nothing(
    earlier_folder: Path, earlier_store: Path
) -> None:
    async with serving(Settings(store_url=f"sqlite:///{earlier_store / 'runs.db'}")) as gateway:
        assert await answer(gateway) == expected(Oracle(earlier_folder))


@pytest.mark.slow
async def test_new_runs_are_seen_when_the_facts_have_been_checked_again_and_not_before(
    earlier_folder: Path, earlier_store: Path, demo_folder: Path, oracle: Oracle, tmp_path: Path
) -> None:
    store = f"sqlite:///{shutil.copytree(earlier_store, tmp_path / 'growing') / 'runs.db'}"
    impatient = Settings(store_url=store, revision_interval=1e-9, topology_seconds=1e-9, stale_seconds=0)
    # Where no time passes, facts do not age, however long the test takes.
    async with serving(impatient) as checking, serving(Settings(store_url=store), clock=lambda: 0.0) as believing:
        before = expected(Oracle(earlier_folder))
        assert await answer(checking) == before
        assert await answer(believing) == before
        archive = Archive.open(store)
        known = {run.id for run in Oracle(earlier_folder).runs}
        later = [run.id for run in oracle.runs if run.id not in known]
        ingest_folder(archive, folder_of_runs(demo_folder, tmp_path / "later", later))
        archive.close()
        assert await answer(believing) == before
        assert await answer(checking) == expected(oracle) != before


@pytest.mark.slow
async def test_what_cannot_have_changed_is_not_read_again(demo_store: str, oracle: Oracle) -> None:
    """Facts past their time cost a question for the revisions, not their reading anew. A run of which dbt has no
    metadata may yet get some: it is asked about again."""
    clock = Clock()
    async with serving(Settings(store_url=demo_store, revision_interval=30.0, topology_seconds=60.0), clock) as gateway:
        first = await gateway.count(QUESTION)
        assert first.keys() >= {"EnvironmentModels", "ModelHistories", "RunOutline"}
        clock.now += 61.0
        again = await gateway.count(QUESTION)
    assert again.keys() == {"projects", "environments", "jobs", "EnvironmentHeaders", "runs", "RunOutline"}
    outlines = [call.variables for call in gateway.upstream.calls if call.operation == "RunOutline"]
    asked = {run for variables in outlines for name, run in variables.items() if name.startswith("r")}
    assert asked <= {run.id for run in oracle.job(303003).runs if not run.manifests}
