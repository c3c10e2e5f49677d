"""What the runs of an account show together: builds that changed nothing, queues and overlaps, where time went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from gateway.errors import BadUserInput
from gateway.hierarchy.filters.model_filters import ensure_times
from gateway.hierarchy.measures.basis import Basis
from gateway.hierarchy.measures.cost import CostEstimate
from gateway.hierarchy.measures.statistics import Summary
from gateway.hierarchy.objects.job import Job
from gateway.hierarchy.objects.project import Project


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """From `since` on and before `until` (UTC); until now where that is None. Raises BadUserInput for one that holds no
    moment, or begins in the future."""

    since: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        ensure_times("since", self.since, "until", self.until)
        if self.since >= datetime.now(UTC):
            raise BadUserInput(
                f"since ({self.since.isoformat()}) is in the future, where nothing has run yet.", argument="since"
            )

    @property
    def end(self) -> datetime:
        """Where it ends: at `until`, and never after now."""
        now = datetime.now(UTC)
        return now if self.until is None else min(self.until, now)

    @property
    def days(self) -> float:
        """Its length in days."""
        return (self.end - self.since) / timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WastedBuild:
    """The builds of one model that changed nothing, of one certainty, a WasteCertainty of gateway.analysis."""

    environment_id: int
    unique_id: str
    certainty: StrEnum
    build_count: int
    weighted_seconds: float


@dataclass(frozen=True, slots=True)
class ReuseReport:
    """What dbt reused instead of building it, and the seconds that the last builds of the same took."""

    result_count: int
    saved_seconds: float


@dataclass(frozen=True, slots=True)
class WastedBuilds:
    """Builds that changed nothing in a window; `models` by weighted seconds, the most first. The figures a day are
    of all models, and None where no checksums of code are known."""

    models: tuple[WastedBuild, ...]
    builds_per_day: float | None
    weighted_seconds_per_day: float | None
    cost_per_day: CostEstimate | None
    reuse: ReuseReport
    basis: Basis


@dataclass(frozen=True, slots=True)
class ConcurrencyBucket:
    """A stretch of time: most runs at once, and seconds that all runs waited in the queue."""

    start_time: datetime
    peak_runs: int
    queue_seconds: float


@dataclass(frozen=True, slots=True)
class JobConcurrency:
    """A job among the others. `queue` and `preparation` summarise seconds of its runs that have them: created to
    started, and taken by a worker to started. `over_scheduled_share` from 0 to 1."""

    job_id: int
    queue_summary: Summary
    preparation_summary: Summary
    overlap_seconds: float
    over_scheduled_share: float
    is_over_scheduled: bool


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Which runs of a window wait for and overlap which others. Buckets oldest first, jobs by the time that their runs
    waited together, the longest first. `projects` are those whose runs were looked at, in `window`."""

    peak_runs: int
    peak_time: datetime | None
    buckets: tuple[ConcurrencyBucket, ...]
    jobs: tuple[JobConcurrency, ...]
    basis: Basis
    window: TimeWindow
    projects: tuple[Project, ...]


@dataclass(frozen=True, slots=True)
class SharedModel:
    """A model that runs of different jobs built at once: how many pairs of runs, and the jobs by id."""

    environment_id: int
    unique_id: str
    run_pairs: int
    job_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DeadlineReport:
    """Whether a job ended by a time of day: on which share of the days that count, 0 to 1, None where none does; slack
    in seconds, negative when late. `deadlines` are those of the days that count, oldest first."""

    met_share: float | None
    day_count: int
    slack_summary: Summary
    basis: Basis
    job: Job
    deadlines: tuple[datetime, ...]
