"""Questions about models and their histories."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from gateway.concurrency.checkpoints import checkpoint, pieces
from gateway.errors import BadUserInput, GatewayError, NotFound
from gateway.hierarchy.filters.model_filters import ModelFilter
from gateway.hierarchy.history.counted_runs import Commands, Counted, HistoryScope, count_runs
from gateway.hierarchy.history.runtimes import WITHIN_JOB
from gateway.hierarchy.ids.project_ids import project_part
from gateway.hierarchy.lists.model_index import EnvironmentModels, ModelIndex, find_named
from gateway.hierarchy.lists.model_orders import ModelOrders, RankableModel, models_in_order
from gateway.hierarchy.objects.model import Model, ModelRun, ModelTest, Owner, owner_of
from gateway.hierarchy.objects.project import DeploymentEnvironment, Project
from gateway.hierarchy.vocabulary.unique_ids import is_unique_id, package_of
from gateway.loading.field_context import FieldContext
from gateway.loading.histories import HistoryRequest
from gateway.loading.model_reading import RankedModels
from gateway.loading.suggestions import ids_of, named_models, unknown
from gateway.queries.models.removed_models import find_removed
from gateway.queries.projects import deployment_of, ensure_decided
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_rows import RunKey

M = TypeVar("M", bound=RankableModel)
E = TypeVar("E", bound=ModelIndex[Any])

MOST_HISTORY = 100
"""The longest history Discovery is asked for, in runs."""


async def environments_of(
    context: FieldContext, projects: Sequence[Project], model_filter: ModelFilter | None, *, whole: bool = False
) -> list[EnvironmentModels]:
    """At least the models that meet a filter, but for its ids, and all with `whole`, of each project that could be
    read; see of_each."""

    async def read() -> list[EnvironmentModels]:
        return context.sort_out(projects, await context.loaders.models_of_each(projects, model_filter, whole=whole))

    what = "whole environments" if whole else "environments"
    return await context.loaders.derived(_key(what, projects, model_filter), tuple(projects), read)


async def select_models(
    context: FieldContext, projects: Sequence[Project], model_filter: ModelFilter | None
) -> Sequence[Model]:
    """The models of these projects that meet a filter, ordered by id.

    Raises BadUserInput for a model id that names none, or a project's error while it may be of a project unread.
    """

    async def select() -> Sequence[Model]:
        return await _select_models(context, projects, model_filter)

    return await context.loaders.derived(_key("models", projects, model_filter), tuple(projects), select)


def _key(what: str, projects: Sequence[Project], model_filter: ModelFilter | None) -> Hashable:
    return what, tuple(map(id, projects)), model_filter


async def _select_models(
    context: FieldContext, projects: Sequence[Project], model_filter: ModelFilter | None
) -> Sequence[Model]:
    return await in_order(await narrowed_environments(context, projects, model_filter))


async def in_order(environments: Sequence[ModelOrders[M]]) -> Sequence[M]:
    """All their models, ordered by id."""
    for environment in environments:
        # Each keeps its order.
        await checkpoint(environment.steps_to_order())
        environment.in_order  # noqa: B018  # made here, between two checkpoints
    return models_in_order(environments)


async def runtimes_of(context: FieldContext, projects: Sequence[Project]) -> list[RankedModels]:
    """The ids and runtimes of all models of each project that could be read; see of_each."""

    async def read() -> list[RankedModels]:
        return context.sort_out(projects, await context.loaders.runtimes_of_each(projects))

    return await context.loaders.derived(_key("runtimes", projects, None), tuple(projects), read)


async def narrowed_environments(
    context: FieldContext, projects: Sequence[Project], model_filter: ModelFilter | None
) -> list[EnvironmentModels]:
    """The models of each project that could be read, and of them those that meet a filter. Raises as select_models."""
    environments = await environments_of(context, projects, model_filter)
    if model_filter is None or model_filter.is_empty:
        return environments
    try:
        return await matching(context, environments, model_filter)
    except BadUserInput:
        if context.own_failure:
            raise context.own_failure from None
        # What is asked for was read in part only, maybe; the error has to say what there is.
        return await matching(context, await environments_of(context, projects, model_filter, whole=True), model_filter)


async def matching(context: FieldContext, environments: Sequence[E], model_filter: ModelFilter | None) -> list[E]:
    """Of each environment the models that meet a filter. Each filter looks at an environment's models once, as long as
    that is kept. Raises BadUserInput for a model id that names none, or several, of them."""
    if model_filter is None:
        return list(environments)
    named = await named_models(context, environments, model_filter)
    met = [await _narrowed(context, environment, model_filter.without_ids) for environment in environments]
    if named is None:
        return met
    return [_only(environment, named) for environment in met]


def _only(environment: E, ids: frozenset[str]) -> E:
    by_id = environment.by_id
    chosen = sorted((by_id[model_id] for model_id in ids if model_id in by_id), key=lambda model: model.unique_id)
    return environment.only(chosen)


async def _narrowed(context: FieldContext, environment: E, model_filter: ModelFilter) -> E:
    if model_filter.is_empty:
        return environment
    known = environment.narrowed(model_filter) if model_filter.owners is None else None
    if known is not None:
        return known
    owners = {} if model_filter.owners is None else await context.loaders.owners(environment.environment_id)
    met: list[Any] = []
    async for piece in pieces(environment.models):
        met += (model for model in piece if model_filter.admits(model, owners))
    if model_filter.owners is not None:
        # Who owns a group is another fact, with an age of its own.
        return environment.only(met)
    return environment.keep_narrowed(model_filter, met)


async def find_model(context: FieldContext, model_id: str, deployment: DeploymentEnvironment | None) -> Model:
    """The model that an id names: `project.model`, `project.package.model` or a unique id.

    Without a deployment the id says where, else it is production. Raises NotFound, AmbiguousId or, for an id of another
    deployment than the one given, BadUserInput; while a project that may hold it cannot be read, that project's error.
    """
    known = await context.loaders.projects()
    projects = known.accounts[deployment_of(known, project_part(model_id), deployment)].projects
    spelled = [
        project for project in projects if any(model_id.startswith(f"{spelling}.") for spelling in project.spellings)
    ]
    package = package_of(model_id) if is_unique_id(model_id) else None
    searched = [
        project
        for project in projects
        if project in spelled or (package is not None and known.may_hold(project, package))
    ]
    model = find_named(
        model_id, await context.of_each(searched, lambda project: context.loaders.models_named(project, model_id))
    )
    if model is not None:
        return model
    if context.own_failure:
        raise context.own_failure
    ensure_decided(known, project_part(model_id))
    return await _find_among_all(context, model_id, spelled if spelled and package is None else projects)


async def _find_among_all(context: FieldContext, model_id: str, projects: Sequence[Project]) -> Model:
    """The model that an id names among all models of these projects, should dbt not have listed its package; else
    among those that were removed from them; else the error with the ids that are close is raised."""
    environments = await context.of_each(projects, context.loaders.models)
    model = find_named(model_id, environments)
    if model is not None:
        return model
    if context.own_failure:
        raise context.own_failure
    removed = await find_removed(context, model_id, projects)
    if removed is not None:
        return removed
    raise await unknown(context, "model", model_id, ids_of(environments))


async def model_with_id(context: FieldContext, model_id: str) -> Model:
    """The model whose id is exactly this, through any environment. Takes no other spelling and seeks no similar ids,
    which among thousands of models costs tenths of a second for each: hundreds of references are read together, each
    project's by their names, or whole where they are too many for one filter.

    Raises NotFound; while the name of a project that may hold it cannot be read, that project's error.
    """
    known = await context.loaders.projects()
    project_id = project_part(model_id)
    here = known.accounts[deployment_of(known, project_id, None)].projects
    named = next((project for project in here if project.id == project_id), None)
    if named is None:
        ensure_decided(known, project_id)
    model = (await context.loaders.models_named(named, model_id)).by_id.get(model_id) if named else None
    if model is None and named is not None:
        model = await find_removed(context, model_id, [named])
    if model is not None and model.id == model_id:
        return model
    unread = [known.unread[project.environment_id] for project in here if project.environment_id in known.unread]
    if unread and not named:
        raise unread[0]
    raise NotFound(f"No model has the id {model_id[:100]!r}. A reference takes the id as models {{ id }} gives it.")


async def model_history(context: FieldContext, model: Model, count: int) -> tuple[ModelRun, ...]:
    """The newest `count` runs of one model, newest first, by any job."""
    key = HistoryKey(model.environment_id, model.unique_id)
    runs = (await context.loaders.histories(HistoryRequest((key,), count)))[key]
    if isinstance(runs, GatewayError):
        raise runs
    return runs


async def histories_of_models(
    context: FieldContext, models: Sequence[Model], count: int
) -> list[tuple[Model, tuple[ModelRun, ...]]]:
    """Each model with its newest `count` runs, newest first, by any job; in the order of the models.

    All are read together. Raises the first error: a history that cannot be read is not an empty one.
    """
    keys = [HistoryKey(model.environment_id, model.unique_id) for model in models]
    histories = await context.loaders.histories(HistoryRequest(tuple(dict.fromkeys(keys)), count))
    runs_of_models = []
    for model, key in zip(models, keys, strict=True):
        runs = histories[key]
        if isinstance(runs, GatewayError):
            raise runs
        runs_of_models.append((model, runs))
    return runs_of_models


async def tests_of_model(context: FieldContext, model: Model) -> tuple[ModelTest, ...]:
    """A model's tests with their last status, ordered by unique id. Needs the detail `tests` (see projection)."""
    details = await context.loaders.details(model)
    return tuple(replace(test, project_id=model.project_id) for test in details.tests)


