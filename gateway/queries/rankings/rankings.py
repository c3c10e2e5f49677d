"""Top-N questions: the slowest models, the longest jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from gateway.concurrency.checkpoints import checkpoint, pieces, sorted_in_pieces
from gateway.concurrency.gathering import gather
from gateway.errors import BadUserInput, GatewayError
from gateway.hierarchy.filters.list_filters import JobFilter
from gateway.hierarchy.filters.model_filters import ModelFilter, SearchFilter
from gateway.hierarchy.history.counted_runs import Counted, HistoryScope, LeftOutReason
from gateway.hierarchy.history.mean_runtimes import MeanRuntimes, added_up, candidates
from gateway.hierarchy.lists.model_orders import ModelOrders, RankableModel
from gateway.hierarchy.lists.ordering import ModelOrderField
from gateway.hierarchy.lists.timed_models import TimedModel
from gateway.hierarchy.measures.basis import FactSource
from gateway.hierarchy.measures.statistics import Summary, summarise
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.rankings.ranking import Measured, Ranking, merged, rank
from gateway.hierarchy.rankings.slowest import slowest_of_projects
from gateway.hierarchy.vocabulary.variants import ALL_VARIANTS, Variant
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import ended_runs, select_jobs
from gateway.queries.models.model_pages import SPARED, listed_models, models_behind
from gateway.queries.models.models import counted_runs, in_order, narrowed_environments, runtimes_of
from gateway.services.runs.model_histories import HistoryKey
from gateway.telemetry.usage import current_usage

# Microseconds to merge the orders of projects by one model more, and to make its rank.
_STEPS_OF_A_RANK = 5

M = TypeVar("M", bound=RankableModel)
T = TypeVar("T")

ShownModel = Model | TimedModel
"""What a ranking shows: whole models, or ids and runtimes where an operation selects no more of them."""


@dataclass(frozen=True, slots=True)
class RankingArguments:
    """How many of the slowest are asked for, and over how many of the last runs that count in `scope` their means are
    taken; without a scope over ordinary successful ones."""

    first: int
    last_runs: int = 1
    scope: HistoryScope | None = None

    @property
    def is_of_last_success(self) -> bool:
        """Whether the runtime of the last success is the figure, which is read with the model."""
        return self.last_runs == 1 and self.scope is None


async def slowest_models(
    context: FieldContext, projects: Sequence[Project], asked: RankingArguments, model_filter: ModelFilter | None
) -> Ranking[Model]:
    """The slowest models: by the runtime of the last successful run, or by the mean over the last runs that count (see
    RankingArguments).

    The filter chooses among models by their latest state; it does not look at the mean.
    """
    ranking = await _of_few(context, projects, asked, model_filter)
    if ranking is not None:
        _note(context, "slowestModels", ranking)
        return ranking
    return await _slowest(context, projects, await narrowed_environments(context, projects, model_filter), asked)


async def slowest_models_shown(
    context: FieldContext, projects: Sequence[Project], asked: RankingArguments, model_filter: ModelFilter | None
) -> Ranking[ShownModel]:
    """The same for an operation that may show of models their ids and runtimes only: then no more is read of them."""
    if model_filter is not None or not context.loaders.runtimes_only:
        return await slowest_models(context, projects, asked, model_filter)
    ranking = None if asked.is_of_last_success else await _by_means(context, projects, asked, None)
    if ranking is None:
        return await _slowest(context, projects, await runtimes_of(context, projects), asked)
    _note(context, "slowestModels", ranking)
    return ranking


async def _of_few(
    context: FieldContext, projects: Sequence[Project], asked: RankingArguments, model_filter: ModelFilter | None
) -> Ranking[Model] | None:
    """The ranking for which an archive spares reading whole models but those in it; None where it cannot."""
    if asked.is_of_last_success:
        return await _by_known_runtimes(context, projects, asked.first, model_filter)
    return await _by_means(context, projects, asked, model_filter)


async def _by_known_runtimes(
    context: FieldContext, projects: Sequence[Project], first: int, model_filter: ModelFilter | None
) -> Ranking[Model] | None:
    """The ranking by the last success from the runtimes of all models that an archive knows.

    None where it does not, where a project cannot be read, where most of the models are shown, and when a model among
    the first is not in its project any more.
    """
    environments = await _known_runtimes(context, projects, model_filter)
    if environments is None:
        return None
    ranking = await _by_last_success(environments, first)
    places = [entry.item for entry in ranking.entries]
    if len(places) * SPARED > sum(len(environment.models) for environment in environments):
        return None
    models = await models_behind(context, projects, places)
    if len(models) < len(places):
        return None
    timed = [Measured(model, model.id, summarise(_known(model.runtime))) for model in models]
    return replace(rank(timed, first), considered=ranking.considered, without_runtime=ranking.without_runtime)


async def _known_runtimes(
    context: FieldContext, projects: Sequence[Project], model_filter: ModelFilter | None
) -> Sequence[ModelOrders[RankableModel]] | None:
    if context.loaders.history_source is FactSource.DISCOVERY:
        return None
    if model_filter is None or model_filter.is_empty:
        return await runtimes_of(context, projects)
    listed = await listed_models(context, projects, model_filter, ModelOrderField.RUNTIME)
    return None if listed is None else listed.environments


def _known(runtime: float | None) -> tuple[float, ...]:
    return () if runtime is None else (runtime,)


async def _slowest(
    context: FieldContext, projects: Sequence[Project], environments: Sequence[ModelOrders[M]], asked: RankingArguments
) -> Ranking[M]:
    if asked.is_of_last_success:
        ranking = await _by_last_success(environments, asked.first)
    else:
        ranking = await _by_history(context, projects, environments, asked)
    _note(context, "slowestModels", ranking)
    return ranking


async def _by_last_success(environments: Sequence[ModelOrders[M]], first: int) -> Ranking[M]:
    for environment in environments:
        # Each keeps its order: whoever ranks the same models after that costs next to nothing.
        await checkpoint(environment.steps_to_rank(first))
        environment.slowest(first)
    await checkpoint(min(first, sum(environment.timed for environment in environments)) * _STEPS_OF_A_RANK)
    return slowest_of_projects(environments, first)


async def _by_history(
    context: FieldContext, projects: Sequence[Project], environments: Sequence[ModelOrders[M]], asked: RankingArguments
) -> Ranking[M]:
    models = await in_order(environments)
    measured, left_out = await _measure_history(context, projects, models, asked)
    return replace(await _rank(measured, asked.first), left_out=left_out)


async def _rank(measured: Sequence[Measured[M]], first: int) -> Ranking[M]:
    """What `rank` makes of many, in pieces."""
    rankable = [model for model in measured if model.runtimes.mean is not None]
    best = await sorted_in_pieces(rankable, lambda model: (-(model.runtimes.mean or 0.0), model.id))
    ranking = rank(best[:first], first)
    return replace(ranking, considered=len(measured), without_runtime=len(measured) - len(rankable))


async def _by_means(
    context: FieldContext, projects: Sequence[Project], asked: RankingArguments, model_filter: ModelFilter | None
) -> Ranking[Model] | None:
    """The ranking from means that are known of all models without their runs (see RunHistory); of projects without such
    means from the histories of all models.

    None where no project has such means, and when a model among the first is not in its project any more.
    """
    if asked.is_of_last_success:
        return None
    known = await context.loaders.mean_runtimes(projects, asked.last_runs, asked.scope or HistoryScope())
    means_of = {project: means for project, means in zip(projects, known, strict=True) if means is not None}
    rest = [project for project in projects if project not in means_of]
    # Ids may name models of either part; of the few that they name the histories are read.
    if not means_of or (rest and model_filter is not None and model_filter.model_ids is not None):
        return None
    if not rest:
        return await _of_means(context, means_of, asked, model_filter)
    by_means = await _or_failure(context, list(means_of), _of_means(context, means_of, asked, model_filter))
    if by_means is None:
        return None
    by_history = await _or_failure(context, rest, _of_histories(context, rest, asked, model_filter))
    read = [part for part in (by_means, by_history) if not isinstance(part, GatewayError)]
    if not read and isinstance(by_means, GatewayError):
        raise by_means
    return merged(read, asked.first)


async def _or_failure(context: FieldContext, projects: Sequence[Project], work: Awaitable[T]) -> T | GatewayError:
    """What comes of it; where all of these projects fail, each is reported, and the first error given."""
    try:
        return await work
    except BadUserInput:
        raise
    except GatewayError as failure:
        for project in projects:
            context.report(failure, project)
        return failure


async def _of_histories(
    context: FieldContext, projects: Sequence[Project], asked: RankingArguments, model_filter: ModelFilter | None
) -> Ranking[Model]:
    return await _by_history(context, projects, await narrowed_environments(context, projects, model_filter), asked)


async def _of_means(
    context: FieldContext,
    means_of: Mapping[Project, MeanRuntimes | GatewayError],
    asked: RankingArguments,
    model_filter: ModelFilter | None,
) -> Ranking[Model] | None:
    """The runs are read of the first models alone; they give the exact figures."""
    projects = list(means_of)
    means = context.sort_out(projects, list(means_of.values()))
    if model_filter is not None and not model_filter.is_empty:
        means = await _only(means, await _meeting(context, projects, model_filter))
    await checkpoint(2 * asked.first)
    first = candidates(means, asked.first)
    models = await models_behind(context, projects, first)
    if len(models) < len(first):
        return None
    exact, _ = await _measure_history(context, projects, models, asked)
    considered, timed = sum(map(len, means)), sum(len(mean.timed) for mean in means)
    return replace(
        await _rank(exact, asked.first),
        considered=considered,
        without_runtime=considered - timed,
        left_out=added_up(mean.left_out_in_all for mean in means),
    )


async def _meeting(
    context: FieldContext, projects: Sequence[Project], model_filter: ModelFilter
) -> Sequence[ModelOrders[RankableModel]]:
    """The models that meet a filter, as an archive lists them, or read whole."""
    listed = await listed_models(context, projects, model_filter, ModelOrderField.RUNTIME)
    return await narrowed_environments(context, projects, model_filter) if listed is None else listed.environments


async def _only(
    means: Sequence[MeanRuntimes], environments: Sequence[ModelOrders[RankableModel]]
) -> list[MeanRuntimes]:
    """The means of some of the models."""
    chosen: dict[int, frozenset[str]] = {}
    for environment in environments:
        await checkpoint(len(environment.models) // 4)
        chosen[environment.environment_id] = frozenset(model.unique_id for model in environment.models)
    kept_means = []
    for some in means:
        await checkpoint(len(some) // 4)
        kept_means.append(some.only(chosen.get(some.environment_id, frozenset())))
    return kept_means


async def _measure_history(
    context: FieldContext, projects: Sequence[Project], models: Sequence[M], asked: RankingArguments
) -> tuple[list[Measured[M]], Mapping[LeftOutReason, int]]:
    last_runs = asked.last_runs
    histories = await counted_runs(context, models, last_runs, asked.scope or HistoryScope())
    measured: list[Measured[M]] = []
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
    search_filter: SearchFilter | None = None,
    models: ModelFilter | None = None,
    where: JobFilter | None = None,
    leave_out: frozenset[Variant] = ALL_VARIANTS,
) -> Ranking[Job]:
    """The longest jobs by their mean wall clock over the last `last_runs` runs that completed."""
    jobs = await select_jobs(context, projects, search_filter, models, where)

    async def measure(project: Project) -> list[Measured[Job]]:
        here = [job for job in jobs if job.environment_id == project.environment_id]
        ended = await gather(ended_runs(context, job, last_runs, leave_out) for job in here)
        return [Measured(job, job.id, _wall_clocks(runs)) for job, runs in zip(here, ended, strict=True)]

    measured = await context.of_each(projects, measure)
    ranking = rank((average for of_project in measured for average in of_project), first)
    _note(context, "longestRunningJobs", ranking)
    return ranking


def _wall_clocks(runs: Sequence[Run]) -> Summary:
    return summarise(run.runtime for run in runs if run.runtime is not None)


def _note(context: FieldContext, what: str, ranking: Ranking[RankableModel] | Ranking[Job]) -> None:
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
