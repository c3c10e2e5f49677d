"""Whether jobs are started when their schedule says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from gateway.analysis.due_times import last_due
from gateway.hierarchy.objects.job import Job

_EARLY = timedelta(minutes=1)
"""A scheduler's clock may be ahead of ours by so much."""


@dataclass(frozen=True, slots=True)
class JobSchedule:
    """When a job is due: a cron expression in a time zone, and how long after that a run may be created."""

    cron: str
    zone: ZoneInfo
    grace: timedelta


def missed_start(job: Job, schedule: JobSchedule) -> datetime | None:
    """When a job was due last (UTC), if no run of it was created since and the grace has passed; else None.

    Raises ValueError for what is no cron expression.
    """
    now = datetime.now(UTC)
    due = last_due(schedule.cron, schedule.zone, now - schedule.grace)
    created = job.last_run.created_at if job.last_run else None
    return due if due is not None and (created is None or created < due - _EARLY) else None
