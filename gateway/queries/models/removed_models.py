"""Questions about models that their environment no longer holds: renamed or removed ones, by what their runs left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from gateway.errors import GatewayError, NotFound
from gateway.hierarchy.history.removed_model import removed_model
from gateway.hierarchy.ids.model_ids import model_ids, unique_ids_meant
from gateway.hierarchy.lists.model_index import EnvironmentModels, find_named
from gateway.hierarchy.lists.ordering import Direction, ModelOrderField, model_order
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import Model, ModelRun
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.vocabulary.unique_ids import package_of, qualified_name
from gateway.loading.field_context import FieldContext
from gateway.loading.histories import HistoryRequest
from gateway.services.runs.model_histories import HistoryKey

_RUNS_LOOKED_AT = 10
"""Of each model, for the newest that was no CI and the last success."""


LAST_SEEN = model_order(ModelOrderField.LAST_RUN_TIME, Direction.DESC)


async def find_removed(context: FieldContext, model_id: str, projects: Sequence[Project]) -> Model | None:
    """The removed model that an id names, in any of its forms; None when no history of these projects has it.

    The history of every unique id that may be meant is read: one document, or two SQL statements for each project; for
    the first hundred ids of a request. Raises AmbiguousId, or the error of a history that cannot be read.
    """

    if not context.loaders.results.may_look_back():
        return None

    async def of_project(project: Project) -> EnvironmentModels:
        applied = (await context.loaders.models_named(project, model_id)).by_unique_id
        packages = (await context.loaders.projects()).packages_of(project)
        return await _removed(context, project, unique_ids_meant(model_id, project.id, packages), applied)

    model = find_named(model_id, await context.of_each(projects, of_project))
    if model is None and context.own_failure:
        raise context.own_failure
    return model


async def removed_models(context: FieldContext, project: Project) -> list[Model]:
    """The models that a project once had, last seen first, then by id. An archive has all that ever ran in the
    environment, Discovery those of its newest 20 runs (see RunResultLoaders.models_seen)."""
    applied = (await context.loaders.models(project)).by_unique_id
    seen = await context.loaders.results.models_seen(project.environment_id)
    return LAST_SEEN.sort((await _removed(context, project, sorted(seen), applied)).models)


async def last_seen_run(context: FieldContext, model: Model) -> Run | None:
    """The run of a model's last attempt; None when it never ran, or the run is no longer listed."""
    if model.last_run is None or model.last_run.run_id is None:
        return None
    try:
        return await context.loaders.run(model.last_run.run_id)
    except NotFound:
        return None


async def _removed(
    context: FieldContext, project: Project, unique_ids: Iterable[str], applied: Collection[str]
) -> EnvironmentModels:
    """Those of the unique ids that the environment does not hold, and that a run other than one of CI had."""
    histories = await _histories(
        context, project.environment_id, [unique_id for unique_id in unique_ids if unique_id not in applied]
    )
    jobs = await context.loaders.jobs() if any(histories.values()) else {}
    seen = {unique_id: _outside_ci(runs, jobs) for unique_id, runs in histories.items()}
    gone = {unique_id: runs for unique_id, runs in seen.items() if runs}
    packages = (await context.loaders.projects()).packages_of(project)
    ids = model_ids(project.id, {*gone, *applied})
    models = [
        # A short id would not lead back to a package that the environment no longer has.
        removed_model(
            ids[unique_id] if package_of(unique_id) in packages else f"{project.id}.{qualified_name(unique_id)}",
            project.id,
            runs,
        )
        for unique_id, runs in gone.items()
    ]
    return EnvironmentModels(project.id, project.environment_id, models)


async def _histories(
    context: FieldContext, environment_id: int, unique_ids: Sequence[str]
) -> Mapping[str, tuple[ModelRun, ...]]:
    if not unique_ids:
        return {}
    keys = tuple(HistoryKey(environment_id, unique_id) for unique_id in unique_ids)
    read_histories = await context.loaders.histories(HistoryRequest(keys, _RUNS_LOOKED_AT))
    histories: dict[str, tuple[ModelRun, ...]] = {}
    for key, runs in read_histories.items():
        if isinstance(runs, GatewayError):
            raise runs
        histories[key.unique_id] = runs
    return histories


def _outside_ci(runs: Sequence[ModelRun], jobs: Mapping[int, Job]) -> list[ModelRun]:
    """What a proposed change builds was never part of the project."""
    return [run for run in runs if not (run.job_id in jobs and jobs[run.job_id].is_ci)]
