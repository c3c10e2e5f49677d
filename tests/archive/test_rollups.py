"""Roll-ups equal the results, whatever happened to these: compared with what the rows alone say."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from gateway.archive.archive import Archive
from gateway.archive.monthly_figures import resource_months_of
from gateway.archive.outcomes import HistoryScope
from gateway.archive.rankings import recent_runtimes
from gateway.archive.retention import Retention, forget_old_runs
from gateway.archive.rollups import rebuild
from gateway.archive.tables import recent_results, resource_months
from gateway.ingest.folders import ingest_folder
from tests.archive import expected_rollups as expected
from tests.archive.written_runs import (
    BEGIN,
    CHANGES,
    DAILY,
    ENVIRONMENT,
    MODELS,
    REFRESH,
    SOURCE,
    Command,
    write_account,
    write_run,
)

KINDS = ("model", "test", "seed", "source", "operation")
NODES = (*MODELS, "test.shop.unique_orders.1a", "seed.shop.countries", "operation.shop.shop-on-run-end-0")
STATUSES = ("success",) * 8 + ("error", "skipped", "reused", "warn", "no-op", "partial success", "interrupted", None)
SCOPES = (
    {},
    {"full_refresh": True},
    {"ci": True},
    {"failed": True},
    {"full_refresh": True, "ci": True, "failed": True},
)


def check_rollups(archive: Archive) -> None:
    """Every roll-up equals what the rows say, and what `rebuild` makes of them."""
    with archive.supposing() as connection:
        histories = expected.histories(connection)
        check_recent(connection, histories)
        check_months(connection, histories)
        before = packed_rows(connection)
        rebuild(connection)
        assert packed_rows(connection) == before


def packed_rows(connection: Connection) -> Sequence[object]:
    return [sorted(map(tuple, connection.execute(select(table)))) for table in (recent_results, resource_months)]


def check_recent(connection: Connection, histories: dict[int, list[expected.Entry]]) -> None:
    newest = max((history[0].at for history in histories.values()), default=0)
    # Each time with other ones, so that a life meets them all.
    scope, count = SCOPES[newest // 3_600_000_000 % len(SCOPES)], (1, 3, 60)[newest // 3_600_000_000 % 3]
    told = {}
    for kind in KINDS:
        named = HistoryScope(**{f"include_{name}": value for name, value in scope.items()})
        rows = recent_runtimes(connection, [ENVIRONMENT], count, scope=named, kind=kind)
        told |= {row.resource_id: (list(row.runtimes), dict(row.left_out)) for row in rows}
    right = {key: expected.last_runtimes(history, count, **scope) for key, history in histories.items()}
    assert told == right, (scope, count)


def check_months(connection: Connection, histories: dict[int, list[expected.Entry]]) -> None:
    right = {
        (key, day): figures for key, history in histories.items() for day, figures in expected.days(history).items()
    }
    told = {}
    for kind in KINDS:
        for row in resource_months_of(connection, [ENVIRONMENT], range(2020 * 12, 2030 * 12), kind=kind):
            for day, bucket in row.days.items():
                told[row.resource_id, datetime(row.month // 12, row.month % 12 + 1, day).date()] = bucket  # noqa: DTZ001
    assert told.keys() == right.keys()
    for place, day in right.items():
        bucket = told[place]
        assert (bucket.count, bucket.failures, bucket.reused) == (len(day.runtimes), day.failures, day.reused)
        assert bucket.total == pytest.approx(day.total, rel=1e-9)
        if day.runtimes:
            assert (bucket.minimum, bucket.maximum) == (day.runtimes[0], day.runtimes[-1])
        assert bucket.runtimes == (day.runtimes if len(day.runtimes) <= 5 else ())


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
