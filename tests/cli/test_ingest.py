"""`gateway ingest` as a scheduler uses it: an archive file, a watched folder, old runs forgotten."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.archive.archive import Archive

pytestmark = pytest.mark.slow

JOBS = ("finance/301001", "marketing/302001")
RUNS = ("finance/301001/70437490011508", "finance/301001/70437490010823")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gateway", "ingest", *arguments]


def runs_in(store: str) -> int:
    archive = Archive.open(store)
    try:
        return archive.describe().runs
    finally:
        archive.close()


def test_a_tar_is_read_and_old_runs_are_forgotten(demo_folder: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    pack = tmp_path / "runs.tar.gz"
    with tarfile.open(pack, "w:gz", compresslevel=1) as tar:
        for name in ("account.json", *JOBS):
            tar.add(demo_folder / name, f"runs/{name}")
    runs = sum(len(list(demo_folder.glob(f"{job}/*/run.json"))) for job in JOBS)
    done = subprocess.run(
        command(str(pack), "--store", store, "--keep-runs", "2"), capture_output=True, text=True, check=True
    )

    assert f"{runs} runs stored" in done.stdout
    assert runs_in(store) == len(JOBS) * 2
    assert f"{runs - len(JOBS) * 2} runs deleted" in done.stdout


@contextmanager
def watching(folder: Path, store: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(str(folder), "--store", store, "--watch", "1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def copy_run(demo: Path, name: str, into: Path) -> None:
    shutil.copytree(demo / name, into / name)


def test_a_watched_folder_is_read_again_until_interrupted(demo_folder: Path, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.db'}"
    folder = tmp_path / "runs"
    folder.mkdir()
    shutil.copy(demo_folder / "account.json", folder)
    copy_run(demo_folder, RUNS[0], folder)
    with watching(folder, store) as process:
        assert process.stdout
        lines = (line for line in process.stdout)
        assert next(line for line in lines if " stored" in line).endswith("1 run stored, 0 already stored.\n")
        next(line for line in lines if line.startswith("Watching"))
        copy_run(demo_folder, RUNS[1], tmp_path / "elsewhere")
        (tmp_path / "elsewhere" / RUNS[1]).rename(folder / RUNS[1])
        assert next(line for line in lines if " stored" in line) == f"{folder}: 1 run stored.\n"
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.returncode == 0
    assert runs_in(store) == 2


def test_a_folder_that_is_not_there_yet_is_waited_for(demo_folder: Path, tmp_path: Path) -> None:
    store, folder = f"sqlite:///{tmp_path / 'runs.db'}", tmp_path / "runs"
    with watching(folder, store) as process:
        assert process.stdout
        lines = (line for line in process.stdout)
        next(line for line in lines if line.startswith("Watching"))
        copy_run(demo_folder, RUNS[0], tmp_path / "elsewhere")
        (tmp_path / "elsewhere").rename(folder)
        assert next(line for line in lines if " stored" in line) == f"{folder}: 1 run stored.\n"
    assert runs_in(store) == 1


def test_a_folder_of_which_nothing_could_be_read_is_a_failure(tmp_path: Path) -> None:
    """A scheduler must hear of it: the runs that were to be kept are not."""
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "run_results.json").write_text("{")
    done = subprocess.run(
        command(str(tmp_path / "target"), "--store", f"sqlite:///{tmp_path / 'runs.db'}"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "run_results.json" in done.stderr
    assert "Traceback" not in done.stderr
