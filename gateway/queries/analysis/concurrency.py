"""Which runs of several projects wait for and overlap which others, and whether a job ends in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.analysis.concurrency import (
    OVER_SCHEDULED,
    BuildingRun,
    Peak,
    RunSpan,
    over_scheduled_share,
    overlaps,
    peak_of,
    shared_models,
    stretches,
)
from gateway.analysis.deadline import JobEnd, Success, counting, data_ages, slacks
from gateway.analysis.waste import SourceCheck
from gateway.concurrency.gathering import gather_pair
from gateway.errors import BadUserInput, GatewayError
from gateway.hierarchy.analysis.account_analysis import (
    Concurrency,
    ConcurrencyBucket,
    DeadlineReport,
    JobConcurrency,
    SharedModel,
    TimeWindow,
)
from gateway.hierarchy.measures.basis import Basis
from gateway.hierarchy.measures.statistics import Summary, summarise
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.runs.executions import ExecutedNode, ExecutionDetail, Executions, ExecutionsKey
from gateway.hierarchy.runs.run_times import RunTimes, RunTimesKey
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import MOST_RUNS
from gateway.queries.runs.executions import WindowRows, read_window, shown_time
from gateway.queries.runs.run_steps import aside
from gateway.services.runs.run_query import LONGEST_QUEUE, RunQuery

MOST_BUCKETS = 5000
MOST_DAYS = 365

_CHECKED_BEFORE = timedelta(days=8)
_MODEL = "model."


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
    peak_time = None if peak.time is None else _moment(peak.time)
    return Concurrency(peak.runs, peak_time, parts, of_jobs, basis, window, tuple(projects))


async def shared_models_of(context: FieldContext, concurrency: Concurrency, first: int) -> list[SharedModel]:
    """The models that runs of different jobs built at once in the window, those of most pairs of runs first. Runs of CI
    jobs write elsewhere and do not count; without an archive the newest 40 runs are looked at."""
    rows = await read_window(context, concurrency.projects, concurrency.window, ExecutionDetail.TIMES)
    jobs = await context.loaders.jobs()
    visible = {job_id for job_id, job in jobs.items() if not job.is_ci}
    return (await aside(rows.size, lambda: _shared(rows, visible)))[:first]


def _shared(rows: WindowRows, job_ids: set[int]) -> list[SharedModel]:
    shared = [
        SharedModel(environment_id, model.unique_id, model.run_pairs, model.jobs)
        for environment_id, executions in rows.of_environments.items()
        for model in shared_models(_building_runs(rows, executions, job_ids))
    ]
    return sorted(shared, key=lambda model: (-model.run_pairs, model.unique_id, model.environment_id))


def _building_runs(rows: WindowRows, executions: Executions, job_ids: set[int]) -> Iterator[BuildingRun]:
    """What runs of these jobs built, and when they ran within the window."""
    by_run: dict[int, list[ExecutedNode]] = {}
    for row in executions.rows:
        if row.timed and row.job_id in job_ids and row.unique_id.startswith(_MODEL):
            by_run.setdefault(row.run_id, []).append(row)
    for run_id, built in by_run.items():
        span = min(row.start for row in built), max(row.end for row in built)
        begin, end = executions.walls.get(run_id, span)
        within = max(begin, rows.begin), min(end, rows.end)
        yield BuildingRun(built[0].job_id, *within, frozenset(row.unique_id for row in built))


async def deadline_of(
    context: FieldContext, job: Job, finished_by: time, zone: ZoneInfo, last_days: int
) -> DeadlineReport:
    """Whether a job ended by a time of day in a time zone, over the last days whose deadline has passed."""
    runs = await context.loaders.recent_runs(job.id, MOST_RUNS)
    now = datetime.now(UTC)
    deadlines = _deadlines(now, finished_by, zone, last_days)
    created = {run.id: moment for run in runs if (moment := run.created_at) is not None}
    ends = [_job_end(run, created[run.id]) for run in runs if run.id in created]
    moments = [moment.timestamp() for moment in deadlines]
    left = slacks(ends, moments)
    cut = len(runs) == MOST_RUNS and min(created.values(), default=now) > deadlines[0]
    missing = [f"runs before the job's newest {MOST_RUNS}"] if cut else []
    looked_at = [moment for moment in created.values() if moment > deadlines[0]]
    basis = Basis(context.loaders.history_source, len(looked_at), min(looked_at, default=None), tuple(missing))
    met = sum(seconds is not None and seconds >= 0 for seconds in left)
    summary = summarise(seconds for seconds in left if seconds is not None)
    of_days = tuple(deadlines[day] for day in counting(ends, moments))
    return DeadlineReport(met / len(left) if left else None, len(left), summary, basis, job, of_days)


async def data_age_of(context: FieldContext, report: DeadlineReport) -> Summary:
    """How old the data of the report's job was at each deadline, in seconds: since the oldest of the newest rows of the
    sources upstream, as checks reported them before the last success began that had ended by then. Of nothing without
    checks or a manifest, and without an archive."""
    job = report.job
    runs = await context.loaders.recent_runs(job.id, MOST_RUNS)
    successes = [
        Success(run.start_time.timestamp(), run.end_time.timestamp())
        for run in runs
        if run.status is RunStatus.SUCCESS and run.start_time and run.end_time
    ]
    newest = next((run for run in runs if run.status is RunStatus.SUCCESS), None)
    if newest is None or not report.deadlines or job.environment_id is None:
        return summarise([])
    since = (report.deadlines[0] - _CHECKED_BEFORE).timestamp()
    key = ExecutionsKey(job.environment_id, since, None, ExecutionDetail.CHECKS)
    read = (await context.loaders.results.executions([key])).get(key)
    if isinstance(read, GatewayError):
        raise read
    sources = await _sources_of(context, newest) if read is not None and read.checks else frozenset()
    checks = [
        SourceCheck(check.unique_id, check.time, check.max_loaded_at)
        for check in (read.checks if read is not None else ())
        if check.unique_id in sources
    ]
    moments = [moment.timestamp() for moment in report.deadlines]
    ages = await aside(len(checks), lambda: data_ages(moments, successes, checks))
    return summarise(age for age in ages if age is not None)


async def _sources_of(context: FieldContext, run: Run) -> frozenset[str]:
    """The sources upstream of the models that a run executed."""
    results, graph = await gather_pair(
        context.loaders.results.of(run, {ResourceType.MODEL}), context.loaders.results.graph(run, whole=False)
    )
    parents = {node.unique_id: node.parents for node in graph.nodes}
    seen: set[str] = set()
    ahead = [result.unique_id for result in results.results if result.status.executed]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += parents.get(name, ())
    return frozenset(name for name in seen if name.startswith("source."))


def last_deadline(finished_by: time, zone: ZoneInfo) -> datetime:
    """The last such time of day that has passed, in UTC."""
    return _deadlines(datetime.now(UTC), finished_by, zone, 1)[-1]


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
    """Seconds from a moment of each run to its start, of those that have both and where they are in order."""
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
