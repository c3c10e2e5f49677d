"""The made-up account "Harbor & Pine": its projects, environments and jobs, and when each job runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ACCOUNT_ID, ACCOUNT_NAME = 70403103900042, "Harbor & Pine"
FIRST_RUN_ID, FIRST_STOREFRONT_RUN_ID, RUN_ID_STEP = 70437490000000, 70437590000000, 137
RETRY_DELAY = timedelta(minutes=25)


def at(text: str) -> datetime:
    """A UTC time from ISO text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Environment:
    """One deployment environment; `target` is the dbt target that runs in it."""

    id: int
    project: str
    name: str
    target: str
    deployment_type: str


@dataclass(frozen=True)
class Job:
    """One job; without a cron text it is a CI job. While it runs, dbt's clock goes `clock_rate` times as fast as ours.
    Until `checks_since` it did only the last of its steps."""

    id: int
    name: str
    environment: Environment
    cron: str | None
    steps: tuple[str, ...]
    clock_rate: int = 1
    checks_since: datetime | None = None

    def steps_of(self, moment: datetime) -> tuple[str, ...]:
        """The steps that it has at a moment."""
        return self.steps[-1:] if self.checks_since and moment < self.checks_since else self.steps


@dataclass(frozen=True)
class PlannedRun:
    """One run to make. `number` counts the job's runs from 0; a retry repeats the run before it."""

    id: int
    job: Job
    queued_at: datetime
    number: int
    retries: bool


PROJECT_IDS = {"finance": 101001, "marketing": 101002, "logistics": 101003, "storefront": 101004}

FINANCE = Environment(201001, "finance", "Production", "prod", "production")
FINANCE_STAGING = Environment(201002, "finance", "Staging", "staging", "staging")
MARKETING = Environment(202001, "marketing", "Production", "prod", "production")
LOGISTICS = Environment(203001, "logistics", "Production", "prod", "production")
STOREFRONT = Environment(204001, "storefront", "Production", "prod", "production")
ENVIRONMENTS = (FINANCE, FINANCE_STAGING, MARKETING, LOGISTICS, STOREFRONT)

_MARKETING_DAILY = ("dbt seed", "dbt run --select tag:daily", "dbt test --select tag:daily", "dbt snapshot")
_FINANCE_DAILY = ("dbt source freshness", "dbt build --select tag:daily tag:shared")
_HOURLY = ("dbt run --select tag:hourly",)
_CHECKED_BUILD = ("dbt source freshness", "dbt build")
JOBS = {
    job.id: job
    for job in (
        Job(301001, "Finance daily", FINANCE, "0 5 * * *", _FINANCE_DAILY),
        Job(301002, "Invoices hourly", FINANCE, "20 */4 * * *", _HOURLY),
        Job(301003, "Finance CI", FINANCE_STAGING, None, ("dbt build --exclude tag:month_end",)),
        Job(302001, "Marketing daily", MARKETING, "30 5 * * *", _MARKETING_DAILY),
        Job(302002, "Campaign spend hourly", MARKETING, "5 */3 * * *", _HOURLY),
        Job(
            302003,
            "Marketing full refresh",
            MARKETING,
            "0 3 */2 * *",
            ("dbt build --full-refresh", "dbt docs generate"),
        ),
        Job(303001, "Logistics nightly", LOGISTICS, "0 2 * * *", ("dbt source freshness", "dbt build")),
        Job(303002, "Tracking hourly", LOGISTICS, "40 */3 * * *", _HOURLY),
        Job(303003, "Docs and catalog", LOGISTICS, "0 7 * * *", ("dbt docs generate",)),
        Job(304001, "Storefront daily", STOREFRONT, "30 4 * * *", _CHECKED_BUILD, 5, at("2026-03-05T00:00")),
        Job(304002, "Stock every minute", STOREFRONT, "* * * * *", ("dbt run --select tag:stock",), 20),
        Job(304003, "Storefront evening", STOREFRONT, "0 18 * * *", _CHECKED_BUILD, 5),
    )
}

_Schedule = Sequence[tuple[int, str, int, float]]
# Job, first run, number of runs, hours between them.
_SCHEDULE: _Schedule = (
    (301001, "2026-03-02T05:00", 10, 24),
    (301002, "2026-03-08T00:20", 11, 4),
    (301003, "2026-03-03T14:10", 8, 19),
    (302001, "2026-03-02T05:30", 10, 24),
    (302002, "2026-03-09T00:05", 10, 3),
    (302003, "2026-02-27T03:00", 8, 48),
    (303001, "2026-03-02T02:00", 10, 24),
    (303002, "2026-03-09T00:40", 10, 3),
    (303003, "2026-03-03T07:00", 8, 24),
)
# The storefront's runs have ids of their own, so that those of the others stay as they were before it joined.
_STOREFRONT_SCHEDULE: _Schedule = (
    (304001, "2026-02-11T04:30", 30, 24),
    (304002, "2026-03-11T02:56", 8, 1 / 60),
    (304003, "2026-03-05T18:00", 6, 24),
)
# A failed run, by job and number, that somebody repeats by hand with `dbt retry`.
_RETRIED = ((303001, 3),)


def planned_runs() -> Iterator[PlannedRun]:
    """Every run: those of the storefront after those of the others, both in the order of time."""
    yield from _planned(_SCHEDULE, _RETRIED, FIRST_RUN_ID)
    yield from _planned(_STOREFRONT_SCHEDULE, (), FIRST_STOREFRONT_RUN_ID)


def _planned(schedule: _Schedule, retried: Sequence[tuple[int, int]], first_id: int) -> Iterator[PlannedRun]:
    queue = [
        (at(first) + timedelta(minutes=round(hours * 60) * n), job)
        for job, first, count, hours in schedule
        for n in range(count)
    ]
    for job, number in retried:
        failed = sorted(time for time, each in queue if each == job)[number]
        queue.append((failed + RETRY_DELAY, -job))
    numbers: dict[int, int] = {}
    for index, (time, key) in enumerate(sorted(queue), start=1):
        job, retries = JOBS[abs(key)], key < 0
        number = numbers.setdefault(job.id, 0)
        if not retries:
            numbers[job.id] += 1
        yield PlannedRun(first_id + RUN_ID_STEP * index, job, time, number, retries)
