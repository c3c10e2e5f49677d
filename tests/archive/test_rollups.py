"""Roll-ups equal the results, whatever happened to these: compared with what the rows alone say."""

from __future__ import annotations

import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.archive.archive import Archive
from gateway.archive.retention import Retention, forget_old_runs
from gateway.ingest.folders import ingest_folder
from tests.archive.rollup_checks import check_rollups
from tests.archive.written_runs import (
    BEGIN,
    CHANGES,
    DAILY,
    MODELS,
    REFRESH,
    SOURCE,
    Command,
    write_account,
    write_run,
)

NODES = (*MODELS, "test.shop.unique_orders.1a", "seed.shop.countries", "operation.shop.shop-on-run-end-0")
STATUSES = ("success",) * 8 + ("error", "skipped", "reused", "warn", "no-op", "partial success", "interrupted", None)


class Life:
    """An archive that lives through things, by chance."""

    def __init__(self, archive: Archive, folder: Path, seed: int) -> None:
        self.archive = archive
        self.folder = folder
        self.chance = random.Random(seed)  # noqa: S311 - a life that can be lived again
        self.clock = BEGIN
        self.runs: dict[int, tuple[int, list[Command]]] = {}
        self.kinds = {DAILY: "scheduled", CHANGES: "ci", REFRESH: "scheduled"}
        self.steps = {REFRESH: "dbt build --full-refresh"}

    def write_account(self) -> None:
        write_account(self.folder, self.kinds, self.steps)

    def command(self, ended: datetime) -> Command:
        if self.chance.random() < 0.2:
            return Command(ended, checks={SOURCE: self.chance.choice(("pass", "warn", "error", "runtime error"))})
        some = self.chance.sample(NODES, self.chance.randint(1, len(NODES)))
        results = {name: (self.chance.choice(STATUSES), self.seconds()) for name in some}
        which = self.chance.choice(("build", "build", "run", "clone"))
        args = {"which": which, "full_refresh": self.chance.random() < 0.2, "empty": self.chance.random() < 0.1}
        return Command(ended, results, args if self.chance.random() < 0.8 else None)

    def seconds(self) -> float | None:
        return self.chance.choice((self.chance.lognormvariate(2, 2), self.chance.lognormvariate(2, 2), None, -1.0, 0.0))

    def new_run(self, at: datetime | None = None) -> None:
        if at is None:
            # Some at the same time as the one before, and now and then in another month.
            self.clock += timedelta(hours=self.chance.choice((0, 1, 1, 1, 5, 24, 24 * 20)))
            at = self.clock
        commands = [self.command(at + timedelta(minutes=n)) for n in range(self.chance.choice((1, 1, 1, 2, 3)))]
        run = self.chance.randrange(1_000, 9_999)
        self.runs[run] = (self.chance.choice((DAILY, DAILY, CHANGES, REFRESH)), commands)
        self.write(run)

    def late_run(self) -> None:
        self.new_run(self.clock - timedelta(hours=self.chance.choice((1, 30, 24 * 25))))

    def change_run(self) -> None:
        if self.runs:
            run = self.chance.choice(sorted(self.runs))
            _, commands = self.runs[run]
            place = self.chance.randrange(len(commands))
            commands[place] = self.command(commands[place].ended)
            self.write(run)

    def retry_run(self) -> None:
        if self.runs:
            run = self.chance.choice(sorted(self.runs))
            self.runs[run][1].append(
                self.command(self.runs[run][1][-1].ended + timedelta(hours=self.chance.choice((1, 30))))
            )
            self.write(run)

    def forget(self) -> None:
        forget_old_runs(self.archive, Retention(runs_per_job=self.chance.randint(2, 6)), self.clock.timestamp())

    def change_jobs(self) -> None:
        job = self.chance.choice((DAILY, CHANGES))
        self.kinds[job] = self.chance.choice(("scheduled", "ci", "merge"))
        self.steps[job] = self.chance.choice(("dbt build", "dbt run -f"))
        self.write_account()
        if self.runs:
            ingest_folder(self.archive, self.folder)

    def write(self, run: int) -> None:
        job, commands = self.runs[run]
        shutil.rmtree(self.folder / "shop" / str(job) / str(run), ignore_errors=True)
        write_run(self.folder, run, job, commands)
        ingest_folder(self.archive, self.folder)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_roll_ups_equal_the_results_whatever_happens_to_these(
    empty_archive: Archive, tmp_path: Path, seed: int
) -> None:
    life = Life(empty_archive, tmp_path / "runs", seed)
    life.write_account()
    happenings = (
        *((life.new_run, 6), (life.late_run, 2), (life.change_run, 2)),
        *((life.retry_run, 2), (life.forget, 1), (life.change_jobs, 1)),
    )
    for happening in life.chance.choices([one for one, _ in happenings], [weight for _, weight in happenings], k=15):
        happening()
        check_rollups(empty_archive)
