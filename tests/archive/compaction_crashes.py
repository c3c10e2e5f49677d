"""Kills a process between two steps of a compaction, statements and changes of files alike, and looks at what is left.

    python -m tests.archive.compaction_crashes --count 100 --seed 1

After each crash every result is there once, roll-ups equal results, readers of the folder see no file that is not
recorded but for the one that another takes the place of; compacting again ends in the files that no crash would have
left.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, select

from gateway.archive.archive import Archive
from gateway.archive.columnar.compacted_files import files_of
from gateway.archive.compaction import compact
from gateway.archive.reading.executions import results_of_commands
from gateway.archive.retention import Retention, forget_old_runs
from gateway.archive.rollups.upkeep import rebuild
from gateway.archive.tables.run_tables import invocations
from gateway.ingest.folders import ingest_folder
from tests.archive.crashes import print_survived
from tests.archive.rollup_checks import packed_rows
from tests.archive.written_runs import BEGIN, DAILY, MODELS, Command, write_account, write_run

_NOW = BEGIN + timedelta(days=70)


def write_days(folder: Path, days: range) -> None:
    """A daily job."""
    write_account(folder, {DAILY: "scheduled"})
    for day in days:
        results = dict.fromkeys(MODELS, ("success", 1.0 + day))
        write_run(folder, 100 + day, DAILY, [Command(BEGIN + timedelta(days=day), results)])


def work(store: Path, at: int | None = None) -> int:
    """Compacts, then forgets the first month; returns how many steps that took. `at`: dies before that one."""
    archive = Archive.open(f"sqlite:///{store}")
    count = 0

    def note(*_: Any, **__: Any) -> None:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(archive._engine, "before_cursor_execute", note)
    event.listen(archive._engine, "commit", note)
    kept = os.fsync, Path.replace, Path.unlink
    os.fsync = _noted(os.fsync, note)
    Path.replace = _noted(Path.replace, note)  # type: ignore[method-assign]
    Path.unlink = _noted(Path.unlink, note)  # type: ignore[method-assign]
    try:
        assert compact(archive, now=_NOW, keep_months=0).left == ()
        forget_old_runs(archive, Retention(age=timedelta(days=66)), _NOW.timestamp())
    finally:
        os.fsync, Path.replace, Path.unlink = kept  # type: ignore[method-assign]
        archive.close()
    return count


def _noted(function: Any, note: Callable[[], None]) -> Any:
    def noted(*args: Any, **kwargs: Any) -> Any:
        note()
        return function(*args, **kwargs)

    return noted


def crash(store: Path, at: int) -> bool:
    """Whether a process that does the work dies at that step."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(store, at)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def content_of(store: Path) -> list[Any]:
    """Every result by the names of its command and node. Raises AssertionError where roll-ups are not those of them."""
    archive = Archive.open(f"sqlite:///{store}")
    try:
        with archive.supposing() as connection:
            commands = dict(connection.execute(select(invocations.c.id, invocations.c.uuid)).all())
            rows = [(commands[row[0]], *row[1:]) for row in results_of_commands(connection, list(commands))]
            files = files_of(connection)
            assert files is None or not files.problems, files.problems
            before = packed_rows(connection)
            rebuild(connection)
            assert packed_rows(connection) == before
            return sorted(rows, key=repr)
    finally:
        archive.close()


def shown_files(store: Path) -> set[str]:
    """The files that readers of the folder see."""
    root = store.with_name(f"{store.name}-columnar")
    return {path.relative_to(root).as_posix() for path in root.glob("node_results/*/*/part-*.parquet")}


def survive(count: int, seed: int, place: Path) -> int:
    """Crashes at `count` places of the work, spread over it. Raises AssertionError; returns how many died."""
    store = place / "runs.db"
    _prepare(store, place / "runs")
    before = content_of(store)
    whole = _copy(store, place / "whole")
    steps = work(whole)
    after, files = content_of(whole), shown_files(whole)
    assert len(files) == 2, "February was written anew, March is new, January is forgotten"
    assert any(name.endswith("part-2.parquet") for name in files)
    chance = random.Random(seed)  # noqa: S311 - crashes that can be had again
    died = 0
    for at in sorted(chance.sample(range(1, steps + 1), min(count, steps))):
        copy = _copy(store, place / f"crash_{at}")
        assert crash(copy, at), at
        died += 1
        assert content_of(copy) in (before, after), at
        assert len(shown_files(copy)) <= 3, at
        work(copy)
        assert content_of(copy) == after, at
        assert len(shown_files(copy)) == len(files), at
        shutil.rmtree(copy.parent)
    return died


def _prepare(store: Path, folder: Path) -> None:
    """Two compacted months, a late run for one of them, and another month."""
    days = range(0, 65, 4)
    write_days(folder, range(0, 29, 4))
    archive = Archive.open(f"sqlite:///{store}")
    ingest_folder(archive, folder)
    assert compact(archive, now=BEGIN + timedelta(days=31), keep_months=0).months == 2
    write_days(folder, days)
    write_run(folder, 300, DAILY, [Command(BEGIN + timedelta(days=9, hours=2), {MODELS[0]: ("error", 4.0)})])
    ingest_folder(archive, folder)
    archive.close()


def _copy(store: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in store.parent.glob(f"{store.name}*"):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
    return folder / store.name


if __name__ == "__main__":
    print_survived(__doc__, survive, 100)
