"""Watching a folder: what appears is served, what is half written is waited for."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Queue

import pytest

from gateway.archive import archive as archive_module
from gateway.archive.archive import Archive
from gateway.ingest.folders import IngestReport
from gateway.ingest.watching import watch_folder
from tests.served_platform import NewStore

pytestmark = pytest.mark.slow

RUN = Path("finance/301001/70437490011508")
PATIENCE = 60


@contextmanager
def watching(archive: Archive, folder: Path) -> Iterator[Queue[IngestReport]]:
    reports: Queue[IngestReport] = Queue()
    stop = threading.Event()
    thread = threading.Thread(target=watch_folder, args=(archive, folder, stop, reports.put, 0.05))
    thread.start()
    try:
        yield reports
    finally:
        stop.set()
        thread.join()


def test_a_run_that_appears_is_read_and_a_half_written_one_is_waited_for(
    demo_folder: Path, tmp_path: Path, empty_archive: Archive
) -> None:
    folder = tmp_path / "runs"
    with watching(empty_archive, folder) as reports:
        missing = reports.get(timeout=PATIENCE)
        assert [problem.path for problem in missing.problems] == [str(folder)]
        shutil.copytree(demo_folder / RUN, tmp_path / "complete")
        whole = (tmp_path / "complete/step_2/run_results.json").read_bytes()
        (tmp_path / "complete/step_2/run_results.json").write_bytes(whole[:1000])
        (folder / RUN).parent.mkdir(parents=True)
        shutil.move(tmp_path / "complete", folder / RUN)
        found = reports.get(timeout=PATIENCE)
        while not any("run_results.json" in problem.path for problem in found.problems):
            found = reports.get(timeout=PATIENCE)
        assert empty_archive.describe().runs == 0
        (folder / RUN / "step_2/run_results.json").write_bytes(whole)
        found = reports.get(timeout=PATIENCE)
        while not found.runs:
            found = reports.get(timeout=PATIENCE)
    assert empty_archive.describe().runs == 1


def test_a_locked_archive_is_waited_for(
    demo_folder: Path, tmp_path: Path, new_store: NewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "_BUSY_SECONDS", 0)
    address = new_store()
    mine, theirs = Archive.open(address), Archive.open(address)
    shutil.copytree(demo_folder / RUN, tmp_path / "runs" / RUN)
    with ExitStack() as held:
        held.enter_context(theirs.writing())
        with watching(mine, tmp_path / "runs") as reports:
            found = reports.get(timeout=PATIENCE)
            while not any("locked" in problem.reason for problem in found.problems):
                found = reports.get(timeout=PATIENCE)
            held.close()
            while mine.describe().runs == 0:
                reports.get(timeout=PATIENCE)
    mine.close()
    theirs.close()
