"""Questions about jobs and runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from gateway.at_hand import both, together
from gateway.concurrency.checkpoints import pieces
from gateway.errors import BadUserInput, NotFound
from gateway.hierarchy.averages import RunWindow, reason_to_leave_out
from gateway.hierarchy.filters import Filterable, ModelFilter, SearchFilter, contains_match
from gateway.hierarchy.identity import models_in_order
from gateway.hierarchy.job import Job, Run
from gateway.hierarchy.list_filters import JobFilter
from gateway.hierarchy.model import Model, ModelRun
from gateway.hierarchy.project import Project
from gateway.loading.asking import Asking
from gateway.loading.models import matching, select_models
from gateway.loading.projects import project_of_environment
from gateway.loading.suggestions import unknown
from gateway.services.models.model_histories import HistoryKey

F = TypeVar("F", bound=Filterable)

MOST_RUNS = 500
"""The most runs of one job that are read for one answer."""

Named = frozenset[HistoryKey] | None
"""The models that a filter's ids name; None when it has no ids."""


async def jobs_of_project(asking: Asking, project: Project) -> list[Job]:
    """The jobs that run in a project's environment, ordered by id."""
    jobs = await asking.loaders.jobs()
    return [job for _, job in sorted(jobs.items()) if job.environment_id == project.environment_id]


async def select_jobs(
    asking: Asking,
    projects: Sequence[Project],
    criteria: SearchFilter | None = None,
    models: ModelFilter | None = None,
    where: JobFilter | None = None,
) -> list[Job]:
    """The jobs of these projects that build a model meeting `criteria`, and one meeting `models`; ordered by id.

    `where` narrows them by what they are themselves, not by its `models`.
    """
    named = await named_in_projects(asking, projects, models)

    async def of_project(project: Project) -> list[Job]:
        jobs = [job for job in await jobs_of_project(asking, project) if where is None or where.admits(job)]
        kept = await together(_builds(asking, job, criteria, models, named) for job in jobs)
        return [job for job, keep in zip(jobs, kept, strict=True) if keep]

    found = await asking.of_each(projects, of_project)
    return sorted((job for jobs in found for job in jobs), key=lambda job: job.id)


async def builds(asking: Asking, job: Job, criteria: SearchFilter | None, models: ModelFilter | None) -> bool:
    """Whether a job builds a model meeting `criteria`, and one meeting `models` (see built_models)."""
    named = await named_models_of(asking, job.environment_id, models)
    return await _builds(asking, job, criteria, models, named)


async def _builds(
    asking: Asking, job: Job, criteria: SearchFilter | None, models: ModelFilter | None, named: Named
) -> bool:
    if (criteria is None or criteria.is_empty) and (models is None or models.is_empty):
        return True
    built = (await asking.loaders.built_models(job)).models
    if criteria is not None and not criteria.is_empty and not contains_match(criteria, built):
        return False
    return models is None or models.is_empty or bool(meeting(built, job.environment_id, models, named))


async def named_models_of(asking: Asking, environment_id: int, models: ModelFilter | None) -> Named:
    """The models of one environment that a filter's ids name. Raises BadUserInput for an id that names none of them."""
    project = await project_of_environment(asking, environment_id)
    return await named_in_projects(asking, [project] if project else [], models)


async def named_in_projects(asking: Asking, projects: Sequence[Project], models: ModelFilter | None) -> Named:
    """The models of these projects that a filter's ids name. Raises BadUserInput for an id that names none of them."""
    if models is None or models.model_ids is None:
        return None
    found = await select_models(asking, projects, ModelFilter(model_ids=models.model_ids))
    return frozenset(HistoryKey(model.environment_id, model.unique_id) for model in found)


def meeting(touched: Iterable[F], environment_id: int, models: ModelFilter | None, named: Named) -> list[F]:
    """Those of the models touched in a run of an environment that meet a filter whose ids have been looked up."""
    return [
        one
        for one in touched
        if (named is None or HistoryKey(environment_id, one.unique_id) in named)
        and (models is None or models.criteria.matches(one))
    ]


def number_of(given: str, kind: str, argument: str = "id") -> int:
    """A job's or run's id as dbt's number. Raises BadUserInput for anything else."""
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise BadUserInput(f"The id of a {kind} is dbt's number for it; {given[:40]!r} is not one.", argument=argument)
    return int(given)


async def find_job(asking: Asking, job_id: int) -> Job:
    """The job with this id. Raises NotFound that says which jobs exist."""
    jobs = await asking.loaders.jobs()
    if job_id not in jobs:
        raise await unknown(asking, "job", str(job_id), [str(one) for one in sorted(jobs)])
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
    known = await asking.loaders.jobs()
    jobs = [job for _, job in sorted(known.items()) if job.environment_id == model.environment_id]
    built = await together(asking.loaders.built_models(job) for job in jobs)
    return [job for job, of_job in zip(jobs, built, strict=True) if model.unique_id in of_job.unique_ids]


async def models_of_job(asking: Asking, job: Job, criteria: ModelFilter | None) -> list[Model]:
    """The models a job builds, as their environment knows them now, ordered by id. Removed ones are left out."""
    project = await project_of_environment(asking, job.environment_id)
    if project is None:
        return []
    built, environment = await both(asking.loaders.built_models(job), asking.loaders.models(project))
    met = models_in_order(await matching(asking, [environment], criteria))
    kept: list[Model] = []
    async for piece in pieces(met, 0.3):
        kept += [model for model in piece if model.unique_id in built.unique_ids]
    return kept


async def executed_models(asking: Asking, run: Run, criteria: SearchFilter | None) -> list[ModelRun]:
    """What each model did in a run, ordered by unique id; models it did not touch are not in it."""
    touched = (await asking.loaders.run_models(run)).models
    if criteria is None or criteria.is_empty:
        return list(touched)
    kept: list[ModelRun] = []
    async for piece in pieces(touched):
        kept += filter(criteria.matches, piece)
    return kept


async def ended_runs(asking: Asking, job: Job, wanted: int) -> list[Run]:
    """The newest `wanted` runs of a job that ended by themselves and have a wall clock, newest first."""
    if wanted == 1 and job.last_finished_run is not None and _counts(job.last_finished_run):
        return [job.last_finished_run]
    return list((await run_window(asking, job, wanted)).runs)


async def run_window(asking: Asking, job: Job, wanted: int) -> RunWindow:
    """The same runs, with a count of those left out to find them, by reason."""
    count = wanted + max(5, wanted // 2)
    while True:
        runs = await asking.loaders.recent_runs(job.id, count)
        ended = [place for place, run in enumerate(runs) if _counts(run)][:wanted]
        if len(ended) == wanted or len(runs) < count or count >= MOST_RUNS:
            looked_at = runs[: ended[-1] + 1] if len(ended) == wanted else runs
            left_out = Counter(reason for reason in map(reason_to_leave_out, looked_at) if reason is not None)
            return RunWindow(tuple(runs[place] for place in ended), left_out)
        count = min(MOST_RUNS, count * 4)


def _counts(run: Run) -> bool:
    return reason_to_leave_out(run) is None
