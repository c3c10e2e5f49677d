"""Top-N questions: the slowest models, the longest jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.concurrency.checkpoints import checkpoint, pieces
from gateway.concurrency.only_if_cached import gather
from gateway.errors import GatewayError
from gateway.hierarchy.filters import ModelFilter, SearchFilter
from gateway.hierarchy.history import Counted, HistoryScope, LeftOutReason
from gateway.hierarchy.job import Job, Run
from gateway.hierarchy.list_filters import JobFilter
from gateway.hierarchy.model import Model
from gateway.hierarchy.project import Project
from gateway.hierarchy.ranking import Measured, Ranking, rank
from gateway.hierarchy.slowest import slowest_of_projects
from gateway.hierarchy.statistics import Summary, summarise
from gateway.hierarchy.variants import ALL_VARIANTS, Variant
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs import ended_runs, select_jobs
from gateway.queries.models import counted_runs, narrowed_environments, select_models
from gateway.services.models.model_histories import HistoryKey
from gateway.telemetry.usage import current_usage


async def slowest_models(
    context: FieldContext,
    projects: Sequence[Project],
    first: int,
    last_runs: int,
    criteria: ModelFilter | None,
    *,
    scope: HistoryScope | None = None,
) -> Ranking[Model]:
    """The slowest models: by the runtime of the last successful run, or by the mean over the last `last_runs` runs
    that count in `scope` (see HistoryScope; by default ordinary successful ones).

    The filter chooses among models by their latest state; it does not look at the mean.
    """
    ranking = (
        await _by_last_success(context, projects, first, criteria)
        if last_runs == 1 and scope is None
        else await _by_history(context, projects, first, criteria, (last_runs, scope or HistoryScope()))
    )
    _note(context, "slowestModels", ranking)
    return ranking


async def _by_last_success(
    context: FieldContext, projects: Sequence[Project], first: int, criteria: ModelFilter | None
) -> Ranking[Model]:
    environments = await narrowed_environments(context, projects, criteria)
    for one in environments:
        # Each keeps its order: whoever ranks the same models after that costs next to nothing.
        await checkpoint(one.steps_to_rank(first))
        one.slowest(first)
    return slowest_of_projects(environments, first)


async def _by_history(
    context: FieldContext,
    projects: Sequence[Project],
    first: int,
    criteria: ModelFilter | None,
    window: tuple[int, HistoryScope],
) -> Ranking[Model]:
    models = await select_models(context, projects, criteria)
    measured, left_out = await _measure_history(context, projects, models, *window)
    return replace(rank(measured, first), left_out=left_out)


async def _measure_history(
    context: FieldContext, projects: Sequence[Project], models: Sequence[Model], last_runs: int, scope: HistoryScope
) -> tuple[list[Measured[Model]], Mapping[LeftOutReason, int]]:
    histories = await counted_runs(context, models, last_runs, scope)
    measured: list[Measured[Model]] = []
    failed: dict[int, GatewayError] = {}
    left_out: Counter[LeftOutReason] = Counter()
    async for piece in pieces(models, steps=15 + last_runs):
        for model in piece:
            history = histories[HistoryKey(model.environment_id, model.unique_id)]
            if isinstance(history, Counted):
                left_out.update(history.left_out)
                runtimes = [run.runtime for run in history.runs if run.runtime is not None]
                measured.append(Measured(model, model.id, summarise(runtimes)))
            else:
                failed[model.environment_id] = history
    if failed and not measured:
        raise next(iter(failed.values()))
    for project in projects:
        if project.environment_id in failed:
            context.report(failed[project.environment_id], project)
    return measured, left_out


async def longest_running_jobs(
    context: FieldContext,
    projects: Sequence[Project],
    first: int,
    last_runs: int,
    *,
    criteria: SearchFilter | None = None,
    models: ModelFilter | None = None,
    where: JobFilter | None = None,
    leave_out: frozenset[Variant] = ALL_VARIANTS,
) -> Ranking[Job]:
    """The longest jobs by their mean wall clock over the last `last_runs` runs that ended by themselves."""
    jobs = await select_jobs(context, projects, criteria, models, where)

    async def measure(project: Project) -> list[Measured[Job]]:
        here = [job for job in jobs if job.environment_id == project.environment_id]
        ended = await gather(ended_runs(context, job, last_runs, leave_out) for job in here)
        return [Measured(job, job.id, _wall_clocks(runs)) for job, runs in zip(here, ended, strict=True)]

    measured = await context.of_each(projects, measure)
    ranking = rank((one for of_project in measured for one in of_project), first)
    _note(context, "longestRunningJobs", ranking)
    return ranking


def _wall_clocks(runs: Sequence[Run]) -> Summary:
    return summarise(run.runtime for run in runs if run.runtime is not None)


def _note(context: FieldContext, what: str, ranking: Ranking[Model] | Ranking[Job]) -> None:
    if not ranking.without_runtime and not ranking.left_out:
        return
    note = {
        "path": list(context.path),
        "ranking": what,
        "considered": ranking.considered,
        "withoutRuntime": ranking.without_runtime,
        "runsLeftOut": {reason.value: count for reason, count in sorted(ranking.left_out.items())},
    }
    current_usage().notes.append(note)
