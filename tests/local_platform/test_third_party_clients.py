"""Programs written for dbt Cloud work on the platform as they were published: `dbtc` and `dbt-cloud-cli`, over TLS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.local_platform.app import create_platform
from tests.local_platform.reckoning import Reckoning
from tests.local_platform.third_party import CLIENTS, Outside, missing, reachable
from tests.served_platform import ACCOUNT

RUN = 70437490011508
STEP = Path(f"finance/301001/{RUN}/step_2")

pytestmark = [pytest.mark.external, pytest.mark.skipif(missing(CLIENTS) is not None, reason=missing(CLIENTS) or "")]


@pytest.fixture(scope="module")
def outside(demo_store: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    archive = Archive.open(demo_store)
    app = create_platform(archive, token="s3cret")
    with reachable(app, tmp_path_factory.mktemp("clients"), ACCOUNT, "s3cret") as found:
        yield found
    archive.close()


@pytest.fixture(scope="module")
def session(outside: Outside) -> Any:
    """Everything that `dbtc` was asked, in one run of it."""
    return outside.run("python", str(Path(__file__).with_name("dbtc_session.py")), str(ACCOUNT), str(RUN))


def test_dbtc_finds_accounts_projects_environments_and_jobs(session: Any, reckoning: Reckoning) -> None:
    told = reckoning.account
    assert [each["id"] for each in session["accounts"]["data"]] == [ACCOUNT]
    assert session["account"]["data"]["id"] == ACCOUNT
    assert [each["id"] for each in session["projects"]["data"]] == [each["id"] for each in told["projects"]]
    assert session["project"]["data"]["id"] == 101001
    assert [each["id"] for each in session["environments"]["data"]] == [
        each["id"] for each in told["environments"] if each["project_id"] == 101001
    ]
    assert [each["id"] for each in session["jobs"]["data"]] == [
        each["id"] for each in told["jobs"] if each["project_id"] == 101001
    ]


def test_dbtc_lists_runs_and_shows_one_with_its_steps(session: Any, reckoning: Reckoning) -> None:
    newest = reckoning.newest_runs[:5]
    assert [run["id"] for run in session["runs"]["data"]] == newest
    assert all(run["job"]["id"] == run["job_id"] for run in session["runs"]["data"])
    expected = next(run for run in reckoning.runs if run["id"] == RUN)
    assert [step["name"] for step in session["run"]["data"]["run_steps"]] == [
        step["name"] for step in expected["run_steps"]
    ]
    assert {run["id"] for run in session["failed"]["data"]} == {
        run["id"] for run in reckoning.runs if run["status"] == 20
    }
    of_job = [run["id"] for run in reckoning.runs if run["job_definition_id"] == 301001]
    assert session["recent"]["data"]["id"] == max(of_job)


def test_dbtc_fetches_artifacts(session: Any, demo_folder: Path) -> None:
    assert session["artifacts"]["data"] == ["manifest.json", "run_results.json", "sources.json"]
    assert session["first_step"]["data"] == ["manifest.json", "sources.json"]
    assert session["results"] == json.loads((demo_folder / STEP / "run_results.json").read_text())


def test_dbtc_walks_through_the_pages_of_discovery(session: Any, reckoning: Reckoning) -> None:
    models = {edge["node"]["uniqueId"]: edge["node"]["executionInfo"] for edge in session["models"]}
    assert list(models) == sorted(reckoning.models(201001))
    for name, found in models.items():
        success = reckoning.success(201001, name)
        assert (found or {}).get("executionTime") == (success.result["execution_time"] if success else None)
    assert session["beta"] == session["models"][:4]


@pytest.mark.slow
def test_dbt_cloud_cli_lists_runs_and_shows_one(outside: Outside, reckoning: Reckoning) -> None:
    listed = outside.run("dbt-cloud", "run", "list", "--job-id", "301001", "--limit", "3", "--order-by", "-id")
    of_job = sorted((run["id"] for run in reckoning.runs if run["job_definition_id"] == 301001), reverse=True)
    assert [run["id"] for run in listed["data"]] == of_job[:3]
    run = outside.run("dbt-cloud", "run", "get", "--run-id", str(RUN))
    assert (run["data"]["id"], run["data"]["status_humanized"]) == (RUN, "Error")


@pytest.mark.slow
def test_dbt_cloud_cli_fetches_artifacts(outside: Outside, demo_folder: Path) -> None:
    names = outside.run("dbt-cloud", "run", "list-artifacts", "--run-id", str(RUN))
    assert names["data"] == ["manifest.json", "run_results.json", "sources.json"]
    found = outside.run(
        "dbt-cloud", "run", "get-artifact", "--run-id", str(RUN), "--step", "1", "--path", "manifest.json"
    )
    assert found == json.loads((demo_folder / STEP.with_name("step_1") / "manifest.json").read_text())


@pytest.mark.slow
def test_dbt_cloud_cli_asks_discovery(outside: Outside, tmp_path: Path) -> None:
    document = tmp_path / "query.graphql"
    document.write_text("{ job(id: 301001) { runId } }")
    assert outside.run("dbt-cloud", "metadata", "query", "-f", str(document)) == {"data": {"job": {"runId": RUN}}}
