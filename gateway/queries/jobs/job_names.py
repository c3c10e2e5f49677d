"""Looking for one job, by dbt's id or by its name; what is not found is reported with names beside ids."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.errors import AmbiguousId, BadUserInput, NotFound
from gateway.hierarchy.lists.model_index import LONGEST_SHOWN
from gateway.hierarchy.objects.job import Job
from gateway.loading.field_context import FieldContext
from gateway.loading.suggestions import unknown
from gateway.queries.projects import find_project


async def find_job(context: FieldContext, job_id: int) -> Job:
    """The job with this id. Raises NotFound that says which jobs exist."""
    jobs = await context.loaders.jobs()
    if job_id not in jobs:
        raise await unknown_job(context, job_id)
    return jobs[job_id]


async def unknown_job(context: FieldContext, job_id: int) -> NotFound:
    """The error for an id that no job has."""
    jobs = await context.loaders.jobs()
    labels = {str(job_id): _label(jobs[job_id]) for job_id in sorted(jobs)}
    return await unknown(context, "job", str(job_id), list(labels), labels=labels)


async def find_job_named(context: FieldContext, name: str, project_id: str | None) -> Job:
    """The job with this name, of one project if one is given: the name as it is written, else compared without case.

    Raises NotFound that says which names exist, AmbiguousId with the ids of the jobs that share the name, BadUserInput
    where jobs have no names because there is no Admin API, and what find_project raises.
    """
    if context.loaders.infers_jobs:
        raise BadUserInput(
            "Without the Admin API jobs have no names. Ask for the job by its id: account { jobs { nodes { id } } }.",
            argument="name",
        )
    jobs = await context.loaders.jobs()
    place = (await find_project(context, project_id, None)).environment_id if project_id is not None else None
    here = [job for _, job in sorted(jobs.items()) if place in (None, job.environment_id)]
    named = [job for job in here if job.name == name]
    named = named or [job for job in here if (job.name or "").casefold() == name.casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        raise await _ambiguous(context, name, named)
    raise await _unknown_name(context, name, here)


async def _ambiguous(context: FieldContext, name: str, jobs: Iterable[Job]) -> AmbiguousId:
    projects = (await context.loaders.projects()).by_environment
    places = {job.id: projects.get(job.environment_id) for job in jobs}
    named = ", ".join(f"{job_id} ({place.id})" if place else f"{job_id}" for job_id, place in places.items())
    return AmbiguousId(
        f"{len(places)} jobs have the name {name[:LONGEST_SHOWN]!r}. Name the project too, or ask by id: {named}.",
        kind="job",
        candidates=[str(job_id) for job_id in places],
    )


async def _unknown_name(context: FieldContext, name: str, jobs: Iterable[Job]) -> NotFound:
    labels = {job.name: f"{job.name!r} ({job.id})" for job in jobs if job.name}
    return await unknown(context, "job", name, list(labels), labels=labels, what="name")


def _label(job: Job) -> str:
    return f"{job.id} ({job.name})" if job.name else f"{job.id}"
