"""The runtimes of a model or a job over time, and their lasting changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.hierarchy.history.counted_runs import LeftOutReason
from gateway.hierarchy.measures.basis import Basis, FactSource
from gateway.hierarchy.measures.statistics import Summary
from gateway.hierarchy.vocabulary.status import RunStatus


class Certainty(StrEnum):
    """How certain a lasting change is. Greater is more certain."""

    SUSPECTED = "SUSPECTED"
    CONFIRMED = "CONFIRMED"

    def holds(self, least: Certainty) -> bool:
        """Whether it is at least as certain as `least`."""
        return self is Certainty.CONFIRMED or least is Certainty.SUSPECTED


class ChangeCause(StrEnum):
    """What most likely caused a change."""

    CODE = "CODE"
    UPSTREAM_CODE = "UPSTREAM_CODE"
    ENGINE = "ENGINE"
    DATA_VOLUME = "DATA_VOLUME"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class RuntimePoint:
    """One run in a series. `runtime` in seconds, None when nothing was executed; `left_out`: why it does not count.

    `start_time` and `end_time` (UTC) are the model's in a series of a model, the run's in one of a job; `ended_at` is
    when its command ended, by which the series is in order.
    """

    run_id: int
    job_id: int
    start_time: datetime | None
    ended_at: datetime | None
    runtime: float | None
    status: RunStatus
    left_out: LeftOutReason | None
    rows_affected: int | None = None


@dataclass(frozen=True, slots=True)
class RuntimeSegment:
    """A stretch without a lasting change. Places count all points of the series from 0; `runtimes` are of those that
    count, in seconds."""

    first_point: int
    last_point: int
    runtimes: Summary


@dataclass(frozen=True, slots=True)
class RuntimeTrend:
    """A steady growth or decline: per cent in 30 days, and the chance that a series without slope shows it."""

    percent_per_30_days: float
    p_value: float


@dataclass(frozen=True, slots=True)
class SeriesOwner:
    """Whose runtimes a series holds: a model's in the runs of a job, or, without a model, the job's own.

    `key` begins the ids of its changes: the model's id and the job's.
    """

    key: str
    environment_id: int
    job_id: int
    unique_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A lasting change. `found_run_id`: the run that came first after it when it was seen first, by which it is known.

    `before_seconds` and `after_seconds`: medians on both sides. `seconds_per_day`: what it costs, negative where it
    saves. `first_run_id`: the first run after it, which may be any from `earliest_run_id` to `latest_run_id`.
    `last_run_id`: the run before it. `since`: when the first run after it began (UTC), `ended_at` when that ended.
    `withdrawn_at`: since when newer runs no longer show it; None while they do. `cause` and `evidence`: what most
    likely caused it, and what speaks for that, the most telling first; None and () where nobody looked for it.
    """

    owner: SeriesOwner
    found_run_id: int
    certainty: Certainty
    before_seconds: float
    after_seconds: float
    seconds_per_day: float
    last_run_id: int
    first_run_id: int
    earliest_run_id: int
    latest_run_id: int
    since: datetime
    ended_at: datetime
    withdrawn_at: datetime | None = None
    cause: ChangeCause | None = None
    evidence: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The series, and the run it was found at."""
        return f"{self.owner.key}/{self.found_run_id}"


@dataclass(frozen=True, slots=True)
class RuntimeChanges:
    """The changes of an environment's series, withdrawn ones among them; the keys of their owners have the environment
    and the unique id in the place of the model's id.

    `runs`: how many runs all series have, the oldest of which ended at `since` (UTC). `alarming_runs_per_day`: the runs
    a day of the series that are slow enough to show a change.
    """

    environment_id: int
    changes: tuple[ChangePoint, ...]
    runs: int = 0
    since: datetime | None = None
    alarming_runs_per_day: float = 0.0
    missing: tuple[str, ...] = ()
    source: FactSource = FactSource.ARCHIVE


@dataclass(frozen=True, slots=True)
class RuntimeSeries:
    """Points oldest first, stretches between changes, the changes, and the slope since the last one."""

    owner: SeriesOwner
    points: tuple[RuntimePoint, ...]
    segments: tuple[RuntimeSegment, ...]
    change_points: tuple[ChangePoint, ...]
    trend: RuntimeTrend | None
    is_elevated: bool
    basis: Basis
