"""A job's schedule as the Admin API shows it: the cron expression, in words, and the next time it is due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cronsim import CronSim, CronSimError

from gateway.archive.times import iso_micros, spoken, to_micros


def cron_of(schedule: dict[str, Any] | None) -> str | None:
    """The expression of a recorded schedule; None where it has none."""
    cron = (schedule or {}).get("cron")
    return cron if isinstance(cron, str) else None


def schedule_shape(schedule: dict[str, Any] | None) -> dict[str, Any] | None:
    """The `schedule` of a job; None for a job without one. Where only a cron expression is recorded, `date` and
    `time` say what dbt says of an expression that somebody typed."""
    if schedule is None:
        return None
    cron = cron_of(schedule)
    typed = {"date": {"type": "custom_cron", "cron": cron}, "time": {"type": "every_hour", "interval": 1}}
    return {"cron": cron, **typed, **schedule}


def due_times(cron: str | None, now: datetime) -> dict[str, Any]:
    """`cron_humanized`, `next_run` and `next_run_humanized`, in UTC; null where nothing is scheduled.

    Null as well where the expression is none: the orchestrator wrote it, and it may mean something there.
    """
    schedule: dict[str, Any] = {"cron_humanized": None, "next_run": None, "next_run_humanized": None}
    if cron is None:
        return schedule
    try:
        times = CronSim(cron, now.astimezone(UTC))
        due = next(times, None)
    except CronSimError:
        return schedule
    schedule["cron_humanized"] = times.explain()
    if due is not None:
        schedule["next_run"] = iso_micros(to_micros(due))
        schedule["next_run_humanized"] = spoken((due - now).total_seconds())
    return schedule
