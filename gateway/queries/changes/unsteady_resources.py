"""Resources that do not stay fine: flaky ones, and what is or was broken for a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.analysis.attempts import flips, outages
from gateway.analysis.change_points import median
from gateway.concurrency.checkpoints import checkpoint
from gateway.concurrency.gathering import gather
from gateway.errors import NotFound
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.node_result import NodeResult
from gateway.hierarchy.objects.project import Project
from gateway.hierarchy.runs.attempts import Flaky, Incident, NodeAttempt, NodeAttempts
from gateway.hierarchy.runs.run_failure import FAILING_TYPES
from gateway.hierarchy.vocabulary.resource_type import resource_type_of
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.loading.field_context import FieldContext
from gateway.queries.jobs.jobs import select_jobs
from gateway.queries.projects import project_of_environment
from gateway.queries.resources.resources import Resource, shown
from gateway.queries.runs.run_results import read_results
from gateway.telemetry.usage import current_usage

LEAST_FLIPS = 2
"""There and back: what breaks once and stays broken is not flaky."""

_MOST_JOBS = 25
_LAST_RUNS = 20
_BY_RUNS = (
    f"Without an archive the newest {_LAST_RUNS} completed runs of each project's first {_MOST_JOBS} jobs are looked "
    "at. Code is taken to be the same where the commit is."
)


@dataclass(frozen=True, slots=True)
class FoundIncidents:
    """Incidents, open ones first, then the newest first. `median_repair_seconds`: of those that are over; None without
    any."""

    incidents: tuple[Incident, ...]
    median_repair_seconds: float | None


async def flaky_of_account(
    context: FieldContext, projects: Sequence[Project], since: datetime, first: int
) -> list[Flaky]:
    """The resources with two flips or more since then, the highest rate first, then by unique id.

    A flip is an attempt that ends otherwise than the one before, although its own code and that of its parents is the
    same; rate = flips / (attempts - 1), over the attempts since then.
    """
    listed = []
    for node in await _attempts(context, projects):
        flaky = _flaky(node, since)
        if flaky is not None:
            listed.append(flaky)
    return sorted(listed, key=lambda flaky: (-flaky.rate, flaky.unique_id, flaky.environment_id))[:first]


async def incidents_of_account(
    context: FieldContext, projects: Sequence[Project], since: datetime, *, open_only: bool
) -> FoundIncidents:
    """What is open, or broke since then. An incident lasts from the end of the first failure to that of the next
    success of the same resource, by whatever job but CI."""
    incidents = [
        incident
        for node in await _attempts(context, projects)
        for incident in _incidents(node)
        if incident.is_open or (incident.broken_at >= since and not open_only)
    ]
    repaired = [incident.broken_seconds for incident in incidents if incident.broken_seconds is not None]
    ordered = sorted(
        incidents, key=lambda incident: (not incident.is_open, -incident.broken_at.timestamp(), incident.id)
    )
    return FoundIncidents(tuple(ordered), median(repaired) if repaired else None)


async def resource_of_node(context: FieldContext, node: Flaky | Incident) -> Resource | None:
    """The resource; None when the project no longer defines it, and for hooks."""
    project = await project_of_environment(context, node.environment_id)
    if project is None:
        return None
    definitions = await context.loaders.resources.definitions(project, {resource_type_of(node.unique_id)})
    known = definitions.get(node.unique_id)
    return (await shown(context, project, [known]))[0] if known else None


async def first_failure(context: FieldContext, incident: Incident) -> NodeResult | None:
    """The result that broke; None when its run is no longer known."""
    try:
        run = await context.loaders.run(incident.run_id)
    except NotFound:
        return None
    results = await read_results(context, run, {resource_type_of(incident.unique_id)})
    return next((result for result in results if result.unique_id == incident.unique_id), None)


def _flaky(node: NodeAttempts, since: datetime) -> Flaky | None:
    attempts = [attempt for attempt in node.attempts if attempt.ended_at >= since]
    places = flips([attempt.failed for attempt in attempts], [attempt.code for attempt in attempts])
    if len(places) < LEAST_FLIPS:
        return None
    moved = any(
        attempts[place - 1].ended_at < at <= attempts[place].ended_at for place in places for at in node.data_moved_at
    )
    last = attempts[places[-1]].run_id
    return Flaky(node.environment_id, node.unique_id, len(places), len(attempts), moved, last)


def _incidents(node: NodeAttempts) -> list[Incident]:
    incidents = []
    for first, repaired in outages([attempt.failed for attempt in node.attempts]):
        broke = node.attempts[first]
        ended = node.attempts[repaired].ended_at if repaired is not None else None
        incidents.append(
            Incident(node.environment_id, node.unique_id, broke.run_id, broke.job_id, broke.ended_at, ended)
        )
    return incidents


async def _attempts(context: FieldContext, projects: Sequence[Project]) -> list[NodeAttempts]:
    """The attempts of what failed in these projects, but in jobs that the caller does not see."""
    read = await context.of_each(projects, lambda project: _attempts_in(context, project))
    jobs = await context.loaders.jobs()
    visible: list[NodeAttempts] = []
    for nodes in read:
        await checkpoint(20 * len(nodes))
        for node in nodes:
            seen = tuple(attempt for attempt in node.attempts if attempt.job_id in jobs)
            visible.append(NodeAttempts(node.environment_id, node.unique_id, seen, node.data_moved_at))
    return visible


async def _attempts_in(context: FieldContext, project: Project) -> Sequence[NodeAttempts]:
    known = await context.loaders.results.failed_nodes(project.environment_id)
    return known if known is not None else await _attempts_in_runs(context, project)


async def _attempts_in_runs(context: FieldContext, project: Project) -> list[NodeAttempts]:
    jobs = [job for job in await select_jobs(context, [project], None) if not job.is_ci][:_MOST_JOBS]
    current_usage().notes.append({"path": list(context.path), "note": _BY_RUNS})
    of_jobs = await gather(_completed(context, job) for job in jobs)
    runs = sorted((run for runs in of_jobs for run in runs), key=lambda run: run.recency)
    results = await gather(read_results(context, run, FAILING_TYPES) for run in runs)
    attempts: dict[str, list[NodeAttempt]] = defaultdict(list)
    for run, of_run in zip(runs, results, strict=True):
        for result in of_run:
            ended = result.end_time or run.end_time
            if result.status in _EXECUTED and ended is not None:
                failed = result.status is RunStatus.FAILURE
                attempts[result.unique_id].append(NodeAttempt(ended, run.id, run.job_id, failed, run.git_sha))
    return [
        NodeAttempts(project.environment_id, name, tuple(sorted(of_node)))
        for name, of_node in sorted(attempts.items())
        if any(attempt.failed for attempt in of_node)
    ]


_EXECUTED = (RunStatus.SUCCESS, RunStatus.WARN, RunStatus.FAILURE)


async def _completed(context: FieldContext, job: Job) -> list[Run]:
    runs = await context.loaders.recent_runs(job.id, _LAST_RUNS)
    return [run for run in runs if run.status.is_completed]
