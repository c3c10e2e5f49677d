"""Run results without a manifest are served as far as they report it, until a manifest of their environment is read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.archive import Archive
from gateway.ingest.folders import IngestReport, ingest_folder
from gateway.settings import Settings
from tests.archive.small_target import NOON, write_target
from tests.serving import Gateway, serving

pytestmark = pytest.mark.slow

QUESTION = """{ project(id: "shop") { name models { nodes { id materialization lastRunStatus runtime } } }
  account { runs { nodes { runtime modelRuns { nodes { runtime } } } } } }"""


def read(folder: Path, store: str) -> IngestReport:
    archive = Archive.open(store)
    try:
        return ingest_folder(archive, folder)
    finally:
        archive.close()


async def ask(gateway: Gateway) -> tuple[list[dict[str, Any]], list[Any]]:
    found = await gateway.data(QUESTION)
    return found["project"]["models"]["nodes"], found["account"]["runs"]["nodes"]


async def test_the_models_of_all_runs_are_served_and_the_line_says_what_is_missing(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    first = write_target(tmp_path / "1", "1", models=(("a", 2.0), ("b.v2", 4.0)), manifest=False)
    write_target(tmp_path / "2", "2", models=(("c", 1.0),), manifest=False, ended=NOON + timedelta(hours=1))
    report = read(tmp_path, store)
    assert (report.runs, report.problems, len(report.notes)) == (2, (), 2)
    assert {note.path for note in report.notes} >= {str(first / "run_results.json")}
    assert all("no manifest.json" in note.reason and "'shop'" in note.reason for note in report.notes)
    async with serving(Settings(store_url=store)) as gateway:
        models, runs = await ask(gateway)
    assert models == [
        {"id": f"shop.{name}", "materialization": None, "lastRunStatus": "SUCCESS", "runtime": runtime}
        for name, runtime in (("a", 2.0), ("b.v2", 4.0), ("c", 1.0))
    ]
    assert sorted([each["runtime"] for each in run["modelRuns"]["nodes"]] for run in runs) == [[1.0], [2.0, 4.0]]


async def test_the_first_manifest_takes_the_place_whenever_it_was_written(tmp_path: Path) -> None:
    """It may be older than the results that were read before it."""
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    write_target(tmp_path / "without", "1", models=(("a", 2.0), ("gone", 1.0)), manifest=False)
    read(tmp_path / "without", store)
    write_target(tmp_path / "with", "2", models=(("a", 3.0),), ended=NOON - timedelta(hours=1))
    assert read(tmp_path / "with", store).notes == ()
    write_target(tmp_path / "later", "3", models=(("a", 5.0),), manifest=False, ended=NOON + timedelta(hours=1))
    read(tmp_path / "later", store)
    async with serving(Settings(store_url=store)) as gateway:
        models, runs = await ask(gateway)
    assert models == [{"id": "shop.a", "materialization": "table", "lastRunStatus": "SUCCESS", "runtime": 5.0}]
    assert len(runs) == 3
