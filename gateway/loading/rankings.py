"""Top-N questions: the slowest models, the longest jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.errors import GatewayError
from gateway.hierarchy.filters import ModelFilter, SearchFilter
from gateway.hierarchy.job import Job
from gateway.hierarchy.model import Model
from gateway.hierarchy.project import Project
from gateway.hierarchy.ranking import Measured, Ranking, rank
from gateway.hierarchy.statistics import mean
from gateway.loading.asking import Asking
from gateway.loading.jobs import ended_runs, select_jobs
from gateway.loading.models import select_models, successful_runs
from gateway.services.model_histories import HistoryKey
from gateway.telemetry.usage import current_usage


async def slowest_models(
    asking: Asking, projects: Sequence[Project], first: int, last_runs: int, criteria: ModelFilter | None
) -> Ranking[Model]:
    """The slowest models: by the runtime of the last successful run, or by the mean over the last `last_runs` of them.

    The filter chooses among models by their latest state; it does not look at the mean.
    """
    models = await select_models(asking, projects, criteria)
    if last_runs == 1:
        measured = [Measured(one, one.id, one.runtime, 1 if one.runtime is not None else 0) for one in models]
    else:
        measured = await _measure_history(asking, projects, models, last_runs)
    ranking = rank(measured, first)
    _note(asking, "slowestModels", ranking)
    return ranking


async def _measure_history(
    asking: Asking, projects: Sequence[Project], models: Sequence[Model], last_runs: int
) -> list[Measured[Model]]:
    histories = await successful_runs(asking, models, last_runs)
    measured = []
    failed: dict[int, GatewayError] = {}
    for model in models:
        runs = histories[HistoryKey(model.environment_id, model.unique_id)]
        if isinstance(runs, GatewayError):
            failed[model.environment_id] = runs
            continue
        runtimes = [run.runtime for run in runs if run.runtime is not None]
        measured.append(Measured(model, model.id, mean(runtimes), len(runtimes)))
    if failed and not measured:
        raise next(iter(failed.values()))
    for project in projects:
        if project.environment_id in failed:
            asking.report(failed[project.environment_id], project)
    return measured


async def longest_running_jobs(
    asking: Asking,
    projects: Sequence[Project],
    first: int,
    last_runs: int,
    *,
    criteria: SearchFilter | None = None,
    models: ModelFilter | None = None,
) -> Ranking[Job]:
    """The longest jobs by their mean wall clock over the last `last_runs` runs that ended by themselves."""
    jobs = await select_jobs(asking, projects, criteria, models)
    ended = await asyncio.gather(*(ended_runs(asking, job, last_runs) for job in jobs))
    measured = []
    for job, runs in zip(jobs, ended, strict=True):
        runtimes = [run.runtime for run in runs if run.runtime is not None]
        measured.append(Measured(job, str(job.id), mean(runtimes), len(runtimes)))
    ranking = rank(measured, first)
    _note(asking, "longestRunningJobs", ranking)
    return ranking


def _note(asking: Asking, what: str, ranking: Ranking[Model] | Ranking[Job]) -> None:
    if ranking.without_runtime:
        current_usage().notes.append(
            {
                "path": list(asking.path),
                "ranking": what,
                "considered": ranking.considered,
                "withoutRuntime": ranking.without_runtime,
            }
        )
