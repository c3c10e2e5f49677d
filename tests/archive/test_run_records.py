"""run.json shows what it knows of a run; the artifacts report the rest. Ids may be texts, as schedulers write them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.archive.small_run import small_artifacts, write_artifact
from tests.local_platform.reckoning import moment

ENDED, ELAPSED = "2026-03-11T05:00:20Z", 12.5
BEGAN = moment(ENDED) - timedelta(seconds=ELAPSED)


@pytest.fixture
def results(demo_folder: Path) -> Any:
    """Results of a command that ended well at a known time."""
    content = small_artifacts(demo_folder)["run_results"]
    content["metadata"]["generated_at"] = ENDED
    content["elapsed_time"] = ELAPSED
    for result in content["results"]:
        result["status"] = "success"
    return content


def the_only(archive: Archive, name: str) -> Any:
    client = TestClient(create_platform(archive))
    [account] = client.get("/api/v3/accounts/").json()["data"]
    [found] = client.get(f"/api/v2/accounts/{account['id']}/{name}/").json()["data"]
    return client.get(f"/api/v2/accounts/{account['id']}/{name}/{found['id']}/").json()["data"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({}, {"status": 10, "created_at": BEGAN, "started_at": BEGAN, "finished_at": moment(ENDED)}),
        ({"id": 7}, {"id": 7, "status": 10, "created_at": BEGAN, "started_at": BEGAN, "finished_at": moment(ENDED)}),
        ({"id": 7, "status": 30}, {"status": 30, "started_at": BEGAN, "finished_at": moment(ENDED)}),
        ({"status": "cancelled"}, {"status": 30, "started_at": BEGAN, "finished_at": moment(ENDED)}),
        ({"status": "sparkling"}, {"status": 10}),
        ({"status": "running"}, {"status": 3, "started_at": BEGAN, "finished_at": None}),
        (
            {"created_at": "2026-03-11T04:00:00Z"},
            {"created_at": moment("2026-03-11T04:00:00Z"), "started_at": BEGAN, "finished_at": moment(ENDED)},
        ),
        (
            {"started_at": "2026-03-11T04:59:00Z", "finished_at": "2026-03-11T05:01:00Z"},
            {
                "created_at": moment("2026-03-11T04:59:00Z"),
                "started_at": moment("2026-03-11T04:59:00Z"),
                "finished_at": moment("2026-03-11T05:01:00Z"),
            },
        ),
    ],
)
def test_what_a_record_does_not_say_is_known_from_the_artifacts(
    results: Any, tmp_path: Path, empty_archive: Archive, record: Any, expected: Any
) -> None:
    write_artifact(tmp_path / "run", "run_results", results, "only one")
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert ingest_folder(empty_archive, tmp_path / "run").problems == ()
    run = the_only(empty_archive, "runs")
    times = {name: run[name] and moment(run[name]) for name in ("created_at", "started_at", "finished_at")}
    assert {name: {**run, **times}[name] for name in expected} == expected
    [step] = run["run_steps"]
    assert (step["index"], step["name"]) == (1, "Invoke dbt with `dbt build --select tag:daily tag:shared`")


@pytest.mark.slow
def test_a_record_that_comes_later_is_believed_and_leaves_the_rest(
    results: Any, tmp_path: Path, empty_archive: Archive
) -> None:
    results["metadata"]["env"] = {"DBT_CLOUD_RUN_ID": "9"}
    write_artifact(tmp_path / "run", "run_results", results, "only one")
    ingest_folder(empty_archive, tmp_path)
    (tmp_path / "run" / "run.json").write_text('{"id": 9, "status": 30, "git_sha": "dfc8170"}')
    assert ingest_folder(empty_archive, tmp_path).runs == 1
    run = the_only(empty_archive, "runs")
    assert (run["status"], run["git_sha"], moment(run["finished_at"])) == (30, "dfc8170", moment(ENDED))


@pytest.mark.slow
def test_two_commands_beside_one_record_are_two_steps(results: Any, tmp_path: Path, empty_archive: Archive) -> None:
    """A target folder with a run.json in it: the next command replaces the results of the first."""
    (tmp_path / "run.json").write_text('{"id": 9, "status": 20}')
    for number, ended in ((1, ENDED), (2, "2026-03-11T05:10:00Z")):
        results["metadata"]["generated_at"] = ended
        write_artifact(tmp_path, "run_results", results, f"command {number}")
        assert ingest_folder(empty_archive, tmp_path).runs == 1
    run = the_only(empty_archive, "runs")
    assert [step["index"] for step in run["run_steps"]] == [1, 2]
    assert [moment(step["finished_at"]) for step in run["run_steps"]] == [moment(ENDED), moment("2026-03-11T05:10:00Z")]
    assert (run["status"], moment(run["finished_at"])) == (20, moment("2026-03-11T05:10:00Z"))


@pytest.mark.slow
@pytest.mark.parametrize("told_by", ["run.json", "artifacts"])
def test_runs_that_schedulers_call_alike_stay_apart(
    results: Any, tmp_path: Path, empty_archive: Archive, told_by: str
) -> None:
    """Airflow calls the runs of all its jobs by the time they were due; cron starts them in the same second."""
    due = "scheduled__2026-03-11T05:00:00+00:00"
    for project, job in (("finance", "daily"), ("finance", "hourly"), ("marketing", "daily")):
        place = tmp_path / project / job
        if told_by == "run.json":
            record = {"id": due, "job_id": job, "project_name": project, "environment_name": "prod"}
            place.mkdir(parents=True)
            (place / "run.json").write_text(json.dumps(record))
        else:
            results["metadata"]["env"] = {
                "DBT_CLOUD_PROJECT_ID": project,
                "DBT_CLOUD_JOB_ID": job,
                "DBT_CLOUD_RUN_ID": due,
            }
        write_artifact(place, "run_results", results, f"{project} {job}")
    for _ in range(2):
        ingest_folder(empty_archive, tmp_path)
        held = empty_archive.describe()
        assert (held.projects, held.jobs, held.runs) == (2, 3, 3)
    client = TestClient(create_platform(empty_archive))
    [account] = client.get("/api/v3/accounts/").json()["data"]
    base = f"/api/v2/accounts/{account['id']}"
    jobs = {job["id"]: job["name"] for job in client.get(f"{base}/jobs/").json()["data"]}
    assert sorted(jobs.values()) == ["daily", "daily", "hourly"]
    runs = client.get(f"{base}/runs/").json()["data"]
    assert {run["job_id"] for run in runs} == set(jobs)


@pytest.mark.slow
def test_an_account_file_and_the_runs_agree_on_ids_that_are_texts(
    results: Any, tmp_path: Path, empty_archive: Archive
) -> None:
    place = {"project_id": "finance", "environment_id": "prod"}
    account = {
        "account": {"id": 1},
        "projects": [{"id": "finance", "name": "Finance"}],
        "environments": [
            {"id": "prod", "project_id": "finance", "name": "Production", "deployment_type": "production"}
        ],
        "jobs": [{"id": "daily", "name": "Every day", **place}],
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    write_artifact(tmp_path / "run", "run_results", results, "only one")
    (tmp_path / "run" / "run.json").write_text(json.dumps({"id": "first", "job_id": "daily", **place}))
    assert ingest_folder(empty_archive, tmp_path).problems == ()
    run, job = the_only(empty_archive, "runs"), the_only(empty_archive, "jobs")
    assert (job["name"], run["job_id"]) == ("Every day", job["id"])
    assert run["environment_id"] == the_only(empty_archive, "environments")["id"] == job["environment_id"]
    assert run["project_id"] == the_only(empty_archive, "projects")["id"]


@pytest.mark.slow
def test_code_that_speaks_of_nul_is_shown_as_it_is(demo_folder: Path, tmp_path: Path, empty_archive: Archive) -> None:
    """SQL is fond of the six characters; a NUL itself is kept by no PostgreSQL and becomes a replacement character."""
    artifacts = small_artifacts(demo_folder)
    [name, *_] = [name for name, node in artifacts["manifest"]["nodes"].items() if node["resource_type"] == "model"]
    node = artifacts["manifest"]["nodes"][name]
    node["raw_code"] = r"select replace(body, '\u0000', ''), '\\u0000'"
    node["description"] = "before\0after, \\\0"
    result = {**artifacts["run_results"]["results"][0], "unique_id": name}
    artifacts["run_results"]["results"] = [result]
    for kind in ("manifest", "run_results"):
        write_artifact(tmp_path / "run", kind, artifacts[kind], "only one")
    (tmp_path / "run" / "run.json").write_text('{"id": 1, "job_id": 2, "environment_id": 3}')
    assert ingest_folder(empty_archive, tmp_path).problems == ()
    query = f'{{ job(id: 2) {{ model(uniqueId: "{name}") {{ rawCode description }} }} }}'
    found = TestClient(create_platform(empty_archive)).post("/graphql", json={"query": query}).json()["data"]
    assert found["job"]["model"] == {"rawCode": node["raw_code"], "description": "before\ufffdafter, \\\ufffd"}
