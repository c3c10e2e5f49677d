"""Clocks that step: of dbt's machine between two runs, and of the archive's own while it reads."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.archive.archive import Archive
from gateway.archive.reading.rankings import recent_runtimes
from gateway.archive.tables.run_tables import environments, results
from gateway.ingest.folders import ingest_folder
from tests.archive.rollup_checks import check_rollups
from tests.archive.written_runs import BEGIN, DAILY, ENVIRONMENT, MODELS, Command, write_account, write_run


def revision_of(archive: Archive) -> tuple[int, int]:
    with archive.reading() as connection:
        row = connection.execute(select(environments).where(environments.c.id == ENVIRONMENT)).one()
        return row.revision, row.updated_at


def runtimes_of(archive: Archive) -> list[tuple[float, ...]]:
    """Of every model, newest first by the time that dbt wrote."""
    with archive.reading() as connection:
        return [row.runtimes for row in recent_runtimes(connection, [ENVIRONMENT], 60)]


@pytest.mark.slow
def test_runs_whose_clock_stepped_back_or_stood_still_count_once_and_are_news(
    empty_archive: Archive, tmp_path: Path
) -> None:
    write_account(tmp_path, {DAILY: "scheduled"})
    days = (0, 5, 2, 5, 4)
    known = []
    for number, day in enumerate(days):
        ended = BEGIN + timedelta(days=day)
        write_run(tmp_path, 100 + number, DAILY, [Command(ended, {MODELS[0]: ("success", 10.0 + number)})])
        assert ingest_folder(empty_archive, tmp_path).runs == 1
        known.append(revision_of(empty_archive))
    check_rollups(empty_archive)
    assert runtimes_of(empty_archive) == [(13.0, 11.0, 14.0, 12.0, 10.0)], "by time, then by run"
    assert [revision for revision, _ in known] == sorted({revision for revision, _ in known})
    assert [at for _, at in known] == sorted({at for _, at in known}), "what tells caches of a change never steps back"


@pytest.mark.slow
def test_a_clock_that_steps_while_runs_are_read_changes_no_figure(
    empty_archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_account(tmp_path, {DAILY: "scheduled"})
    for number, step in enumerate((0, 10**9, -(10**9), -(10**6))):
        stepped = time.time() + step
        monkeypatch.setattr(time, "time", partial(float, stepped))
        monkeypatch.setattr(time, "time_ns", partial(int, stepped * 1e9))
        ended = BEGIN + timedelta(days=number)
        write_run(tmp_path, 100 + number, DAILY, [Command(ended, {MODELS[0]: ("success", 10.0 + number)})])
        assert ingest_folder(empty_archive, tmp_path).runs == 1
        assert ingest_folder(empty_archive, tmp_path).unchanged == number + 1, "and are known again"
    check_rollups(empty_archive)
    assert runtimes_of(empty_archive) == [(13.0, 12.0, 11.0, 10.0)]
    with empty_archive.reading() as connection:
        assert len(connection.scalars(select(results.c.id)).all()) == 4
