"""Questions about jobs and runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from gateway.concurrency.checkpoints import pieces
from gateway.concurrency.gathering import gather, gather_pair
from gateway.errors import BadUserInput, NotFound
from gateway.hierarchy.filters.list_filters import JobFilter
from gateway.hierarchy.filters.model_filters import Filterable, ModelFilter, SearchFilter, contains_match
from gateway.hierarchy.lists.model_orders import models_in_order
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model, ModelRun
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.rankings.averages import RunWindow, ordinary_or_all, reason_to_leave_out
from gateway.hierarchy.vocabulary.variants import ALL_VARIANTS, Variant, variant_of_commands
from gateway.loading.field_context import FieldContext
from gateway.queries.models.models import select_models
from gateway.queries.projects import project_of_environment
from gateway.services.runs.model_histories import HistoryKey
from gateway.telemetry.usage import current_usage

F = TypeVar("F", bound=Filterable)

MOST_RUNS = 500
"""The most runs of one job that are read for one answer."""

Named = frozenset[HistoryKey] | None
"""The models whose latest state meets a filter; None when it does not look at that."""


async def jobs_of_project(context: FieldContext, project: Project) -> list[Job]:
    """The jobs that run in a project's environment, ordered by id."""
    jobs = await context.loaders.jobs()
    return [job for _, job in sorted(jobs.items()) if job.environment_id == project.environment_id]


async def select_jobs(
    context: FieldContext,
    projects: Sequence[Project],
    search_filter: SearchFilter | None = None,
    models: ModelFilter | None = None,
    where: JobFilter | None = None,
) -> list[Job]:
    """The jobs of these projects that build a model meeting `search_filter`, and one meeting `models`; ordered by id.

    `where` narrows them by what they are themselves, not by its `models`.
    """
    named = await named_in_projects(context, projects, models)

    async def of_project(project: Project) -> list[Job]:
        jobs = [job for job in await jobs_of_project(context, project) if where is None or where.admits(job)]
        kept = await gather(_builds(context, job, search_filter, models, named) for job in jobs)
        return [job for job, keep in zip(jobs, kept, strict=True) if keep]

    kept_jobs = await context.of_each(projects, of_project)
    return sorted((job for jobs in kept_jobs for job in jobs), key=lambda job: job.id)


async def builds(
    context: FieldContext, job: Job, search_filter: SearchFilter | None, models: ModelFilter | None
) -> bool:
    """Whether a job builds a model meeting `search_filter`, and one meeting `models` (see built_models)."""
    named = await named_models_of(context, job.environment_id, models)
    return await _builds(context, job, search_filter, models, named)


async def _builds(
    context: FieldContext, job: Job, search_filter: SearchFilter | None, models: ModelFilter | None, named: Named
) -> bool:
    if (search_filter is None or search_filter.is_empty) and (models is None or models.is_empty):
        return True
    built = (await context.loaders.built_models(job)).models
    if search_filter is not None and not search_filter.is_empty and not contains_match(search_filter, built):
        return False
    return models is None or models.is_empty or bool(meeting(built, job.environment_id, models, named))


async def named_in_projects(context: FieldContext, projects: Sequence[Project], models: ModelFilter | None) -> Named:
    """The models of these projects whose latest state meets what a filter asks of it, ids included; None where it asks
    nothing. Raises BadUserInput for an id that names none of them."""
    asked = models.of_state if models is not None else None
    if asked is None:
        return None
    named_models = await select_models(context, projects, asked)
    return frozenset(HistoryKey(model.environment_id, model.unique_id) for model in named_models)


async def named_models_of(context: FieldContext, environment_id: int, models: ModelFilter | None) -> Named:
    """The same of one environment."""
    project = await project_of_environment(context, environment_id)
    return await named_in_projects(context, [project] if project else [], models)


def meeting(touched: Iterable[F], environment_id: int, models: ModelFilter | None, named: Named) -> list[F]:
    """Those of the models touched in a run of an environment that meet a filter whose ids have been looked up."""
    return [
        attempt
        for attempt in touched
        if (named is None or HistoryKey(environment_id, attempt.unique_id) in named)
        and (models is None or models.in_run.matches(attempt))
    ]


def number_of(text: str, kind: str, argument: str = "id") -> int:
    """A job's or run's id as dbt's number. Raises BadUserInput for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadUserInput(f"The id of a {kind} is dbt's number for it; {text[:40]!r} is not one.", argument=argument)
    return int(text)


async def find_run(context: FieldContext, run_id: int) -> Run:
    """The run with this id. Raises NotFound that shows where run ids are to be had."""
    try:
        return await context.loaders.run(run_id)
    except NotFound:
        raise NotFound(
            f"No run has the id '{run_id}'. Ids of runs are listed under job(id) {{ runs {{ nodes {{ id }} }} }}.",
            id=str(run_id),
            kind="run",
        ) from None


async def jobs_of_model(context: FieldContext, model: Model) -> list[Job]:
    """The jobs of the model's environment that build it, ordered by id (see built_models)."""
    known = await context.loaders.jobs()
    jobs = [job for _, job in sorted(known.items()) if job.environment_id == model.environment_id]
    built = await gather(context.loaders.built_models(job) for job in jobs)
    return [job for job, of_job in zip(jobs, built, strict=True) if model.unique_id in of_job.unique_ids]


