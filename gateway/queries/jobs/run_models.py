"""Questions about the models of one run, and about the runs of one model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.hierarchy.filters.model_filters import ModelFilter, SearchFilter
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import CodeInRun, Model, ModelRun
from gateway.hierarchy.rankings.averages import average_of_models
from gateway.hierarchy.rankings.ranking import Ranking
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import executed_models, find_run, meeting, named_models_of
from gateway.queries.models.models import MOST_HISTORY, applied_model, model_history
from gateway.queries.projects import project_of_environment


async def models_in_run(
    context: FieldContext, run: Run, *, search_filter: SearchFilter | None = None, models: ModelFilter | None = None
) -> list[ModelRun]:
    """What each model that meets both filters did in a run, ordered by unique id.

    The filters look at each model as it was in that run; ids name models as the environment knows them now.
    """
    touched = await executed_models(context, run, search_filter)
    return meeting(touched, run.environment_id, models, await named_models_of(context, run.environment_id, models))


async def slowest_models_of_run(
    context: FieldContext, run: Run, first: int, model_filter: ModelFilter | None = None
) -> Ranking[ModelRun]:
    """The models of a run that took longest in it, by their own execution time.

    Left out and counted are those that did not execute, failed or were cancelled; ties go by unique id.
    """
    return _slowest(await models_in_run(context, run, models=model_filter), first)


async def slowest_models_of_job(
    context: FieldContext, job: Job, first: int, model_filter: ModelFilter | None = None
) -> Ranking[ModelRun]:
    """The same for the run that shows what a job builds: its newest that completed and executed a model."""
    run = (await context.loaders.built_models(job)).run
    return _slowest(await models_in_run(context, run, models=model_filter) if run else [], first)


def _slowest(touched: Iterable[ModelRun], first: int) -> Ranking[ModelRun]:
    of_run = list(touched)
    return average_of_models({attempt.unique_id: attempt for attempt in of_run}, [of_run], first).slowest


@dataclass(frozen=True, slots=True)
class RankedInRun:
    """A ranking of models by what they did in a run, and each as its environment knows it now, by unique id; None for
    one that has been removed since."""

    ranking: Ranking[ModelRun]
    applied: Mapping[str, Model | None]


async def with_applied_models(context: FieldContext, ranking: Ranking[ModelRun]) -> RankedInRun:
    """The ranking with its models as they are now."""
    return RankedInRun(ranking, await applied_models(context, [entry.item for entry in ranking.entries]))


async def applied_models(context: FieldContext, touched: Iterable[ModelRun]) -> dict[str, Model | None]:
    """Models of runs as their environments know them now, by unique id; None for those removed since."""
    applied: dict[str, Model | None] = {}
    for attempt in touched:
        project = await project_of_environment(context, attempt.environment_id)
        applied[attempt.unique_id] = await applied_model(context, project, attempt.unique_id)
    return applied


async def runs_of_model(
    context: FieldContext, model: Model, run_count: int, search_filter: SearchFilter | None = None
) -> list[ModelRun]:
    """The newest `run_count` runs of a model that met the filter, newest first, by any job of its environment.

    The filter looks at what the model was, and how long it took, in that run. Looks back over its last 100 runs.
    """
    if search_filter is None or search_filter.is_empty:
        return list(await model_history(context, model, run_count))
    count = min(MOST_HISTORY, run_count * 2)
    while True:
        runs = await model_history(context, model, count)
        matching = [run for run in runs if search_filter.matches(run)]
        if len(matching) >= run_count or len(runs) < count or count >= MOST_HISTORY:
            return matching[:run_count]
        count = min(MOST_HISTORY, count * 4)


async def code_in_run(context: FieldContext, model: Model, run_id: int) -> CodeInRun:
    """The code that the model had in a run; nothing where the run did not touch it, or is of another environment: its
    project may have a model of that name from the same package. Raises NotFound for an unknown run."""
    run = await find_run(context, run_id)
    if run.environment_id != model.environment_id:
        return CodeInRun(None, None)
    return await context.loaders.results.code(run, model.unique_id)