async def last_model_run(context: FieldContext, model: Model) -> ModelRun | None:
    """What the run did that the model's last attempt belongs to, whatever its outcome; None when it never ran.

    A history also holds runs that leave the environment's state alone, those of CI: the last attempt is none of them.
    """
    last = model.last_run
    if last is None:
        return None
    runs = await model_history(context, model, 1)
    if last.run_id is None:
        return runs[0] if runs else None
    attempt = next((run for run in runs if run.run_id == last.run_id), None)
    if attempt is not None or last.job_id is None:
        return attempt
    return await context.loaders.model_in_run(RunKey(last.job_id, last.run_id), model.unique_id)


async def last_successful_run(context: FieldContext, model: Model) -> ModelRun | None:
    """The run that `model.runtime` is of: the newest in which the model succeeded, as the environment's state has it,
    so none of CI, and no clone. None when it never did. Reads one run of the model where its last attempt succeeded,
    else as many as it takes to the newest success, and the run itself where that is another."""
    if model.last_success_run_id is None or model.last_success_job_id is None:
        return None
    if model.last_run is not None and model.last_run.run_id == model.last_success_run_id:
        newest = await last_model_run(context, model)
        if newest is not None and WITHIN_JOB.reason(newest, None) is None:
            return newest
    counted = await counted_runs(context, [model], 1, WITHIN_JOB)
    counted_history = counted[HistoryKey(model.environment_id, model.unique_id)]
    if isinstance(counted_history, GatewayError):
        raise counted_history
    if counted_history.runs and counted_history.runs[0].run_id == model.last_success_run_id:
        return counted_history.runs[0]
    return await context.loaders.model_in_run(
        RunKey(model.last_success_job_id, model.last_success_run_id), model.unique_id
    )


