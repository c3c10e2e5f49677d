"""Questions about the newest runs over several projects."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.concurrency.gathering import gather
from gateway.errors import BadUserInput
from gateway.hierarchy.filters.list_filters import RunFilter
from gateway.hierarchy.filters.model_filters import ModelFilter
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.project import Project
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.job_names import unknown_job
from gateway.queries.jobs.jobs import MOST_RUNS, executed_models, meeting, named_in_projects
from gateway.services.admin.admin_facts import RunListing
from gateway.services.runs.run_query import RunQuery, run_queries
from gateway.telemetry.usage import current_usage


async def newest_runs(
    context: FieldContext,
    projects: Sequence[Project],
    limit: int,
    where: RunFilter | None = None,
) -> list[Run]:
    """The newest `limit` runs of these projects, newest first (see newest_first), whatever their status.

    With `where`: those that match it, and in which a model met its `models`, as it was in that run. Looks back over the
    newest 500 runs of the account, or of those that dbt picks by what it can of `where` (see run_queries); where that
    is not enough, the answer is shorter and a note in its usage says so. Raises BadUserInput for an unknown
    job, and for triggers where dbt reports none.
    """
    places = {project.environment_id for project in projects}
    await _ensure_sensible(context, projects, where)
    count = min(MOST_RUNS, limit + max(20, limit))
    while True:
        listing = await _listing(context, projects, where, count)
        kept = [run for run in listing.runs if run.environment_id in places and (where is None or where.admits(run))]
        if where is not None and where.models is not None:
            kept = await _with_model(context, projects, kept, where.models)
        if len(kept) >= limit or listing.complete:
            return kept[:limit]
        if count >= MOST_RUNS:
            current_usage().notes.append({"path": list(context.path), "lookedAtRuns": count, "wantedRuns": limit})
            return kept
        count = min(MOST_RUNS, count * 4)


async def are_all_looked_at(context: FieldContext, projects: Sequence[Project], where: RunFilter | None) -> bool:
    """Whether no run lies behind the newest 500 among which `newest_runs` looks."""
    return (await _listing(context, projects, where, MOST_RUNS)).complete


async def _listing(
    context: FieldContext, projects: Sequence[Project], where: RunFilter | None, count: int
) -> RunListing:
    queries = run_queries(where, projects)
    if queries is not None:
        return await context.loaders.matching_runs(queries, count)
    runs = await context.loaders.newest_runs(count)
    return RunListing(runs, complete=len(runs) < count)


async def _ensure_sensible(context: FieldContext, projects: Sequence[Project], where: RunFilter | None) -> None:
    if where is None:
        return
    if where.triggers is not None and context.loaders.infers_jobs:
        raise BadUserInput(
            "Without the Admin API it is not known why runs were started. Leave triggers out.", argument="triggers"
        )
    known = await context.loaders.jobs() if where.job_ids else {}
    for job_id in where.job_ids or ():
        # A job that was deleted has left runs.
        if job_id not in known and not (await context.loaders.matching_runs([RunQuery(job_id=job_id)], 1)).runs:
            missing = await unknown_job(context, job_id)
            raise BadUserInput(f"jobIds: {missing.message}", argument="jobIds")


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
