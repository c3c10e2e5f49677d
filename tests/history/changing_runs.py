"""An account whose model gets slower: a daily job of sixty runs, with CI runs between them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from tests.archive.written_runs import BEGIN, CHANGES, DAILY, Command, stamp, write_account, write_run

SLOWED, STEADY = "model.shop.orders", "model.shop.customers"
RUNS = 60
STEP = 40
"""The first slow run, from 0."""
FAILED = 12
"""The run in which the model that gets slower fails."""


@dataclass(frozen=True, slots=True)
class DailyRun:
    """A run of the daily job and the seconds of both models in it."""

    id: int
    ended: datetime
    sha: str
    slowed: float
    steady: float
    status: str = "success"

    @property
    def began(self) -> datetime:
        """When the run began, as written_runs writes it."""
        return self.ended - timedelta(minutes=9)


def daily_runs() -> Iterator[DailyRun]:
    """Ids say nothing about the order. From the run STEP on the model takes 1.8 times as long."""
    chance = Random(20)  # noqa: S311
    for run in range(RUNS):
        usual, steady = (chance.uniform(50, 56), chance.uniform(30, 34))
        yield DailyRun(
            id=9000 + run * 37 % 1000,
            ended=BEGIN + timedelta(days=run),
            sha=f"{'bad' if run >= STEP else 'good'}{run:04d}",
            slowed=round(usual * (1.8 if run >= STEP else 1), 3),
            steady=round(steady, 3),
            status="error" if run == FAILED else "success",
        )


def write_changing_runs(root: Path) -> list[DailyRun]:
    """The folder of the account; every third day a CI run builds the models at twice the speed."""
    write_account(root, {DAILY: "scheduled", CHANGES: "ci"})
    runs = list(daily_runs())
    for run in runs:
        results = {SLOWED: (run.status, run.slowed), STEADY: ("success", run.steady)}
        write_run(root, run.id, DAILY, [Command(run.ended, results)], {"git_sha": run.sha})
    for run in runs[::3]:
        results = {SLOWED: ("success", run.slowed / 2), STEADY: ("success", run.steady / 2)}
        write_run(root, run.id + 5000, CHANGES, [Command(run.ended + timedelta(hours=3), results)])
    return runs


def medians(runs: list[DailyRun]) -> tuple[float, float]:
    """Of the model that gets slower, before and after."""
    before = [run.slowed for run in runs[:STEP] if run.status == "success"]
    return statistics.median(before), statistics.median(run.slowed for run in runs[STEP:])


def as_answered(moment: datetime) -> str:
    """A moment as GraphQL answers it."""
    return stamp(moment)
