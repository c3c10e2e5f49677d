"""What real clients of dbt Cloud read of projects, environments, jobs and runs beyond their ids: times, versions,
schedules and logs. Expected values are read from the demo's files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.admin.schedules import due_times
from gateway.local_platform.app import create_platform
from tests.archive.small_target import write_target
from tests.local_platform.reckoning import Reckoning
from tests.served_platform import ACCOUNT, Platform


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("path", "key"),
    [("projects/", "project_id"), ("environments/", "environment_id"), ("jobs/", "job_definition_id")],
)
def test_a_thing_lives_from_its_first_run_to_its_newest(
    platform: Platform, reckoning: Reckoning, path: str, key: str
) -> None:
    for found in platform.get(path)["data"]:
        created = [moment(run["created_at"]) for run in reckoning.runs if run[key] == found["id"]]
        assert (moment(found["created_at"]) if found["created_at"] else None) == min(created, default=None)
        if path != "environments/":  # theirs is the time of the newest artifact
            assert (moment(found["updated_at"]) if found["updated_at"] else None) == max(created, default=None)


def test_an_environment_has_the_dbt_version_of_its_newest_run(platform: Platform, reckoning: Reckoning) -> None:
    newest: dict[int, Any] = {}
    for run in sorted(reckoning.runs, key=lambda run: moment(run["created_at"])):
        newest[run["environment_id"]] = run["dbt_version"]
    for found in platform.get("environments/")["data"]:
        assert found["dbt_version"] == found["raw_dbt_version"] == newest.get(found["id"])
    assert set(newest.values()) != {None}


def test_a_page_of_projects_brings_their_environments(platform: Platform, reckoning: Reckoning) -> None:
    with platform.counting_statements() as statements:
        found = platform.get("projects/", include_related='["environments","connection"]')["data"]
    asked = [statement for statement in statements if "FROM" in statement]
    assert len(asked) == 6, "the account, the page and its total, lifetimes, environments and theirs"
    for project in found:
        expected = [each["id"] for each in reckoning.account["environments"] if each["project_id"] == project["id"]]
        assert [each["id"] for each in project["environments"]] == expected
        assert project["connection"] is None
    assert "environments" not in platform.get("projects/")["data"][0]


def test_a_schedule_is_reported_in_words_and_with_the_next_time(platform: Platform, reckoning: Reckoning) -> None:
    crons = {job["id"]: (job["schedule"] or {}).get("cron") for job in reckoning.account["jobs"]}
    for job in platform.get("jobs/")["data"]:
        cron = crons[job["id"]]
        if cron is None:
            assert (job["schedule"], job["cron_humanized"], job["next_run"]) == (None, None, None)
            continue
        assert job["schedule"]["cron"] == job["schedule"]["date"]["cron"] == cron
        assert set(job["schedule"]["time"]) == {"type", "interval"}
        assert 0 < (moment(job["next_run"]) - datetime.now(UTC)).total_seconds() < 3 * 86_400
    assert set(crons.values()) > {None}


@pytest.mark.parametrize(
    ("cron", "due"),
    [
        ("0 5 * * *", "2026-11-29 05:00:00.000000+00:00"),
        ("20 */4 * * *", "2026-11-28 16:20:00.000000+00:00"),
        ("0 7 * * 1", "2026-11-30 07:00:00.000000+00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00:00.000000+00:00"),
    ],
)
def test_the_next_run_is_the_next_that_the_expression_means(cron: str, due: str) -> None:
    assert due_times(cron, datetime(2026, 11, 28, 12, 30, tzinfo=UTC))["next_run"] == due


@pytest.mark.parametrize("cron", ["", "daily", "99 * * * *", "0 0 31 2 *", "* * * *", "\x00"])
def test_an_expression_that_is_none_says_nothing(cron: str) -> None:
    assert due_times(cron, datetime(2026, 11, 28, tzinfo=UTC))["next_run"] is None


def test_runs_have_their_related_keys_asked_for_or_not(platform: Platform) -> None:
    for run in platform.get("runs/", limit=5)["data"]:
        assert (run["trigger"], run["job"], run["environment"], run["run_steps"]) == (None, None, None, [])
        assert run["trigger_id"] == run["id"]


def results_of(reckoning: Reckoning, run_id: int, folder: Path) -> list[Any]:
    files = sorted(folder.glob(f"*/*/{run_id}/step_*/run_results.json"))
    return [result for file in files for result in msgspec.json.decode(file.read_bytes())["results"]]


def test_a_step_logs_its_nodes_with_what_they_said(platform: Platform, reckoning: Reckoning, demo_folder: Path) -> None:
    run = next(run for run in reckoning.runs if run["status"] == 20)
    path = f"runs/{run['id']}/"
    assert all(step["logs"] is None for step in platform.get(path)["data"]["run_steps"])
    steps = platform.get(path, include_related='["run_steps"]')["data"]["run_steps"]
    assert platform.get(path, include_related="run_steps,trigger")["data"]["run_steps"] == steps
    logs = [step["logs"] for step in steps if step["logs"]]
    nodes = {result["unique_id"]: result["status"] for result in results_of(reckoning, run["id"], demo_folder)}
    lines = "\n".join(logs)
    for name, status in nodes.items():
        assert f"{status.upper()} {name}" in lines
    sources = demo_folder.glob(f"*/*/{run['id']}/step_*/sources.json")
    for result in (result for file in sources for result in msgspec.json.decode(file.read_bytes())["results"]):
        assert f"{result['status'].upper()} {result['unique_id']}" in lines
    logged = next(step for step in steps if step["logs"])
    assert platform.get(f"steps/{logged['id']}/")["data"]["logs"] == logged["logs"] == logged["debug_logs"]


@pytest.mark.slow
@pytest.mark.sqlite_by_day
def test_a_log_is_bounded(tmp_path: Path, empty_archive: Archive) -> None:
    write_target(tmp_path / "target", "big", models=[(f"m{number}", 0.01) for number in range(10_050)])
    ingest_folder(empty_archive, tmp_path)
    client = TestClient(create_platform(empty_archive))
    account = client.get("/api/v2/accounts/").json()["data"][0]["id"]
    [run] = client.get(f"/api/v2/accounts/{account}/runs/").json()["data"]
    [step] = client.get(f"/api/v2/accounts/{account}/runs/{run['id']}/?include_related=[%22debug_logs%22]").json()[
        "data"
    ]["run_steps"]
    lines = step["logs"].splitlines()
    assert len(lines) == 10_001
    assert lines[-1] == "… after 10,000 nodes the rest is left out."


def test_the_address_itself_and_who_asks_are_answered(platform: Platform) -> None:
    assert platform.http.get("/").json()["admin"] == "/api/v2/"
    who = platform.http.get("/api/v2/whoami/").json()["data"]["user"]
    assert platform.get("users/")["data"] == [who]
    assert platform.http.get(f"/api/v2/accounts/{ACCOUNT + 1}/users/").status_code == 404
