"""Runs that no orchestrator described: which of them are one job, how long they took, what their project is called."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from gateway.settings import Settings
from tests.archive.small_target import NOON, change, write, write_target
from tests.serving import serving

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_by_day]

# Folders that dbt 1.7 and 1.11 wrote; see test_every_version.
CASES = Path(__file__).parents[3] / "shared" / "cases"


def listed(archive: Archive, name: str) -> list[Any]:
    client = TestClient(create_platform(archive))
    found = []
    for account in client.get("/api/v3/accounts/").json()["data"]:
        found += client.get(f"/api/v2/accounts/{account['id']}/{name}/").json()["data"]
    return found


def jobs_and_seconds(archive: Archive) -> dict[str, list[int]]:
    """The seconds of every run, rounded down, by the job's name."""
    names = {job["id"]: job["name"] for job in listed(archive, "jobs")}
    found: dict[str, list[int]] = {name: [] for name in names.values()}
    for run in sorted(listed(archive, "runs"), key=lambda run: str(run["created_at"])):
        hours, minutes, seconds = map(int, run["run_duration"].split(":"))
        found[names[run["job_id"]]].append(3600 * hours + 60 * minutes + seconds)
    return found


TITLES = [
    ({}, "dbt build"),
    ({"select": ["tag:daily", "a+"]}, "dbt build --select tag:daily a+"),
    ({"select": [["a"], ["b"]]}, "dbt build --select a b"),
    ({"models": ["a"]}, "dbt build --select a"),
    ({"exclude": "b"}, "dbt build --exclude b"),
    ({"selector": "nightly"}, "dbt build --selector nightly"),
    ({"selector": "hourly"}, "dbt build --selector hourly"),
    ({"resource_types": ["test", "model"]}, "dbt build --resource-type model test"),
    ({"resource_types": ["model", "test"]}, "dbt build --resource-type model test"),
    ({"exclude_resource_types": ["unit_test"]}, "dbt build --exclude-resource-type unit_test"),
    ({"target": "prod"}, "dbt build"),
    ({"full_refresh": True}, "dbt build"),
    ({"select": [""], "exclude": [""], "selector": ""}, "dbt build"),
    ({"which": "run-operation", "macro": "grant_select"}, "dbt run-operation grant_select"),
    ({"which": "run-operation", "macro": "drop_old"}, "dbt run-operation drop_old"),
    ({"which": "generate", "select": ["a"]}, "dbt docs generate --select a"),
]


@pytest.mark.parametrize(("args", "title"), TITLES)
def test_a_job_is_called_by_all_that_selects(
    tmp_path: Path, empty_archive: Archive, args: dict[str, Any], title: str
) -> None:
    ingest_folder(empty_archive, write_target(tmp_path / "target", "one", args=args))
    assert [job["name"] for job in listed(empty_archive, "jobs")] == [title]


def test_runs_of_one_title_are_one_job_and_of_another_selector_another(tmp_path: Path, empty_archive: Archive) -> None:
    commands: Iterable[dict[str, Any]] = (
        {"selector": "nightly"},
        {"selector": "hourly"},
        {"selector": "hourly", "full_refresh": True},
        {},
        {"full_refresh": True},
        {"select": [""], "exclude": [""], "invocation_command": "dbt retry"},
    )
    for number, args in enumerate(commands, start=1):
        ended = NOON + timedelta(hours=number)
        write_target(tmp_path / f"{number}", f"{number}", args=args, ended=ended, elapsed=float(number))
    assert ingest_folder(empty_archive, tmp_path).problems == ()
    assert jobs_and_seconds(empty_archive) == {
        "dbt build --selector nightly": [1],
        "dbt build --selector hourly": [2, 3],
        "dbt build": [4, 5, 6],
    }


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases lie beside the project")
@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("selector", {"dbt build --selector nightly": 1, "dbt build --selector hourly": 1}),
        ("retry-dbt-1.7", {"dbt build": 2}),
    ],
)
def test_what_dbt_wrote_is_told_apart(empty_archive: Archive, case: str, expected: dict[str, int]) -> None:
    ingest_folder(empty_archive, CASES / case)
    assert {name: len(runs) for name, runs in jobs_and_seconds(empty_archive).items()} == expected


