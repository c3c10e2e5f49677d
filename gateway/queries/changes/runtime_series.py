"""Questions about runtimes over time: of a model in the runs of one job, and of a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gateway.analysis.change_points import MOST_RUNS as MOST_RUNS_LOOKED_AT
from gateway.concurrency.checkpoints import checkpoint
from gateway.concurrency.gathering import gather
from gateway.errors import BadUserInput, GatewayError, NotFound
from gateway.hierarchy.history.counted_runs import HistoryScope, LeftOutReason
from gateway.hierarchy.history.runtime_series import (
    Certainty,
    ChangePoint,
    RuntimePoint,
    RuntimeSeries,
    SeriesOwner,
)
from gateway.hierarchy.measures.basis import Basis
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model, ModelRun
from gateway.hierarchy.rankings.averages import ordinary_or_all, reason_to_leave_out
from gateway.loading.field_context import FieldContext
from gateway.queries.changes.series_analysis import analysed
from gateway.queries.jobs.job_names import find_job
from gateway.queries.jobs.jobs import MOST_RUNS, variants_of
from gateway.queries.models.models import MOST_HISTORY, commands_of, model_history

_WITHIN_A_JOB = HistoryScope(include_ci=True)
"""Which runs count: a CI job has a series of its own, and full refreshes of incremental models are another kind."""

_STEPS_OF_A_POINT = 15


async def series_of_model(context: FieldContext, model: Model, job_id: int | None, last_runs: int) -> RuntimeSeries:
    """The runtimes of a model in the newest `last_runs` runs of one job, those of its newest 100 runs by any job.

    Without `job_id` it is the job that built the model most often among these, CI apart. Successful ordinary runs
    count. Raises NotFound for an unknown job, and BadUserInput for one of another environment.
    """
    if job_id is not None:
        await _ensure_same_environment(context, model, job_id)
    history = await model_history(context, model, MOST_HISTORY)
    chosen = job_id if job_id is not None else _usual_job(history, await context.loaders.jobs())
    return await _series_in_job(context, model, history, chosen, last_runs)


async def series_in_every_job(context: FieldContext, model: Model) -> list[RuntimeSeries]:
    """The runtimes of a model in each job that is among its newest 100 runs, CI apart, the least id first."""
    history = await model_history(context, model, MOST_HISTORY)
    jobs = await context.loaders.jobs()
    built_by = sorted({run.job_id for run in history if run.job_id in jobs and not jobs[run.job_id].is_ci})
    return [await _series_in_job(context, model, history, job_id, MOST_HISTORY) for job_id in built_by]


async def _series_in_job(
    context: FieldContext, model: Model, history: Sequence[ModelRun], job_id: int, last_runs: int
) -> RuntimeSeries:
    of_job = [run for run in history if run.job_id == job_id][:last_runs]
    commands = await commands_of(context, [tuple(of_job)], last_runs)
    job = (await context.loaders.jobs()).get(job_id)
    points = [
        _point_of_model(run, _WITHIN_A_JOB.reason(run, job, commands.get((run.run_id, run.invocation_id))))
        for run in reversed(of_job)
        if not run.superseded
    ]
    owner = SeriesOwner(f"{model.id}/{job_id}", model.environment_id, job_id, model.unique_id)
    missing = [] if len(history) < MOST_HISTORY else [f"runs before the model's newest {MOST_HISTORY}"]
    return await _series(context, owner, points, missing)


async def series_of_job(context: FieldContext, job: Job, last_runs: int) -> RuntimeSeries:
    """The wall clocks of a job's newest `last_runs` runs, 500 at most. Completed runs count, successful or failed;
    full refreshes and the like do where the job has no others."""
    runs = await context.loaders.recent_runs(job.id, min(last_runs, MOST_RUNS))
    ended = [run for run in runs if reason_to_leave_out(run) is None]
    special = ordinary_or_all(ended, await variants_of(context, job, ended))
    points = [_point_of_run(run, reason_to_leave_out(run) or special.get(run)) for run in reversed(runs)]
    return await _series(context, SeriesOwner(str(job.id), job.environment_id, job.id), points, [])


async def changes_of_model(
    context: FieldContext, model: Model, job_id: int | None, certainty: Certainty, first: int
) -> list[ChangePoint]:
    """The newest changes of a model's runtime, newest first: those that its series marks."""
    return _newest(await series_of_model(context, model, job_id, MOST_RUNS_LOOKED_AT), certainty, first)