async def models_of_job(
    context: FieldContext, job: Job, model_filter: ModelFilter | None, *, also: SearchFilter | None = None
) -> list[Model]:
    """The models a job builds, as their environment knows them now, ordered by id. Removed ones are left out.

    The filters look at them as every filter on a job does: as they were in the run that shows what it builds. Of an
    environment that is neither production nor staging no models are known; the answer carries a note then.
    """
    project = await project_of_environment(context, job.environment_id)
    if project is None:
        current_usage().notes.append({**_UNKNOWN_ENVIRONMENT, "path": list(context.path), "job": str(job.id)})
        return []
    built, environment = await gather_pair(context.loaders.built_models(job), context.loaders.models(project))
    named = await named_in_projects(context, [project], model_filter)
    kept: set[str] = set()
    async for some in pieces(built.models, 1.0):
        met = meeting(some, job.environment_id, model_filter, named)
        kept.update(attempt.unique_id for attempt in met if also is None or also.matches(attempt))
    kept_models: list[Model] = []
    async for piece in pieces(models_in_order([environment]), 0.3):
        kept_models += [model for model in piece if model.unique_id in kept]
    return kept_models


_UNKNOWN_ENVIRONMENT = {
    "note": "The job runs in an environment that is neither production nor staging: its models are not known.",
}


async def executed_models(context: FieldContext, run: Run, search_filter: SearchFilter | None) -> list[ModelRun]:
    """What each model did in a run, ordered by unique id; models it did not touch are not in it."""
    touched = (await context.loaders.run_models(run)).models
    if search_filter is None or search_filter.is_empty:
        return list(touched)
    kept: list[ModelRun] = []
    async for piece in pieces(touched):
        kept += filter(search_filter.matches, piece)
    return kept


async def ended_runs(
    context: FieldContext, job: Job, run_count: int, leave_out: frozenset[Variant] = ALL_VARIANTS
) -> list[Run]:
    """The newest `run_count` runs of a job that completed and have a wall clock, newest first."""
    last = job.last_finished_run
    # What it ran by its own steps is ordinary for the job.
    ordinary = last is not None and (not last.commands or variant_of_commands(last.commands) not in leave_out)
    if run_count == 1 and last is not None and ordinary and _counts(last) and not last.inferred:
        return [last]
    return list((await run_window(context, job, run_count, leave_out)).runs)


async def run_window(
    context: FieldContext, job: Job, run_count: int, leave_out: frozenset[Variant] = ALL_VARIANTS
) -> RunWindow:
    """The same runs, with a count of those left out to find them, by reason.

    Runs of the variants in `leave_out` are left out where the job has others too.
    """
    count = run_count + max(5, run_count // 2)
    while True:
        runs = await context.loaders.recent_runs(job.id, count)
        ended = [run for run in runs if _counts(run)]
        variants = await variants_of(context, job, ended)
        special = ordinary_or_all(ended, {run: variant for run, variant in variants.items() if variant in leave_out})
        chosen = [run for run in ended if run not in special][:run_count]
        if len(chosen) == run_count or len(runs) < count or count >= MOST_RUNS:
            looked_at = runs[: runs.index(chosen[-1]) + 1] if len(chosen) == run_count else runs
            reasons = (reason_to_leave_out(run) or special.get(run) for run in looked_at)
            return RunWindow(tuple(chosen), Counter(reason for reason in reasons if reason is not None))
        count = min(MOST_RUNS, count * 4)


async def variants_of(context: FieldContext, job: Job, runs: Sequence[Run]) -> dict[Run, Variant | None]:
    """What sets each run apart: by its commands or its job's, without the Admin API by the arguments dbt wrote."""
    inferred = [run for run in runs if run.inferred]
    run_variants = {run: _typed(job, run) for run in runs if not run.inferred}
    touched = await gather(executed_models(context, run, None) for run in inferred)
    commands = await context.loaders.commands(
        [attempt for models in touched for attempt in models if attempt.status.executed]
    )
    for run, models in zip(inferred, touched, strict=True):
        typed = [commands.get((run.id, attempt.invocation_id)) for attempt in models if attempt.status.executed]
        run_variants[run] = next(
            (command.variant for command in typed if command is not None and command.variant is not None), None
        )
    return run_variants


def _typed(job: Job, run: Run) -> Variant | None:
    return variant_of_commands(run.commands or job.steps)


def _counts(run: Run) -> bool:
    return reason_to_leave_out(run) is None