def as_an_older_version_left_it(archive: Archive) -> None:
    """Every command of dbt build in one job, no seconds where dbt wrote none, folders without their runs."""
    with archive.writing() as connection:
        keep = "SELECT min(id) FROM jobs WHERE name = 'dbt build'"
        for table in ("runs", "invocations"):
            connection.exec_driver_sql(f"UPDATE {table} SET job_id = ({keep})")  # noqa: S608
        connection.exec_driver_sql("DELETE FROM jobs WHERE name <> 'dbt build'")
        connection.exec_driver_sql("UPDATE invocations SET elapsed = NULL WHERE uuid = '3'")
        connection.exec_driver_sql("UPDATE runs SET started_at = finished_at WHERE finished_at = created_at + 6000000")
        connection.exec_driver_sql("ALTER TABLE folders DROP COLUMN runs")
        connection.exec_driver_sql("DELETE FROM migrations")
        connection.exec_driver_sql("INSERT INTO migrations VALUES (5, 'before', 0)")


def test_an_older_archive_is_led_to_the_same_jobs_and_seconds(tmp_path: Path, new_store: Any) -> None:
    for number, args in enumerate(({}, {"selector": "nightly"}, {}), start=1):
        elapsed = None if number == 3 else float(number)
        ended = NOON + timedelta(hours=number)
        models = (("a", 2.0), ("b", 4.0))
        write_target(tmp_path / f"{number}", f"{number}", args=args, ended=ended, models=models, elapsed=elapsed)
    address = new_store()
    archive = Archive.open(address)
    ingest_folder(archive, tmp_path)
    before, jobs = jobs_and_seconds(archive), {job["name"]: job["id"] for job in listed(archive, "jobs")}
    assert before == {"dbt build": [1, 6], "dbt build --selector nightly": [2]}
    as_an_older_version_left_it(archive)
    assert jobs_and_seconds(archive) == {"dbt build": [1, 2, 0]}
    archive.close()
    archive = Archive.open(address)
    assert jobs_and_seconds(archive) == before
    assert {job["name"]: job["id"] for job in listed(archive, "jobs")} == jobs
    again = ingest_folder(archive, tmp_path)
    assert (again.runs, again.unchanged) == (0, 3)
    archive.close()


@pytest.mark.parametrize(
    ("timed", "seconds"), [("by timings", 6), ("by execution times", 4), ("by nothing", None), ("negative", 6)]
)
def test_a_command_without_elapsed_time_took_as_long_as_its_results(
    tmp_path: Path, empty_archive: Archive, timed: str, seconds: int | None
) -> None:
    """Two models, one after the other; without timings the thread that worked longest counts."""
    folder = write_target(tmp_path / "target", "one", models=(("a", 2.0), ("b", 4.0)), elapsed=None)
    results = json.loads((folder / "run_results.json").read_text())["results"]
    if timed == "negative":
        change(folder / "run_results.json", elapsed_time=-5.0)
    elif timed != "by timings":
        results[1]["thread_id"] = "Thread-2"
        for each in results:
            each["timing"] = []
            each["execution_time"] = each["execution_time"] if timed == "by execution times" else None
        change(folder / "run_results.json", results=results)
    ingest_folder(empty_archive, folder)
    [run] = listed(empty_archive, "runs")
    assert run["run_duration"] == (None if seconds is None else f"00:00:0{seconds}")
    assert run["finished_at"] is not None


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("told_by", ["run.json", "artifacts"])
def test_what_was_renamed_has_its_newest_name_in_whatever_order_runs_are_read(
    tmp_path: Path, empty_archive: Archive, told_by: str, newest_first: bool
) -> None:
    days = [(1, "old", "Nightly", "Prod"), (2, "new", "Every night", "Production")]
    for day, project, job, environment in reversed(days) if newest_first else days:
        place, ended = tmp_path / f"{day}", NOON + timedelta(days=day)
        ids = {"PROJECT_ID": "7", "JOB_ID": "8", "RUN_ID": f"{day}", "ENVIRONMENT_ID": "9"}
        env = {f"DBT_CLOUD_{name}": value for name, value in ids.items()} if told_by == "artifacts" else {}
        write_target(place, f"{day}", project=project, ended=ended, env=env)
        if told_by == "run.json":
            record = {"id": day, "job_id": 8, "project_id": 7, "environment_id": 9, "job_name": job}
            write(place / "run.json", {**record, "environment_name": environment, "project_name": project})
        assert ingest_folder(empty_archive, place).runs == 1
    assert [project["name"] for project in listed(empty_archive, "projects")] == ["new"]
    if told_by == "run.json":
        assert [job["name"] for job in listed(empty_archive, "jobs")] == ["Every night"]
        assert [place["name"] for place in listed(empty_archive, "environments")] == ["Production"]


