"""What got slower or faster for good in an account, what it costs a day, and how much of it chance would show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from gateway.analysis import change_points
from gateway.analysis.known_changes import CONFIRMED_A_RUN, SUSPECTED_A_RUN
from gateway.analysis.series import TimedRuntime, runs_per_day
from gateway.concurrency.checkpoints import checkpoint
from gateway.concurrency.gathering import gather
from gateway.errors import BadUserInput
from gateway.hierarchy.filters.model_filters import ModelFilter
from gateway.hierarchy.history.runtime_series import Certainty, ChangePoint, RuntimeChanges, RuntimeSeries
from gateway.hierarchy.lists.ordering import Direction, Order
from gateway.hierarchy.measures.basis import Basis, FactSource, only_source
from gateway.hierarchy.objects.model import Model
from gateway.hierarchy.objects.project import Project
from gateway.loading.field_context import FieldContext
from gateway.queries.changes.runtime_series import series_in_every_job, series_of_job
from gateway.queries.jobs.jobs import select_jobs
from gateway.queries.models.models import applied_model_alone, narrowed_environments

USUAL_WINDOW = timedelta(days=30)

_MOST_MODELS = 100
_MOST_JOBS = 25
"""Whose histories are read of each project where no archive has seen them."""


@dataclass(frozen=True, slots=True)
class ChangesAsked:
    """Which changes: slower or faster, since when (UTC), at least how certain, and of which models; with a filter jobs
    as a whole are left out."""

    slower: bool
    since: datetime
    certainty: Certainty = Certainty.CONFIRMED
    filter: ModelFilter | None = None


@dataclass(frozen=True, slots=True)
class FoundChanges:
    """The changes, in no order, and how many there are; `expected_false_alarms`: how many of these series without a
    change would show."""

    changes: tuple[ChangePoint, ...]
    total: int
    expected_false_alarms: float
    basis: Basis


def place_of(change: ChangePoint) -> str:
    """Names a change wherever it is, without the id of its model, which has to be looked for."""
    owner = change.owner
    return f"{owner.environment_id}/{owner.unique_id or ''}/{owner.job_id}/{change.found_run_id}"


COSTLY_FIRST: Order[ChangePoint] = Order(
    lambda change: abs(change.seconds_per_day), place_of, Direction.DESC, volatile=True
)


def window_since(moment: datetime | None) -> datetime:
    """When a window begins: at the given time (UTC where it has no offset), or 30 days ago. Raises BadUserInput for one
    that begins in the future."""
    now = datetime.now(UTC)
    if moment is None:
        return now - USUAL_WINDOW
    since = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if since > now:
        raise BadUserInput("since is in the future: there is nothing to list yet.", argument="since")
    return since


async def costliest(
    context: FieldContext, projects: Sequence[Project], asked: ChangesAsked, first: int
) -> FoundChanges:
    """The same, only the `first` changes that cost, or save, most seconds a day, those first."""
    changes = await changes_of_account(context, projects, asked)
    chosen = COSTLY_FIRST.sort(changes.changes)[:first]
    return replace(changes, changes=tuple(await shown_changes(context, projects, chosen)))


async def changes_of_account(context: FieldContext, projects: Sequence[Project], asked: ChangesAsked) -> FoundChanges:
    """The changes of models and jobs in these projects. Projects that cannot be read are reported.

    expected_false_alarms = alarms a run (measured, see known_changes) * runs a day of the series with a median of 5
    seconds or more * days of the window / 2, for half of them would be the other way.
    """
    read = await changes_of_projects(context, projects, asked.filter)
    chosen = await _chosen_models(context, projects, asked.filter)
    changes: list[ChangePoint] = []
    for project_changes in read:
        await checkpoint(len(project_changes.changes))
        changes += (change for change in project_changes.changes if _is_asked(change, asked, chosen))
    # Whole hours, so that one question has the same answer twice.
    days = max(0, round((datetime.now(UTC) - asked.since).total_seconds() / 3_600)) / 24
    share = CONFIRMED_A_RUN if asked.certainty is Certainty.CONFIRMED else SUSPECTED_A_RUN
    expected = share * days * sum(project_changes.alarming_runs_per_day for project_changes in read) / 2
    return FoundChanges(tuple(changes), len(changes), expected, _basis(context, read))


async def changes_of_projects(
    context: FieldContext, projects: Sequence[Project], filter: ModelFilter | None = None
) -> list[RuntimeChanges]:
    """What is known of each project that could be read: withdrawn changes too where an archive keeps them. Changes of
    jobs that the caller does not see are left out."""
    read = await context.of_each(projects, lambda project: _changes_of_project(context, project, filter))
    jobs = await context.loaders.jobs()
    return [
        replace(
            project_changes, changes=tuple(change for change in project_changes.changes if change.owner.job_id in jobs)
        )
        for project_changes in read
    ]


async def shown_changes(
    context: FieldContext, projects: Sequence[Project], changes: Sequence[ChangePoint]
) -> list[ChangePoint]:
    """The same changes with the ids of their models, which name them wherever they are shown. Where a project's models
    cannot be read, that is reported and its changes are left out."""
    here = [project for project in projects if any(_is_of(change, project) for change in changes)]

    async def models_of(project: Project) -> dict[tuple[int, str | None], Model]:
        names = {change.owner.unique_id for change in changes if _is_of(change, project)} - {None}
        models = await gather(applied_model_alone(context, project, name) for name in sorted(filter(None, names)))
        return {(project.environment_id, model.unique_id): model for model in models if model is not None}

    read = await context.of_each(here, models_of)
    models = {place: model for of_project in read for place, model in of_project.items()}
    return [
        _named(change, models.get((change.owner.environment_id, change.owner.unique_id)))
        for change in changes
        if change.owner.unique_id is None or (change.owner.environment_id, change.owner.unique_id) in models
    ]


def _is_of(change: ChangePoint, project: Project) -> bool:
    return change.owner.unique_id is not None and change.owner.environment_id == project.environment_id


def _named(change: ChangePoint, model: Model | None) -> ChangePoint:
    if model is None:
        return change
    return replace(change, owner=replace(change.owner, key=f"{model.id}/{change.owner.job_id}"))


def _is_asked(change: ChangePoint, asked: ChangesAsked, chosen: Collection[tuple[int, str | None]] | None) -> bool:
    if change.withdrawn_at is not None or change.since < asked.since:
        return False
    if (change.seconds_per_day > 0) is not asked.slower or not change.certainty.holds(asked.certainty):
        return False
    return chosen is None or (change.owner.environment_id, change.owner.unique_id) in chosen


async def _chosen_models(
    context: FieldContext, projects: Sequence[Project], filter: ModelFilter | None
) -> set[tuple[int, str | None]] | None:
    """The models that a filter keeps, by environment and unique id; None without one."""
    if filter is None or filter.is_empty:
        return None
    environments = await narrowed_environments(context, projects, filter)
    return {
        (environment.environment_id, model.unique_id) for environment in environments for model in environment.models
    }


async def _changes_of_project(context: FieldContext, project: Project, filter: ModelFilter | None) -> RuntimeChanges:
    known = await context.loaders.results.runtime_changes(project.environment_id)
    return known if known is not None else await _changes_in_histories(context, project, filter)


async def _changes_in_histories(context: FieldContext, project: Project, filter: ModelFilter | None) -> RuntimeChanges:
    """What the histories of a project's slowest models and of its first jobs show now."""
    environments = await narrowed_environments(context, [project], filter)
    slow = [model for environment in environments for model in environment.models if model.runtime is not None]
    slow.sort(key=lambda model: (-(model.runtime or 0.0), model.id))
    jobs = [] if filter is not None and not filter.is_empty else await select_jobs(context, [project], None)
    ordinary = [job for job in jobs if not job.is_ci]
    of_models = await gather(series_in_every_job(context, model) for model in slow[:_MOST_MODELS])
    of_jobs = await gather(series_of_job(context, job, change_points.MOST_RUNS) for job in ordinary[:_MOST_JOBS])
    series = [*(of_model for several in of_models for of_model in several), *of_jobs]
    missing = ["changes that newer runs no longer show: only an archive keeps them"]
    if len(slow) > _MOST_MODELS:
        missing.append(f"{len(slow) - _MOST_MODELS} models of {project.id}: the slowest {_MOST_MODELS} are looked at")
    if len(ordinary) > _MOST_JOBS:
        missing.append(f"{len(ordinary) - _MOST_JOBS} jobs of {project.id}: the first {_MOST_JOBS} are looked at")
    return _summed_up(project.environment_id, series, missing)


