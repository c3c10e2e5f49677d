"""Which models a job builds.

They are the models with a result (of any status) in the job's newest run that completed and executed a model,
looking back over its last five that completed. A run that was cancelled, or that stopped before it came to
its models, says nothing about what the job builds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.hierarchy.objects.job import Job, Run
from gateway.hierarchy.objects.model import BuiltModel
from gateway.services.bundle import Services
from gateway.services.runs.run_history import RunModels
from gateway.services.runs.run_rows import RunKey

LOOK_BACK = 5
"""How many runs that completed are looked at."""

# Runs that were cancelled may stand before them; so far back they are looked for, one page of dbt's.
_FARTHEST = 100


@dataclass(frozen=True, slots=True)
class Built:
    """The run that decides and the models it touched, ordered by unique id; None and () when no run decides."""

    run: Run | None
    models: tuple[BuiltModel, ...]
    unique_ids: frozenset[str]


_NOTHING = Built(None, (), frozenset())


async def built_models(services: Services, jobs: Sequence[Job]) -> dict[Job, Built | GatewayError]:
    """What each job builds.

    Two rounds at most: the newest run of every job in one document, then the four before it where that did not decide.
    """
    newest = {job: [job.last_finished_run] for job in jobs if job.last_finished_run and _decides(job.last_finished_run)}
    built = await _first_with_models(services, newest)
    undecided = [job for job in jobs if job.last_run is not None and built.get(job, _NOTHING) == _NOTHING]
    recent = await _recent_runs(services, undecided)
    older: dict[Job, list[Run]] = {}
    for job in undecided:
        runs = recent[job]
        if isinstance(runs, GatewayError):
            built[job] = runs
        else:
            older[job] = [run for run in _deciding(runs) if run != job.last_finished_run]
    built |= await _first_with_models(services, older)
    return {job: built.get(job, _NOTHING) for job in jobs}


async def _recent_runs(services: Services, jobs: Sequence[Job]) -> dict[Job, tuple[Run, ...] | GatewayError]:
    """The newest runs of each job: as many as hold five that decide, or the newest hundred."""
    runs_of_jobs: dict[Job, tuple[Run, ...] | GatewayError] = {}
    pending, count = list(jobs), LOOK_BACK
    while pending:
        recent = await services.admin.recent_runs([job.id for job in pending], count)
        runs_of_jobs |= {job: recent[job.id] for job in pending}
        pending = [job for job in pending if count < _FARTHEST and _is_short(recent[job.id], count)]
        count = _FARTHEST
    return runs_of_jobs


def _is_short(runs: tuple[Run, ...] | GatewayError, count: int) -> bool:
    return not isinstance(runs, GatewayError) and len(runs) >= count and len(_deciding(runs)) < LOOK_BACK


def _deciding(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if _decides(run)][:LOOK_BACK]


def _decides(run: Run) -> bool:
    return run.status.is_completed


async def _first_with_models(
    services: Services, candidates: Mapping[Job, Sequence[Run]]
) -> dict[Job, Built | GatewayError]:
    asked = [_key(run) for runs in candidates.values() for run in runs]
    outlines = await services.jobs.outlines(asked, frozenset(asked)) if asked else {}
    return {job: _newest(outlines, runs) for job, runs in candidates.items()}


def _key(run: Run) -> RunKey:
    return RunKey(run.job_id, run.id)


def _newest(
    outlines: Mapping[RunKey, RunModels[BuiltModel] | GatewayError], runs: Sequence[Run]
) -> Built | GatewayError:
    for run in runs:
        answer = outlines[_key(run)]
        if isinstance(answer, GatewayError):
            return answer
        if answer.models:
            return Built(run, answer.models, frozenset(model.unique_id for model in answer.models))
    return _NOTHING
