"""The made-up account "Harbor & Pine": its projects, environments and jobs, and when each job runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ACCOUNT_ID, ACCOUNT_NAME = 70403103900042, "Harbor & Pine"
FIRST_RUN_ID, RUN_ID_STEP = 70437490000000, 137
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
    """One job; without a cron text it is a CI job."""

    id: int
    name: str
    environment: Environment
    cron: str | None
    steps: tuple[str, ...]


@dataclass(frozen=True)
class PlannedRun:
    """One run to make. `number` counts the job's runs from 0; a retry repeats the run before it."""

    id: int
    job: Job
    queued_at: datetime
    number: int
    retries: bool


PROJECT_IDS = {"finance": 101001, "marketing": 101002, "logistics": 101003}

FINANCE = Environment(201001, "finance", "Production", "prod", "production")
FINANCE_STAGING = Environment(201002, "finance", "Staging", "staging", "staging")
MARKETING = Environment(202001, "marketing", "Production", "prod", "production")
LOGISTICS = Environment(203001, "logistics", "Production", "prod", "production")
ENVIRONMENTS = (FINANCE, FINANCE_STAGING, MARKETING, LOGISTICS)

_MARKETING_DAILY = ("dbt seed", "dbt run --select tag:daily", "dbt test --select tag:daily", "dbt snapshot")
_FINANCE_DAILY = ("dbt source freshness", "dbt build --select tag:daily tag:shared")
_HOURLY = ("dbt run --select tag:hourly",)
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
    )
}

# Job, first run, number of runs, hours between them.
_SCHEDULE = (
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
# A failed run, by job and number, that somebody repeats by hand with `dbt retry`.
_RETRIED = ((303001, 3),)


def planned_runs() -> Iterator[PlannedRun]:
    """Every run in the order of time."""
    queue = [
        (at(first) + timedelta(hours=hours * n), job) for job, first, count, hours in _SCHEDULE for n in range(count)
    ]
    for job, number in _RETRIED:
        failed = sorted(time for time, each in queue if each == job)[number]
        queue.append((failed + RETRY_DELAY, -job))
    numbers: dict[int, int] = {}
    for index, (time, key) in enumerate(sorted(queue), start=1):
        job, retries = JOBS[abs(key)], key < 0
        number = numbers.setdefault(job.id, 0)
        if not retries:
            numbers[job.id] += 1
        yield PlannedRun(FIRST_RUN_ID + RUN_ID_STEP * index, job, time, number, retries)
