"""Two programs that read and forget runs of one archive at the same time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.archive.archive import Archive
from gateway.archive.retention import Retention, forget_old_runs
from gateway.archive.tables.run_tables import invocations, manifests, results, texts
from gateway.ingest.folders import Progress, ingest_folder
from tests.archive.rollup_checks import check_rollups
from tests.archive.written_runs import BEGIN, CHANGES, DAILY, MODELS, Command, write_account, write_run
from tests.served_platform import NewStore


@pytest.mark.slow
def test_what_another_program_forgets_meanwhile_is_stored_again(new_store: NewStore, tmp_path: Path) -> None:
    """The second run says what the first said, which is forgotten before it is read."""
    address = new_store()
    mine, theirs = Archive.open(address), Archive.open(address)
    known, folder = tmp_path / "known", tmp_path / "runs"
    newer = Command(BEGIN + timedelta(days=9), {MODELS[0]: ("success", 1.0)})
    write_account(known, {DAILY: "scheduled"})
    write_run(known, 100, DAILY, [newer])
    ingest_folder(mine, known)
    write_account(folder, {DAILY: "scheduled", CHANGES: "scheduled"})
    for run, job, hours in ((101, DAILY, 1), (102, CHANGES, 2)):
        ended = BEGIN + timedelta(hours=hours)
        write_run(folder, run, job, [Command(ended, {MODELS[1]: ("success", 2.0)}, thread="said by both")])
    done: list[int] = []

    def forget(progress: Progress) -> None:
        if progress.done == 1:
            done.append(forget_old_runs(theirs, Retention(runs_per_job=1)).runs)

    report = ingest_folder(mine, folder, forget)
    assert (report.problems, done, report.runs) == ((), [1], 2)
    with mine.reading() as connection:
        said = select(texts.c.body).select_from(results).outerjoin(texts, texts.c.id == results.c.thread_id)
        assert set(connection.scalars(said)) == {"Thread-1", "said by both"}
        lost = select(func.count()).where(invocations.c.manifest_id.not_in(select(manifests.c.id)))
        assert connection.scalar(lost) == 0
    check_rollups(mine)
    mine.close()
    theirs.close()


@pytest.mark.slow
def test_both_count_what_the_other_has_stored(new_store: NewStore, tmp_path: Path) -> None:
    address = new_store()
    archives = [Archive.open(address), Archive.open(address)]
    for hour in range(6):
        folder = tmp_path / str(hour)
        write_account(folder, {DAILY: "scheduled"})
        ended = BEGIN + timedelta(hours=hour)
        write_run(folder, 100 + hour, DAILY, [Command(ended, dict.fromkeys(MODELS, ("success", 1.0 + hour)))])
        for archive in (archives[hour % 2], archives[1 - hour % 2]):
            assert ingest_folder(archive, folder).results == (len(MODELS) if archive is archives[hour % 2] else 0)
    for archive in archives:
        check_rollups(archive)
        archive.close()
