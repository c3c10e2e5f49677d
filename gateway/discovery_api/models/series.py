"""Runtimes over time and their lasting changes as plain records."""

from __future__ import annotations

from datetime import datetime

from gateway.discovery_api.models.reports import Report, RunStatus
from gateway.hierarchy.history import runtime_series as facts
from gateway.hierarchy.measures.statistics import Summary
from gateway.queries.changes.regressions import FoundChanges


class RuntimePoint(Report):
    """One run in a series: `runtime` in seconds, None when nothing was executed; `left_out` says why it does not count,
    None when it does. `rows_affected`: rows written, None where they are not known."""

    run_id: str
    start_time: datetime | None
    runtime: float | None
    status: RunStatus
    left_out: str | None
    rows_affected: int | None

    @classmethod
    def of(cls, point: facts.RuntimePoint) -> RuntimePoint:
        return cls(
            run_id=str(point.run_id),
            start_time=point.start_time,
            runtime=point.runtime,
            status=RunStatus(point.status.value),
            left_out=point.left_out.value if point.left_out else None,
            rows_affected=point.rows_affected,
        )


class RuntimeSegment(Report):
    """A stretch without a lasting change: places of its ends among the points, from 0, and the runtimes that count."""

    first_point: int
    last_point: int
    count: int
    mean: float
    p50: float
    p95: float

    @classmethod
    def of(cls, segment: facts.RuntimeSegment) -> RuntimeSegment:
        runtimes: Summary = segment.runtimes
        return cls(
            first_point=segment.first_point,
            last_point=segment.last_point,
            count=runtimes.count,
            mean=runtimes.mean or 0.0,
            p50=runtimes.p50 or 0.0,
            p95=runtimes.p95 or 0.0,
        )


class ChangePoint(Report):
    """A lasting change of a runtime: the medians on both sides and what it costs a day, in seconds.

    `certainty` is suspected or confirmed. `unique_id` is None for a job as a whole. `first_run_id`: the first run after
    it, any from `earliest_run_id` to `latest_run_id`; `last_run_id`: the run before. `withdrawn_at`: since when newer
    runs no longer show it, None while they do. `cause`: code, upstream_code, engine, data_volume or unknown;
    `evidence`: what differs between the two sides, the most telling first, in plain words.
    """

    id: str
    unique_id: str | None
    job_id: str
    certainty: str
    before_seconds: float
    after_seconds: float
    seconds_per_day: float
    since: datetime
    withdrawn_at: datetime | None
    last_run_id: str
    first_run_id: str
    earliest_run_id: str
    latest_run_id: str
    cause: str
    evidence: list[str]

    @classmethod
    def of(cls, change: facts.ChangePoint) -> ChangePoint:
        return cls(
            id=change.id,
            unique_id=change.owner.unique_id,
            job_id=str(change.owner.job_id),
            certainty=change.certainty.value.lower(),
            before_seconds=change.before_seconds,
            after_seconds=change.after_seconds,
            seconds_per_day=change.seconds_per_day,
            since=change.since,
            withdrawn_at=change.withdrawn_at,
            last_run_id=str(change.last_run_id),
            first_run_id=str(change.first_run_id),
            earliest_run_id=str(change.earliest_run_id),
            latest_run_id=str(change.latest_run_id),
            cause=(change.cause or facts.ChangeCause.UNKNOWN).value.lower(),
            evidence=list(change.evidence),
        )


class ChangeList(Report):
    """Lasting changes over an account, those that cost or save most seconds a day first.

    `expected_false_alarms`: how many of all that there are chance alone would show; `total`: how many there are.
    `source`: archive or discovery; `missing`: what is missing, in plain words.
    """

    changes: list[ChangePoint]
    total: int
    expected_false_alarms: float
    source: str
    missing: list[str]

    @classmethod
    def of(cls, found_changes: FoundChanges) -> ChangeList:
        return cls(
            changes=[ChangePoint.of(change) for change in found_changes.changes],
            total=found_changes.total,
            expected_false_alarms=found_changes.expected_false_alarms,
            source=found_changes.basis.source.value.lower(),
            missing=list(found_changes.basis.missing),
        )


class RuntimeSeries(Report):
    """The runtimes of a model in the runs of one job, or of a job: points and changes oldest first.

    `percent_per_30_days`: the slope since the last change, None without a significant one. `is_elevated`: the last
    three runs are all unusually slow, a hint. `source`: where the runs were read, archive or discovery; `missing`: what
    is missing, in plain words.
    """

    job_id: str
    points: list[RuntimePoint]
    segments: list[RuntimeSegment]
    change_points: list[ChangePoint]
    percent_per_30_days: float | None
    is_elevated: bool
    source: str
    missing: list[str]

    @classmethod
    def of(cls, series: facts.RuntimeSeries) -> RuntimeSeries:
        return cls(
            job_id=str(series.owner.job_id),
            points=[RuntimePoint.of(point) for point in series.points],
            segments=[RuntimeSegment.of(segment) for segment in series.segments],
            change_points=[ChangePoint.of(change) for change in series.change_points],
            percent_per_30_days=series.trend.percent_per_30_days if series.trend else None,
            is_elevated=series.is_elevated,
            source=series.basis.source.value.lower(),
            missing=list(series.basis.missing),
        )