async def test_the_gateway_calls_a_project_by_its_new_name(tmp_path: Path) -> None:
    for day, name in enumerate(("old", "new"), start=1):
        env = {"DBT_CLOUD_PROJECT_ID": "7"}
        write_target(tmp_path / "runs" / f"{day}", f"{day}", project=name, ended=NOON + timedelta(days=day), env=env)
    settings = Settings(store_url=f"sqlite:///{tmp_path / 'runs.db'}")
    archive = Archive.open(str(settings.store_url))
    ingest_folder(archive, tmp_path / "runs")
    archive.close()
    async with serving(settings) as gateway:
        found = await gateway.data('{ project(id: "new") { id name models { nodes { id } } } }')
    assert found["project"] == {"id": "new", "name": "new", "models": {"nodes": [{"id": "new.orders"}]}}


@pytest.mark.parametrize(
    ("elapsed", "started"),
    [
        (10.0000004, "11:59:50.123456"),
        (10.0000006, "11:59:50.123455"),
        (0.0000005999, "12:00:00.123455"),
        (2.675, "11:59:57.448456"),
        (1.1, "11:59:59.023456"),
    ],
)
def test_a_derived_start_is_rounded_to_the_nearest_microsecond(
    empty_archive: Archive, tmp_path: Path, elapsed: float, started: str
) -> None:
    """Cut, 10.0000006 s and 1.1 s (1.1000000000000001) would each be off by a microsecond."""
    write_target(tmp_path / "target", "one", ended=NOON.replace(microsecond=123456), elapsed=elapsed)
    ingest_folder(empty_archive, tmp_path)
    (run,) = listed(empty_archive, "runs")
    assert run["started_at"].split(" ")[1].removesuffix("+00:00") == started


@pytest.mark.parametrize("impossible", [1e308, 1.1e9, -3.0])
@pytest.mark.parametrize("timed", [True, False])
def test_an_impossible_time_of_one_result_costs_its_command_nothing(
    tmp_path: Path, empty_archive: Archive, impossible: float, timed: bool
) -> None:
    """Without `elapsed_time`: the other result took 2 s, the timings of both 6 s."""
    folder = write_target(tmp_path / "target", "one", models=(("a", 2.0), ("b", 4.0)), elapsed=None)
    results = json.loads((folder / "run_results.json").read_text())["results"]
    results[1]["execution_time"] = impossible
    for each in results if not timed else ():
        each["timing"] = []
    change(folder / "run_results.json", results=results)
    ingest_folder(empty_archive, folder)
    [run] = listed(empty_archive, "runs")
    assert run["run_duration"] == ("00:00:06" if timed else "00:00:02")
