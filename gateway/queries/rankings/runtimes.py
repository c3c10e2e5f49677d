"""Questions about single runtimes: of a job, and of the models in its last runs."""

from __future__ import annotations

from gateway.concurrency.gathering import gather
from gateway.hierarchy.history.runtimes import Runtime, runtime_of_model, runtime_of_run
from gateway.hierarchy.ids.model_ids import model_ids
from gateway.hierarchy.objects.job import Job
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import executed_models, run_window
from gateway.queries.projects import project_of_environment


async def job_runtimes(context: FieldContext, job: Job, last_runs: int) -> list[Runtime]:
    """The wall clocks of the job's newest `last_runs` runs that completed, newest first."""
    window = await run_window(context, job, last_runs, frozenset())
    return [runtime for runtime in map(runtime_of_run, window.runs) if runtime is not None]


async def model_runtimes(context: FieldContext, job: Job, last_runs: int) -> list[Runtime]:
    """What each model took in each of the job's newest `last_runs` runs that completed.

    Newest run first, by model id within a run. Models that were not executed, failed or were cancelled in a run have no
    runtime of it. One document per twenty runs; finished runs are read once.
    """
    window = await run_window(context, job, last_runs, frozenset())
    touched = await gather(executed_models(context, run, None) for run in window.runs)
    names = await _names(context, job.environment_id, {attempt.unique_id for of_run in touched for attempt in of_run})
    listed: list[Runtime] = []
    for of_run in touched:
        runtimes = (runtime_of_model(attempt, names[attempt.unique_id]) for attempt in of_run)
        listed += sorted(
            (runtime for runtime in runtimes if runtime is not None), key=lambda runtime: runtime.model_id or ""
        )
    return listed


async def _names(context: FieldContext, environment_id: int, unique_ids: set[str]) -> dict[str, str]:
    """The model id of each unique id; those that have been removed since are named by the same rule."""
    project = await project_of_environment(context, environment_id)
    if project is None:
        return dict(model_ids(str(environment_id), unique_ids))
    known = (await context.loaders.models(project)).by_unique_id
    # Told apart from those of today too: a package's model that is gone may have had the name of one that is there.
    removed = model_ids(project.id, unique_ids | known.keys())
    return {unique_id: known[unique_id].id if unique_id in known else removed[unique_id] for unique_id in unique_ids}
