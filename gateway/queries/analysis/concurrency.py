"""Which runs of several projects wait for and overlap which others, and whether a job ends in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.analysis.concurrency import (
    OVER_SCHEDULED,
    Peak,
    RunSpan,
    over_scheduled_share,
    overlaps,
    peak_of,
    stretches,
)
from gateway.analysis.deadline import JobEnd, slacks
from gateway.concurrency.gathering import gather_pair
from gateway.errors import BadUserInput
from gateway.hierarchy.analysis.account_analysis import (
    Concurrency,
    ConcurrencyBucket,
    DeadlineReport,
    JobConcurrency,
    TimeWindow,
)
from gateway.hierarchy.measures.basis import Basis
from gateway.hierarchy.measures.statistics import summarise
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.runs.run_times import RunTimes, RunTimesKey
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import MOST_RUNS
from gateway.queries.runs.executions import shown_time
from gateway.queries.runs.run_steps import aside
from gateway.services.runs.run_query import LONGEST_QUEUE, RunQuery

MOST_BUCKETS = 5000
MOST_DAYS = 365


async def concurrency_of(
    context: FieldContext, projects: Sequence[Project], window: TimeWindow, bucket: timedelta
) -> Concurrency:
    """Queues and overlaps of the runs of these projects, by stretches of time. Raises BadUserInput for more than 5,000
    of them."""
    count = (window.end - window.since) / bucket
    if count > MOST_BUCKETS:
        raise BadUserInput(
            f"The window has {int(count):,} stretches of {bucket.total_seconds() / 60:g} minutes; at most "
            f"{MOST_BUCKETS:,} are possible. Ask for a shorter window or longer stretches.",
            argument="bucketMinutes",
        )
    (runs, missing), jobs = await gather_pair(_run_times(context, projects, window), context.loaders.jobs())
    proposing = {job_id for job_id, job in jobs.items() if job.is_ci}
    peak, parts, of_jobs = await aside(len(runs), lambda: _computed(runs, window, bucket, proposing))
    began = [run.created for run in runs if run.created >= window.since.timestamp()]
    since = datetime.fromtimestamp(min(began), UTC) if began else None
    basis = Basis(context.loaders.history_source, len(began), since, tuple(missing))
    return Concurrency(peak.runs, None if peak.time is None else _moment(peak.time), parts, of_jobs, basis)


async def deadline_of(
    context: FieldContext, job: Job, finished_by: time, zone: ZoneInfo, last_days: int
) -> DeadlineReport:
    """Whether a job ended by a time of day in a time zone, over the last days whose deadline has passed."""
    runs = await context.loaders.recent_runs(job.id, MOST_RUNS)
    now = datetime.now(UTC)
    deadlines = _deadlines(now, finished_by, zone, last_days)
    created = {run.id: moment for run in runs if (moment := run.created_at) is not None}
    ends = [_job_end(run, created[run.id]) for run in runs if run.id in created]
    left = slacks(ends, [moment.timestamp() for moment in deadlines])
    cut = len(runs) == MOST_RUNS and min(created.values(), default=now) > deadlines[0]
    missing = [f"runs before the job's newest {MOST_RUNS}"] if cut else []
    looked_at = [moment for moment in created.values() if moment > deadlines[0]]
    basis = Basis(context.loaders.history_source, len(looked_at), min(looked_at, default=None), tuple(missing))
    met = sum(seconds is not None and seconds >= 0 for seconds in left)
    summary = summarise(seconds for seconds in left if seconds is not None)
    return DeadlineReport(met / len(left) if left else None, len(left), summary, basis)


def _deadlines(now: datetime, finished_by: time, zone: ZoneInfo, last_days: int) -> list[datetime]:
    """The last `last_days` deadlines that have passed and the one before them, oldest first. Where clocks are put on
    and the time of day does not exist, it is that by the offset before."""

    def of(day: date) -> datetime:
        return datetime.combine(day, finished_by, zone).astimezone(UTC)

    today = now.astimezone(zone).date()
    passed = [of(today - timedelta(days=back)) for back in range(last_days + 2)]
    return [moment for moment in passed if moment <= now][: last_days + 1][::-1]


def _job_end(run: Run, created: datetime) -> JobEnd:
    ended = run.end_time.timestamp() if run.end_time else None
    return JobEnd(created.timestamp(), ended, run.status is RunStatus.SUCCESS)


async def _run_times(
    context: FieldContext, projects: Sequence[Project], window: TimeWindow
) -> tuple[list[RunTimes], list[str]]:
    """The runs that may have waited or run in a window, and what is missing of them."""
    since = window.since - LONGEST_QUEUE
    until = None if window.until is None else window.until.timestamp()
    keys = [RunTimesKey(project.environment_id, since.timestamp(), until) for project in projects]
    read = await context.loaders.results.run_times(keys)
    if read is not None:
        read_times = context.sort_out(projects, [read[key] for key in keys])
        cut = max((times.complete_since for times in read_times if times.complete_since is not None), default=None)
        missing = [] if cut is None else [f"runs created before {shown_time(cut)}: there are too many"]
        return [run for times in read_times for run in times.runs], missing
    listing = await context.loaders.matching_runs(
        [RunQuery(created_since=since, created_until=window.until)], MOST_RUNS
    )
    places = {project.environment_id for project in projects}
    runs = [_times_of(run) for run in listing.runs if run.environment_id in places and run.created_at is not None]
    missing = ["when workers took runs from the queue: only an archive has it"]
    if context.loaders.infers_jobs:
        missing.append("times in the queue: only the Admin API and an archive have them")
    if not listing.complete:
        missing.append(f"runs before the newest {MOST_RUNS} of the account")
    return [run for run in runs if until is None or run.created < until], missing


def _times_of(run: Run) -> RunTimes:
    def seconds(moment: datetime | None) -> float | None:
        return None if moment is None else moment.timestamp()

    created = seconds(run.created_at)
    return RunTimes(
        run.id, run.job_id, run.status, created or 0.0, None, seconds(run.start_time), seconds(run.end_time)
    )


def _computed(
    runs: Sequence[RunTimes], window: TimeWindow, bucket: timedelta, proposing: set[int]
) -> tuple[Peak, tuple[ConcurrencyBucket, ...], tuple[JobConcurrency, ...]]:
    begin, end = window.since.timestamp(), window.end.timestamp()
    spans = [_span(run) for run in runs]
    parts = stretches(spans, begin, end, bucket.total_seconds())
    shared = overlaps(spans, begin, end)
    by_job: dict[int, list[RunTimes]] = {}
    for run in runs:
        if run.created >= begin:
            by_job.setdefault(run.job_id, []).append(run)
    waited = {job: math.fsum(_seconds(of_job, _queue)) for job, of_job in by_job.items()}
    jobs = [
        _job(job, by_job[job], shared.get(job, 0.0), is_ci=job in proposing)
        for job in sorted(by_job, key=lambda job: (-waited[job], job))
    ]
    buckets = (ConcurrencyBucket(_moment(bucket.start), bucket.peak, bucket.queue_seconds) for bucket in parts)
    return peak_of(spans, begin, end), tuple(buckets), tuple(jobs)


def _job(job: int, runs: Sequence[RunTimes], overlap: float, *, is_ci: bool) -> JobConcurrency:
    """Runs of a CI job may overlap: each is of another proposed change."""
    share = 0.0 if is_ci else over_scheduled_share(_span(run) for run in runs)
    return JobConcurrency(
        job_id=job,
        queue_summary=summarise(_seconds(runs, _queue)),
        preparation_summary=summarise(_seconds(runs, lambda run: run.dequeued)),
        overlap_seconds=overlap,
        over_scheduled_share=share,
        is_over_scheduled=share >= OVER_SCHEDULED,
    )


def _queue(run: RunTimes) -> float | None:
    return run.created


def _seconds(runs: Iterable[RunTimes], since: Callable[[RunTimes], float | None]) -> list[float]:
    """Seconds from a moment of each run to its start, of those that tell both and where they are in order."""
    pairs = [(run.started, since(run)) for run in runs]
    return [start - begin for start, begin in pairs if start is not None and begin is not None and begin <= start]


def _span(run: RunTimes) -> RunSpan:
    return RunSpan(
        job=run.job_id,
        created=run.created,
        started=run.started,
        ended=run.ended,
        cancelled=run.status is RunStatus.CANCELLED,
        under_way=run.status in (RunStatus.QUEUED, RunStatus.RUNNING),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
