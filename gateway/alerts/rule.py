"""What alerts are raised for, and who gets them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Condition(StrEnum):
    """What a rule looks for. Each is answered by a question of `queries`."""

    JOB_FAILED = "job_failed"
    JOB_LATE = "job_late"
    JOB_NOT_STARTED = "job_not_started"
    MODEL_REGRESSED = "model_regressed"
    SOURCE_STALE = "source_stale"
    TEST_BROKEN = "test_broken"
    NOTHING_ARRIVED = "nothing_arrived"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A condition and where it is looked for; empty lists are no constraint. `to`: destinations where no route fits.

    `finished_by` and `zone` are of JOB_LATE; `cron`, `zone` and `grace` of JOB_NOT_STARTED; `hours` of
    NOTHING_ARRIVED; `within_days` of MODEL_REGRESSED; `warnings` of SOURCE_STALE.
    """

    name: str
    condition: Condition
    severity: str
    to: tuple[str, ...]
    projects: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    finished_by: time | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    cron: str | None = None
    grace: timedelta = timedelta(minutes=10)
    hours: float = 24.0
    within_days: float = 7.0
    warnings: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Whose alerts go to other destinations than the rule's: those that meet every criterion that is not empty."""

    to: tuple[str, ...]
    projects: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When a destination gets no message: from a time of day until another one, on some weekdays (0 is Monday) by the
    day on which they begin."""

    begin: time
    end: time
    zone: ZoneInfo
    weekdays: frozenset[int]

    def until(self, moment: datetime) -> datetime | None:
        """When the quiet hours end in which a moment lies; None where it lies in none."""
        here = moment.astimezone(self.zone)
        for back in (0, 1):
            day = here.date() - timedelta(days=back)
            if day.weekday() not in self.weekdays:
                continue
            begin = datetime.combine(day, self.begin, self.zone)
            end_day = day if self.end > self.begin else day + timedelta(days=1)
            end = datetime.combine(end_day, self.end, self.zone)
            if begin.timestamp() <= moment.timestamp() < end.timestamp():
                return end.astimezone(moment.tzinfo)
        return None
