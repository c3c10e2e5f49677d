"""Kills a process between two SQL statements of reading and forgetting runs, and looks at what is left.

    python -m tests.archive.crashes --count 120 --seed 1

After each crash every run is there whole, as it was or as it becomes, and roll-ups equal results; reading again ends in
the archive that no crash would have left.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, select

from gateway.archive.archive import Archive
from gateway.archive.retention import Retention, forget_old_runs
from gateway.archive.tables.run_tables import invocations, recent_results, resource_months, resources, results, runs
from gateway.ingest.folders import ingest_folder
from tests.archive.rollup_checks import check_rollups
from tests.archive.written_runs import (
    BEGIN,
    CHANGES,
    DAILY,
    MODELS,
    SOURCE,
    Command,
    write_account,
    write_run,
)

_LIMITS = Retention(runs_per_job=5)


def write_before(folder: Path) -> None:
    """An account with some runs."""
    write_account(folder, {DAILY: "scheduled", CHANGES: "ci"})
    for day in range(6):
        ended = BEGIN + timedelta(days=day)
        checks = Command(ended, checks={SOURCE: "pass"})
        builds = Command(ended + timedelta(minutes=5), dict.fromkeys(MODELS, ("success", 10.0 + day)))
        write_run(folder, 100 + day, DAILY, [checks, builds])
        write_run(folder, 200 + day, CHANGES, [Command(ended, {MODELS[0]: ("success", 1.0)})])


def write_changes(folder: Path) -> None:
    """Everything that reading may meet: a new run, a late one, a changed one, a retry, another kind of a job."""
    write_account(folder, {DAILY: "scheduled", CHANGES: "scheduled"})
    new = BEGIN + timedelta(days=6)
    write_run(folder, 106, DAILY, [Command(new, dict.fromkeys(MODELS, ("success", 20.0)))])
    late = BEGIN + timedelta(days=2, hours=3)
    write_run(folder, 107, DAILY, [Command(late, {MODELS[0]: ("error", 3.0)})])
    changed = BEGIN + timedelta(days=3)
    write_run(folder, 203, CHANGES, [Command(changed, {MODELS[1]: ("success", 2.0)})])
    failed = Command(BEGIN + timedelta(days=5), dict.fromkeys(MODELS, ("error", 4.0)))
    retried = Command(BEGIN + timedelta(days=7), {MODELS[0]: ("success", 5.0)}, {"which": "retry"})
    write_run(folder, 205, CHANGES, [failed, retried])


def work(store: str, folder: Path, at: int | None = None) -> int:
    """Reads the folder and forgets old runs; returns how many statements that took. `at`: dies before that one."""
    archive = Archive.open(store)
    count = 0

    def note(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(archive._engine, "before_cursor_execute", note)
    report = ingest_folder(archive, folder)
    assert not report.problems, report.problems
    forget_old_runs(archive, _LIMITS, BEGIN.timestamp())
    archive.close()
    return count


def crash(store: str, folder: Path, at: int) -> bool:
    """Whether a process that does the work dies at that statement."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(store, folder, at)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def content_of(store: str) -> dict[str, Any]:
    """The runs with their results, and the packed rows, by names instead of keys."""
    archive = Archive.open(store)
    check_rollups(archive)
    with archive.reading() as connection:
        names = dict(connection.execute(select(resources.c.id, resources.c.unique_id)).all())
        steps = dict(connection.execute(select(invocations.c.id, invocations.c.uuid)).all())
        wanted = (results.c.invocation_id, results.c.resource_id, results.c.status, results.c.final)
        rows = [(steps[a], names[b], status, final) for a, b, status, final in connection.execute(select(*wanted))]
        packed = [
            (names[row.resource_id], repr([value for key, value in row._asdict().items() if key != "resource_id"]))
            for table in (recent_results, resource_months)
            for row in connection.execute(select(table))
        ]
        kept = sorted(connection.scalars(select(runs.c.id)))
    archive.close()
    return {"runs": kept, "results": sorted(rows), "packed": sorted(packed)}


def results_by_run(content: dict[str, Any]) -> dict[str, list[Any]]:
    """The results of each run's commands; of a run, every one or none is there."""
    found: dict[str, list[Any]] = {}
    for uuid, name, status, _ in content["results"]:
        found.setdefault(uuid.partition("-")[0], []).append((uuid, name, status))
    return found


def survive(count: int, seed: int, place: Path, tell: Callable[[str], None] = lambda _: None) -> int:
    """Crashes at `count` places of the work, spread over it. Raises AssertionError; returns how many died."""
    folder, store = place / "runs", place / "runs.db"
    write_before(folder)
    work(f"sqlite:///{store}", folder)
    before = content_of(f"sqlite:///{store}")
    write_changes(folder)
    shutil.copy(store, place / "whole.db")
    statements = work(f"sqlite:///{place / 'whole.db'}", folder)
    after = content_of(f"sqlite:///{place / 'whole.db'}")
    known = (results_by_run(before), results_by_run(after))
    chance = random.Random(seed)  # noqa: S311 - crashes that can be had again
    died = 0
    for number, at in enumerate(sorted(chance.sample(range(1, statements + 1), min(count, statements)))):
        copy = place / f"crash_{number}.db"
        shutil.copy(store, copy)
        assert crash(f"sqlite:///{copy}", folder, at), at
        died += 1
        left = content_of(f"sqlite:///{copy}")
        for run, rows in results_by_run(left).items():
            assert rows in (known[0].get(run), known[1].get(run)), (at, run)
        work(f"sqlite:///{copy}", folder)
        assert content_of(f"sqlite:///{copy}") == after, at
        for path in place.glob(f"{copy.name}*"):
            path.unlink()
        tell(f"statement {at} of {statements}")
    return died


def print_survived(description: str | None, survive: Callable[[int, int, Path], int], count: int) -> None:
    """Prints how many crashes were survived. `count`: as many as are asked for where the options name no number."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        died = survive(options.count, options.seed, Path(place))
    sys.stdout.write(f"{died} crashes survived\n")


if __name__ == "__main__":
    print_survived(__doc__, survive, 120)