async def changes_of_job(context: FieldContext, job: Job, certainty: Certainty, first: int) -> list[ChangePoint]:
    """The newest changes of a job's runtime, newest first: those that its series marks."""
    return _newest(await series_of_job(context, job, MOST_RUNS_LOOKED_AT), certainty, first)


async def sha_of_run(context: FieldContext, job_id: int, run_id: int) -> str | None:
    """The commit of a run of a job; None where it has none. Read with the job's newest runs, a list for all of them."""
    for count in (100, MOST_RUNS):
        runs = await context.loaders.recent_runs(job_id, count)
        attempt = next((run for run in runs if run.id == run_id), None)
        if attempt is not None:
            return attempt.git_sha
        if len(runs) < count:
            return None
    return None


async def run_or_none(context: FieldContext, run_id: int) -> Run | None:
    """The run with this id; None when it is no longer known."""
    try:
        return await context.loaders.run(run_id)
    except NotFound:
        return None


async def runs_of_range(context: FieldContext, change: ChangePoint) -> list[Run]:
    """The earliest and the latest run that may be the first after a change, as far as they are known; one if equal."""
    run_ids = dict.fromkeys((change.earliest_run_id, change.latest_run_id))
    runs = await gather(run_or_none(context, run_id) for run_id in run_ids)
    return [run for run in runs if run is not None]


async def _ensure_same_environment(context: FieldContext, model: Model, job_id: int) -> None:
    job = await find_job(context, job_id)
    if job.environment_id != model.environment_id:
        raise BadUserInput(
            f"Job {job_id} runs in another environment than {model.id}. Jobs of the model: model {{ jobs }}.",
            argument="jobId",
        )


def _usual_job(history: Sequence[ModelRun], jobs: Mapping[int, Job]) -> int:
    """The job with most runs in a history, CI apart where there are others, the least id of several; 0 of none."""
    counts = Counter(run.job_id for run in history)
    ordinary = {job_id: count for job_id, count in counts.items() if not (job_id in jobs and jobs[job_id].is_ci)}
    return min(ordinary or counts, key=lambda job_id: (-counts[job_id], job_id), default=0)


async def _series(
    context: FieldContext, owner: SeriesOwner, points: Sequence[RuntimePoint], missing: Sequence[str]
) -> RuntimeSeries:
    await checkpoint(200 + _STEPS_OF_A_POINT * len(points))
    undated = sum(point.ended_at is None for point in points)
    lacking = [*missing, *([f"times of {undated} runs"] if undated else [])]
    began = [point.start_time for point in points if point.start_time is not None]
    basis = Basis(
        context.loaders.source_of_history(owner.environment_id), len(points), min(began, default=None), tuple(lacking)
    )
    return analysed(owner, points, basis, await _known_changes(context, owner))


async def _known_changes(context: FieldContext, owner: SeriesOwner) -> list[ChangePoint]:
    """What an archive has seen of a series before; nothing where it cannot be read: the changes are there anyway."""
    try:
        known = await context.loaders.results.runtime_changes(owner.environment_id)
    except GatewayError:
        return []
    here = (owner.unique_id, owner.job_id)
    return (
        [change for change in known.changes if (change.owner.unique_id, change.owner.job_id) == here] if known else []
    )


def _newest(series: RuntimeSeries, certainty: Certainty, first: int) -> list[ChangePoint]:
    holding = [point for point in reversed(series.change_points) if point.certainty.holds(certainty)]
    return holding[:first]


def _point_of_model(run: ModelRun, reason: LeftOutReason | None) -> RuntimePoint:
    return RuntimePoint(
        run_id=run.run_id,
        job_id=run.job_id,
        start_time=run.start_time,
        ended_at=run.ended_at,
        runtime=run.runtime,
        status=run.status,
        left_out=reason,
        rows_affected=run.rows_affected,
    )


def _point_of_run(run: Run, reason: LeftOutReason | None) -> RuntimePoint:
    return RuntimePoint(
        run_id=run.id,
        job_id=run.job_id,
        start_time=run.start_time,
        ended_at=run.end_time,
        runtime=run.runtime,
        status=run.status,
        left_out=reason,
    )
