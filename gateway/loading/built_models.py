"""Which models a job builds.

They are the models with a result (of any status) in the job's newest run that ended by itself and executed a model,
looking back over its last five runs. A run that was cancelled, or that stopped before it came to its models, says
nothing about what the job builds.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import GatewayError
from gateway.hierarchy.job import Job, Run
from gateway.hierarchy.model import ModelRun
from gateway.services.bundle import Services
from gateway.services.job_service import RunKey, RunModels

LOOK_BACK = 5

Built = dict[Job, tuple[ModelRun, ...] | GatewayError]


async def built_models(services: Services, jobs: Sequence[Job]) -> Built:
    """The models of each job, as its deciding run had them; () when no run of the last five decides.

    Two rounds at most: the newest run of every job in one document, then the four before it where that did not decide.
    """
    newest = {job: [job.last_finished_run] for job in jobs if _decides(job.last_finished_run)}
    built = await _first_with_models(services, newest)
    undecided = [job for job in jobs if job.last_run is not None and not built.get(job)]
    recent = await services.admin.recent_runs([job.id for job in undecided], LOOK_BACK) if undecided else {}
    older: dict[Job, list[Run | None]] = {}
    for job in undecided:
        runs = recent[job.id]
        if isinstance(runs, GatewayError):
            built[job] = runs
        else:
            older[job] = [run for run in runs if _decides(run) and run != job.last_finished_run]
    built |= await _first_with_models(services, older)
    return {job: built.get(job, ()) for job in jobs}


def _decides(run: Run | None) -> bool:
    return run is not None and run.status.ended_by_itself


async def _first_with_models(services: Services, candidates: dict[Job, list[Run | None]]) -> Built:
    keys = {
        job: [RunKey(job.id, run.id) for run in runs if run is not None] for job, runs in candidates.items() if runs
    }
    asked = [key for of_job in keys.values() for key in of_job]
    found = await services.jobs.run_models(asked, frozenset(asked)) if asked else {}
    return {job: _newest(found, of_job) for job, of_job in keys.items()}


def _newest(found: dict[RunKey, RunModels | GatewayError], keys: list[RunKey]) -> tuple[ModelRun, ...] | GatewayError:
    for key in keys:
        answer = found[key]
        if isinstance(answer, GatewayError):
            return answer
        if answer.models:
            return answer.models
    return ()
