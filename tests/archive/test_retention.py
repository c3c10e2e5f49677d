"""Forgetting old runs: by age and by count, completely, and without disturbing what stays."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gateway.archive.archive import Archive
from gateway.archive.retention import Forgotten, Retention, forget_old_runs
from gateway.ingest.folders import ingest_folder
from gateway.local_platform.app import create_platform
from tests.local_platform.reckoning import Reckoning, moment
from tests.served_platform import CopyStore, NewStore, Platform

pytestmark = pytest.mark.slow

NOW = moment("2026-03-11T06:00:00Z").timestamp()


@pytest.fixture(scope="module")
def finance(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project's runs."""
    folder = tmp_path_factory.mktemp("finance")
    shutil.copy(demo_folder / "account.json", folder)
    shutil.copytree(demo_folder / "finance", folder / "finance")
    return folder


@pytest.fixture(scope="module")
def reckoning(finance: Path) -> Reckoning:
    """The right answers about that project."""
    return Reckoning(finance)


@pytest.fixture(scope="module")
def finance_store(new_store: NewStore, finance: Path) -> str:
    """The address of an archive of one project; tests must not change it."""
    store = new_store()
    archive = Archive.open(store)
    ingest_folder(archive, finance)
    archive.close()
    return store


@pytest.fixture
def filled(finance_store: str, copy_store: CopyStore) -> Iterator[Archive]:
    """An archive of one project, of this test alone."""
    archive = Archive.open(copy_store(finance_store))
    yield archive
    archive.close()


def run_ids(archive: Archive) -> set[int]:
    with archive.reading() as connection:
        return set(connection.exec_driver_sql("SELECT id FROM runs").scalars())


def newest_of_each_job(reckoning: Reckoning) -> dict[int, int]:
    found: dict[int, int] = {}
    for run in sorted(reckoning.runs, key=lambda run: (run["created_at"], run["id"])):
        found[run["job_definition_id"]] = run["id"]
    return found


def test_runs_beyond_an_age_are_forgotten_but_never_the_newest_of_a_job(filled: Archive, reckoning: Reckoning) -> None:
    forgotten = forget_old_runs(filled, Retention(age=timedelta(days=1)), NOW)
    young = {run["id"] for run in reckoning.runs if moment(run["created_at"]).timestamp() >= NOW - 86400}
    kept = young | set(newest_of_each_job(reckoning).values())
    assert run_ids(filled) == kept
    assert forgotten.runs == len(reckoning.runs) - len(kept)


def test_only_the_newest_runs_of_each_job_are_kept(filled: Archive, reckoning: Reckoning) -> None:
    forget_old_runs(filled, Retention(runs_per_job=3), NOW)
    jobs = {run["id"]: run["job_definition_id"] for run in reckoning.runs}
    assert set(Counter(jobs[run] for run in run_ids(filled)).values()) == {3}


def test_nothing_is_left_of_what_was_forgotten(filled: Archive, reckoning: Reckoning) -> None:
    before = sizes(filled)
    forgotten = forget_old_runs(filled, Retention(runs_per_job=1), NOW)
    after = sizes(filled)
    kept = set(newest_of_each_job(reckoning).values())
    results = [result for command in reckoning.commands if command.run["id"] in kept for result in command.results]
    assert after["results"] == len(results)
    assert forgotten.results == before["results"] - after["results"]
    assert forgotten.nodes == before["nodes"] - after["nodes"] > 0
    assert after["manifests"] < before["manifests"]
    assert after["texts"] < before["texts"]
    with filled.reading() as connection:
        loose = """SELECT count(*) FROM nodes WHERE id NOT IN (SELECT node_id FROM manifest_nodes)
          AND id NOT IN (SELECT node_id FROM results WHERE node_id IS NOT NULL)"""
        assert connection.exec_driver_sql(loose).scalar() == 0


def sizes(archive: Archive) -> dict[str, int]:
    with archive.reading() as connection:
        names = ("results", "nodes", "manifests", "texts", "resources", "freshness", "manifest_nodes")
        count = "SELECT count(*) FROM "
        return {name: connection.exec_driver_sql(count + name).scalar() for name in names}


def test_what_stays_is_answered_as_before(filled: Archive, reckoning: Reckoning) -> None:
    forget_old_runs(filled, Retention(runs_per_job=2), NOW)
    platform = Platform(TestClient(create_platform(filled)), filled)
    query = """query ($name: String!) { environment(id: 201001) { applied {
      modelHistoricalRuns(uniqueId: $name, lastRunCount: 100) { runId executionTime status rawCode } } } }"""
    kept = run_ids(filled)
    for name in reckoning.models(201001):
        expected = [each for each in reckoning.history(201001, name) if each.run_id in kept]
        found = platform.ask(query, name=name)["environment"]["applied"]["modelHistoricalRuns"]
        assert [(row["runId"], row["executionTime"]) for row in found] == [
            (each.run_id, each.result["execution_time"]) for each in expected
        ]


def test_a_state_that_lost_runs_has_a_new_time(filled: Archive) -> None:
    query = "{ environment(id: 201001) { applied { lastUpdatedAt } } }"
    platform = Platform(TestClient(create_platform(filled)), filled)
    before = json.dumps(platform.ask(query))
    forget_old_runs(filled, Retention(runs_per_job=2), NOW)
    assert json.dumps(platform.ask(query)) > before


def test_forgotten_runs_do_not_come_back_when_their_folder_is_read_again(filled: Archive, finance: Path) -> None:
    forget_old_runs(filled, Retention(runs_per_job=1), NOW)
    left = run_ids(filled)
    assert ingest_folder(filled, finance).runs == 0
    assert run_ids(filled) == left


def test_without_limits_nothing_is_forgotten(filled: Archive) -> None:
    before = run_ids(filled)
    assert forget_old_runs(filled, Retention(), NOW) == Forgotten(0, 0, 0)
    assert run_ids(filled) == before
