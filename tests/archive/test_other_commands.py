"""Files of other commands beside a run.json count for the commands that wrote them, not for the run."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.archive.small_target import NOON, head, result, stamp, write, write_target

pytestmark = pytest.mark.sqlite_by_day

DAY = timedelta(days=1)
FIGURES = Path(__file__).parents[3] / "shared" / "cases" / "figures"


def write_catalog(folder: Path, invocation: str, ended: datetime, env: dict[str, str] | None = None) -> None:
    metadata = head("catalog", 1, invocation, ended, env)
    write(folder / "catalog.json", {"metadata": metadata, "nodes": {}, "sources": {}})


def write_sources(folder: Path, invocation: str, ended: datetime, env: dict[str, str] | None = None) -> None:
    check = result("source.shop.raw.orders", ended - timedelta(seconds=3), 3.0, "pass")
    metadata = head("sources", 3, invocation, ended, env)
    write(folder / "sources.json", {"metadata": metadata, "results": [check], "elapsed_time": 3.0})


def runs_by_job(archive: Archive) -> dict[str, list[tuple[int, str | None, list[str]]]]:
    """Id, duration and commands of every run, by the name of its job."""
    client = TestClient(create_platform(archive))
    [account] = client.get("/api/v3/accounts/").json()["data"]
    base = f"/api/v2/accounts/{account['id']}"
    jobs = {job["id"]: job["name"] for job in client.get(f"{base}/jobs/").json()["data"]}
    found: dict[str, list[tuple[int, str | None, list[str]]]] = {}
    for run in client.get(f"{base}/runs/", params={"include_related": '["run_steps"]'}).json()["data"]:
        commands = [step["name"].split("`")[1] for step in run["run_steps"]]
        found.setdefault(jobs[run["job_id"]], []).append((run["id"], run["run_duration"], commands))
    return found


BUILD = (100, "00:00:10", ["dbt build"])


@pytest.mark.slow
@pytest.mark.parametrize("step", ["", "step_1"])
@pytest.mark.parametrize("kind", ["catalog", "sources"])
def test_yesterdays_file_is_a_run_of_its_own(tmp_path: Path, empty_archive: Archive, step: str, kind: str) -> None:
    run = tmp_path / "100"
    write(run / "run.json", {"id": 100, "job_id": 1, "job_name": "Nightly"})
    write_target(run / step, "today")
    {"catalog": write_catalog, "sources": write_sources}[kind](run / step, "yesterday", NOON - DAY)
    assert ingest_folder(empty_archive, tmp_path).problems == ()
    found = runs_by_job(empty_archive)
    assert found.pop("Nightly") == [BUILD]
    title, seconds = {"catalog": ("dbt docs generate", None), "sources": ("dbt source freshness", "00:00:03")}[kind]
    [(_, duration, commands)] = found.pop(title)
    assert (found, duration, commands) == ({}, seconds, [title])
    assert empty_archive.describe().environments == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("record", "minutes", "env", "belongs"),
    [
        ({"started_at": stamp(NOON - timedelta(minutes=20)), "finished_at": stamp(NOON)}, 11, {}, True),
        ({"created_at": stamp(NOON - timedelta(minutes=20))}, 11, {}, True),
        ({"started_at": stamp(NOON - timedelta(minutes=5)), "finished_at": stamp(NOON)}, 11, {}, False),
        ({"finished_at": stamp(NOON)}, 11, {}, False),
        ({}, 11, {"DBT_CLOUD_RUN_ID": "100"}, True),
        ({}, 11, {"DBT_CLOUD_RUN_ID": "99"}, False),
        ({"started_at": stamp(NOON - timedelta(minutes=20))}, 11, {"DBT_CLOUD_RUN_ID": "99"}, False),
    ],
)
def test_a_command_is_a_step_by_its_run_id_or_its_time(
    tmp_path: Path, empty_archive: Archive, record: Any, minutes: int, env: dict[str, str], belongs: bool
) -> None:
    """dbt Cloud checks sources eleven minutes before it builds, in one run."""
    write(tmp_path / "run.json", {"id": 100, "job_id": 1, "job_name": "Nightly", **record})
    write_target(tmp_path, "build", env={"DBT_CLOUD_RUN_ID": "100"})
    write_sources(tmp_path, "freshness", NOON - timedelta(minutes=minutes), env)
    ingest_folder(empty_archive, tmp_path)
    [(_, _, commands)] = runs_by_job(empty_archive)["Nightly"]
    assert commands == (["dbt source freshness", "dbt build"] if belongs else ["dbt build"])


@pytest.mark.slow
def test_the_last_command_of_a_step_is_the_steps(tmp_path: Path, empty_archive: Archive) -> None:
    """The folder of a later step still holds what the earlier ones left."""
    write(tmp_path / "run.json", {"id": 100, "job_id": 1, "job_name": "Nightly"})
    for step in ("step_1", "step_2"):
        write_target(tmp_path / step, "build")
    write_sources(tmp_path / "step_2", "freshness", NOON + timedelta(minutes=1))
    ingest_folder(empty_archive, tmp_path)
    assert runs_by_job(empty_archive) == {"Nightly": [(100, "00:01:10", ["dbt build", "dbt source freshness"])]}


@pytest.mark.slow
@pytest.mark.parametrize("together", [True, False])
def test_a_command_that_was_read_beside_another_run_joins_the_run_that_is_described_later(
    tmp_path: Path, empty_archive: Archive, together: bool
) -> None:
    """Day 2 holds day 1's catalog; day 1 itself is read afterwards, or a target folder before its run.json came."""
    for day in (1, 2):
        place = tmp_path / f"{day}"
        write(place / "run.json", {"id": day, "job_id": 1, "job_name": "Docs", "environment_id": 9, "project_id": 7})
        write_target(place, f"build {day}", ended=NOON + day * DAY, env={"DBT_CLOUD_RUN_ID": f"{day}"})
        write_catalog(place, "docs 1", NOON + DAY + timedelta(minutes=1), {"DBT_CLOUD_RUN_ID": "1"})
    if not together:
        ingest_folder(empty_archive, tmp_path / "2")
        assert [len(runs) for runs in runs_by_job(empty_archive).values()] == [1, 1]
    ingest_folder(empty_archive, tmp_path)
    assert sorted(runs_by_job(empty_archive)["Docs"]) == [
        (1, "00:01:10", ["dbt build", "dbt docs generate"]),
        (2, "00:00:10", ["dbt build"]),
    ]
    assert set(runs_by_job(empty_archive)) == {"Docs"}
    again = ingest_folder(empty_archive, tmp_path)
    assert (again.runs, again.unchanged) == (0, 2)


@pytest.mark.slow
@pytest.mark.skipif(not FIGURES.is_dir(), reason="the cases lie beside the project")
@pytest.mark.parametrize("case", ["c7", "c7b"])
def test_the_cases_that_were_found(empty_archive: Archive, case: str) -> None:
    ingest_folder(empty_archive, FIGURES / case)
    assert runs_by_job(empty_archive)["j1"] == [BUILD]
    assert json.loads((FIGURES / case / "shop/1/100/run.json").read_text())["id"] == 100
