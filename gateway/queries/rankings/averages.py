"""Averages over the last runs of a job, or over the models of one run. Formulas: hierarchy/rankings/averages.py."""

from __future__ import annotations

from gateway.concurrency.gathering import gather
from gateway.hierarchy.filters.list_filters import JobFilter
from gateway.hierarchy.filters.model_filters import ModelFilter, SearchFilter
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model, ModelRun
from gateway.hierarchy.rankings.averages import JobAverage, ModelAverage, RunWindow, average_of_models, job_average
from gateway.hierarchy.vocabulary.variants import ALL_VARIANTS, Variant
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import builds, executed_models, models_of_job, run_window
from gateway.queries.jobs.run_models import models_in_run


async def average_job_runtime(
    context: FieldContext,
    job: Job,
    last_runs: int,
    *,
    search_filter: SearchFilter | None = None,
    models: ModelFilter | None = None,
    where: JobFilter | None = None,
    leave_out: frozenset[Variant] = ALL_VARIANTS,
) -> JobAverage:
    """The mean wall clock of the job's newest `last_runs` runs that completed (see run_window).

    The filters ask whether the job matches `where`, and builds a model meeting `search_filter` and one meeting
    `models`; if not, there is no average. They do not pick among its runs, so the figure is the one by which
    longest_running_jobs ranks the job.
    """
    if where is not None and not where.admits(job):
        return job_average(RunWindow((), {}))
    if not await builds(context, job, search_filter, models):
        return job_average(RunWindow((), {}))
    return job_average(await run_window(context, job, last_runs, leave_out))


async def average_historical_model_runtime(
    context: FieldContext,
    job: Job,
    slowest: int | None,
    last_runs: int,
    *,
    search_filter: SearchFilter | None = None,
    models: ModelFilter | None = None,
    leave_out: frozenset[Variant] = ALL_VARIANTS,
) -> ModelAverage[Model]:
    """The mean over the job's `slowest` models (None: all) of each one's mean over the job's last runs.

    Taken are the models the job builds that meet both filters, see models_of_job; the runs are its newest `last_runs`
    that completed. See average_of_models.
    """
    taken = {model.unique_id: model for model in await models_of_job(context, job, models, also=search_filter)}
    window = await run_window(context, job, last_runs, leave_out)
    touched = await gather(executed_models(context, run, None) for run in window.runs)
    return average_of_models(taken, touched, slowest)


async def average_model_runtime(
    context: FieldContext,
    run: Run,
    slowest: int | None,
    *,
    search_filter: SearchFilter | None = None,
    models: ModelFilter | None = None,
) -> ModelAverage[ModelRun]:
    """The mean execution time of the `slowest` models of one run (None: all) that meet both filters.

    The filters look at each model as it was in that run. See average_of_models.
    """
    touched = await models_in_run(context, run, search_filter=search_filter, models=models)
    return average_of_models({attempt.unique_id: attempt for attempt in touched}, [touched], slowest)
