"""Questions about jobs and runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.errors import BadUserInput, NotFound
from gateway.hierarchy.filters import ModelFilter, SearchFilter, contains_match
from gateway.hierarchy.identity import unknown
from gateway.hierarchy.job import Job, Run
from gateway.hierarchy.model import Model, ModelRun
from gateway.hierarchy.project import Project
from gateway.loading.asking import Asking
from gateway.loading.models import matching
from gateway.loading.projects import project_of_environment

MOST_RUNS = 500
"""The most runs of one job that are read for one answer."""


async def jobs_of_project(asking: Asking, project: Project) -> list[Job]:
    """The jobs that run in a project's environment, ordered by id."""
    topology = await asking.loaders.topology()
    return [job for _, job in sorted(topology.jobs.items()) if job.environment_id == project.environment_id]


async def select_jobs(
    asking: Asking,
    projects: Sequence[Project],
    criteria: SearchFilter | None = None,
    models: ModelFilter | None = None,
) -> list[Job]:
    """The jobs of these projects that build a model meeting `criteria`, and one meeting `models`; ordered by id."""

    async def of_project(project: Project) -> list[Job]:
        jobs = await jobs_of_project(asking, project)
        kept = await asyncio.gather(*(_builds(asking, project, job, criteria, models) for job in jobs))
        return [job for job, keep in zip(jobs, kept, strict=True) if keep]

    found = await asking.of_each(projects, of_project)
    return sorted((job for jobs in found for job in jobs), key=lambda job: job.id)


async def _builds(
    asking: Asking, project: Project, job: Job, criteria: SearchFilter | None, models: ModelFilter | None
) -> bool:
    if (criteria is None or criteria.is_empty) and (models is None or models.is_empty):
        return True
    built = await asking.loaders.built_models(job)
    if criteria is not None and not criteria.is_empty and not contains_match(criteria, built):
        return False
    if models is None or models.is_empty:
        return True
    if models.model_ids is not None:
        named = {model.unique_id for model in matching([await asking.loaders.models(project)], _ids_only(models))}
        built = tuple(one for one in built if one.unique_id in named)
    return contains_match(models.criteria, built)


def _ids_only(models: ModelFilter) -> ModelFilter:
    return ModelFilter(model_ids=models.model_ids)


def number_of(given: str, kind: str) -> int:
    """A job's or run's id as dbt's number. Raises BadUserInput for anything else."""
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise BadUserInput(f"The id of a {kind} is dbt's number for it; {given[:40]!r} is not one.", argument="id")
    return int(given)


async def find_job(asking: Asking, job_id: int) -> Job:
    """The job with this id. Raises NotFound that says which jobs exist."""
    jobs = (await asking.loaders.topology()).jobs
    if job_id not in jobs:
        raise unknown("job", str(job_id), [str(one) for one in sorted(jobs)])
    return jobs[job_id]


async def find_run(asking: Asking, run_id: int) -> Run:
    """The run with this id. Raises NotFound that tells where run ids are to be had."""
    try:
        return await asking.loaders.run(run_id)
    except NotFound:
        raise NotFound(
            f"No run has the id '{run_id}'. Ids of runs are listed under job(id) {{ runs {{ nodes {{ id }} }} }}.",
            id=str(run_id),
            kind="run",
        ) from None


async def jobs_of_model(asking: Asking, model: Model) -> list[Job]:
    """The jobs of the model's environment that build it, ordered by id (see built_models)."""
    topology = await asking.loaders.topology()
    jobs = [job for _, job in sorted(topology.jobs.items()) if job.environment_id == model.environment_id]
    built = await asyncio.gather(*(asking.loaders.built_models(job) for job in jobs))
    return [
        job for job, models in zip(jobs, built, strict=True) if any(one.unique_id == model.unique_id for one in models)
    ]


async def models_of_job(asking: Asking, job: Job, criteria: ModelFilter | None) -> list[Model]:
    """The models a job builds, as their environment knows them now, ordered by id. Removed ones are left out."""
    project = await project_of_environment(asking, job.environment_id)
    if project is None:
        return []
    built, environment = await asyncio.gather(asking.loaders.built_models(job), asking.loaders.models(project))
    unique_ids = {one.unique_id for one in built}
    kept = [model for model in matching([environment], criteria) if model.unique_id in unique_ids]
    return sorted(kept, key=lambda model: model.id)


async def executed_models(asking: Asking, run: Run, criteria: SearchFilter | None) -> list[ModelRun]:
    """What each model did in a run, ordered by unique id; models it did not touch are not in it."""
    touched = (await asking.loaders.run_models(run)).models
    return [one for one in touched if criteria is None or criteria.matches(one)]


async def ended_runs(asking: Asking, job: Job, wanted: int) -> list[Run]:
    """The newest `wanted` runs of a job that ended by themselves and have a wall clock, newest first."""
    if wanted == 1 and job.last_finished_run is not None and _counts(job.last_finished_run):
        return [job.last_finished_run]
    count = wanted + max(5, wanted // 2)
    while True:
        runs = await asking.loaders.recent_runs(job.id, count)
        ended = [run for run in runs if _counts(run)]
        if len(ended) >= wanted or len(runs) < count or count >= MOST_RUNS:
            return ended[:wanted]
        count = min(MOST_RUNS, count * 4)


def _counts(run: Run) -> bool:
    return run.status.ended_by_itself and run.runtime is not None