async def counted_runs(
    context: FieldContext, models: Iterable[RankableModel], run_count: int, scope: HistoryScope
) -> dict[HistoryKey, Counted | GatewayError]:
    """The newest `run_count` runs of each model that count in `scope`, fewer where the longest history has fewer.

    A history holds attempts of every kind, so a little more is asked for at first, and more again where many of them
    do not count.
    """
    # Of inferred jobs nothing is known by which their runs would not count.
    jobs = {} if context.loaders.infers_jobs or scope == WITHIN_JOB else await context.loaders.jobs()
    counted_histories: dict[HistoryKey, Counted | GatewayError] = {}
    pending = [HistoryKey(model.environment_id, model.unique_id) for model in models]
    count = min(MOST_HISTORY, run_count + max(2, run_count // 4))
    while pending:
        histories = await context.loaders.histories(HistoryRequest(tuple(pending), count))
        commands = await commands_of(context, list(histories.values()), count)
        short = []
        async for piece in pieces(list(histories), steps=5 + count):
            for key in piece:
                runs = histories[key]
                if isinstance(runs, GatewayError):
                    counted_histories[key] = runs
                    continue
                counted = counted_histories[key] = count_runs(runs, jobs, commands, scope, run_count)
                if len(counted.runs) < run_count and len(runs) >= count:
                    short.append(key)
        pending = short if count < MOST_HISTORY else []
        count = min(MOST_HISTORY, count * 4)
    return counted_histories


async def commands_of(
    context: FieldContext, histories: Sequence[tuple[ModelRun, ...] | GatewayError], count: int
) -> Commands:
    """What is known of the commands behind what was executed in these histories of at most `count` runs."""
    witnesses: dict[tuple[int, str | None], ModelRun] = {}
    async for piece in pieces(histories, steps=2 + count):
        executed = (run for runs in piece if isinstance(runs, tuple) for run in runs if run.status.executed)
        witnesses.update(((run.run_id, run.invocation_id), run) for run in executed)
    return await context.loaders.commands(list(witnesses.values()))


async def applied_model(context: FieldContext, project: Project | None, unique_id: str) -> Model | None:
    """A model by its unique id within one project; None when its environment does not hold it any more. Reads all
    models of the project: whoever asks for one mostly asks for others too."""
    if project is None:
        return None
    return (await context.loaders.models(project)).by_unique_id.get(unique_id)


async def applied_model_alone(context: FieldContext, project: Project | None, unique_id: str) -> Model | None:
    """The same, reading that model only."""
    if project is None:
        return None
    return (await context.loaders.models_named(project, unique_id)).by_unique_id.get(unique_id)


async def owner_of_model(context: FieldContext, model: Model) -> Owner | None:
    """The owner of the model's group; else the `owner` that its meta names; None when neither does.

    Needs the optional fields `group` and `meta` (see projection).
    """
    return owner_of(model, await context.loaders.owners(model.environment_id) if model.group is not None else {})
