"""Questions about the models of a job over its last runs."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.concurrency.checkpoints import checkpoint
from gateway.concurrency.gathering import gather
from gateway.hierarchy.analysis.run_matrix import OftenCritical, RunMatrix, RunMatrixRow, run_matrix
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.vocabulary.resource_type import ResourceType
from gateway.loading.field_context import FieldContext
from gateway.queries.analysis.run_analysis import critical_path_of
from gateway.queries.jobs.jobs import MOST_RUNS, executed_models
from gateway.queries.models.models import applied_model
from gateway.queries.projects import project_of_environment

# Runs of which nothing can be said crowd out others: so many more are looked at.
_SPARE = 10


async def matrix_of_job(context: FieldContext, job: Job, last_runs: int, first: int) -> RunMatrix:
    """The newest `last_runs` runs of a job that succeeded or failed, and the `first` slowest models in them."""
    runs = await _completed_runs(context, job, last_runs)
    touched = await gather(executed_models(context, run, None) for run in runs)
    await checkpoint(2 * sum(map(len, touched)))
    return run_matrix(runs, touched, first)


async def often_critical(context: FieldContext, job: Job, last_runs: int, first: int) -> list[OftenCritical]:
    """The models that most often lie on the critical paths of the newest `last_runs` completed runs: the greatest share
    first, then the longest there, then by unique id. share = runs with it on the path / runs that have a path."""
    runs = await _completed_runs(context, job, last_runs)
    paths = [path for path in await gather(critical_path_of(context, run, None) for run in runs) if path is not None]
    seconds: dict[str, list[float]] = {}
    for path in paths:
        for result in path.results:
            if result.resource_type is ResourceType.MODEL and result.runtime is not None:
                seconds.setdefault(result.unique_id, []).append(result.runtime)
    models = [
        OftenCritical(job.environment_id, name, len(of_model) / len(paths), sum(of_model) / len(of_model))
        for name, of_model in seconds.items()
    ]
    return sorted(models, key=lambda model: (-model.share, -model.mean_seconds, model.unique_id))[:first]


async def model_of_row(context: FieldContext, row: RunMatrixRow | OftenCritical) -> Model | None:
    """The model as it is now; None when the project no longer defines it."""
    project = await project_of_environment(context, row.environment_id)
    return await applied_model(context, project, row.unique_id)


async def _completed_runs(context: FieldContext, job: Job, count: int) -> Sequence[Run]:
    """Oldest first."""
    runs = await context.loaders.recent_runs(job.id, min(MOST_RUNS, count + _SPARE))
    return [run for run in runs if run.status.is_completed][:count][::-1]