def _summed_up(environment_id: int, series: Sequence[RuntimeSeries], missing: Sequence[str]) -> RuntimeChanges:
    """What an archive would keep of these series: those with 10 runs or more that count."""
    looked_at = [samples for samples in map(_samples, series) if len(samples) >= 2 * change_points.LEAST_RUNS]
    slow = [samples for samples in looked_at if _level(samples) >= change_points.DEFAULT_THRESHOLD.seconds]
    return RuntimeChanges(
        environment_id,
        tuple(change for changes_of_series in series for change in changes_of_series.change_points),
        runs=sum(map(len, looked_at)),
        since=min((samples[0].ended_at for samples in looked_at), default=None),
        alarming_runs_per_day=sum(runs_per_day([sample.ended_at for sample in samples]) for samples in slow),
        missing=tuple(missing),
        source=FactSource.DISCOVERY,
    )


def _samples(series: RuntimeSeries) -> list[TimedRuntime]:
    return [
        TimedRuntime(point.ended_at, point.runtime)
        for point in series.points
        if point.left_out is None and point.ended_at is not None and point.runtime is not None
    ]


def _level(samples: Sequence[TimedRuntime]) -> float:
    return change_points.median([sample.seconds for sample in samples])


def _basis(context: FieldContext, read: Sequence[RuntimeChanges]) -> Basis:
    began = [changes.since for changes in read if changes.since is not None]
    missing = dict.fromkeys(text for changes in read for text in changes.missing)
    source = only_source(changes.source for changes in read) if read else context.loaders.history_source
    return Basis(source, sum(changes.runs for changes in read), min(began, default=None), tuple(missing))
