"""Questions about the newest runs over several projects."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.concurrency.gathering import gather
from gateway.hierarchy.filters import ModelFilter, SearchFilter, contains_match
from gateway.hierarchy.job import Run
from gateway.hierarchy.list_filters import RunFilter
from gateway.hierarchy.project import Project
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs import MOST_RUNS, executed_models, meeting, named_in_projects
from gateway.telemetry.usage import current_usage


async def newest_runs(
    context: FieldContext,
    projects: Sequence[Project],
    limit: int,
    criteria: SearchFilter | None = None,
    where: RunFilter | None = None,
) -> list[Run]:
    """The newest `limit` runs of these projects, newest first (see newest_first), whatever their status.

    With criteria: those in which a model met them all, as it was in that run. With `where`: those that match it, and in
    which a model met its `models`. Looks back over the account's newest 500
    runs; where that is not enough, the answer is shorter and a note in its usage says so.
    """
    places = {project.environment_id for project in projects}
    count = min(MOST_RUNS, limit + max(20, limit))
    while True:
        read = await context.loaders.newest_runs(count)
        here = [run for run in read if run.environment_id in places and (where is None or where.admits(run))]
        found = await _containing(context, here, criteria)
        if where is not None and where.models is not None:
            found = await _with_model(context, projects, found, where.models)
        if len(found) >= limit or len(read) < count:
            return found[:limit]
        if count >= MOST_RUNS:
            current_usage().notes.append({"path": list(context.path), "lookedAtRuns": count, "wantedRuns": limit})
            return found
        count = min(MOST_RUNS, count * 4)


async def _containing(context: FieldContext, runs: Sequence[Run], criteria: SearchFilter | None) -> list[Run]:
    if criteria is None or criteria.is_empty:
        return list(runs)
    touched = await gather(executed_models(context, run, None) for run in runs)
    return [run for run, models in zip(runs, touched, strict=True) if contains_match(criteria, models)]


async def _with_model(
    context: FieldContext, projects: Sequence[Project], runs: Sequence[Run], models: ModelFilter
) -> list[Run]:
    if models.is_empty:
        return list(runs)
    named = await named_in_projects(context, projects, models)
    touched = await gather(executed_models(context, run, None) for run in runs)
    return [
        run for run, of_run in zip(runs, touched, strict=True) if meeting(of_run, run.environment_id, models, named)
    ]
