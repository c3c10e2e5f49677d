"""Whether histories that are shorter than was asked for have ended, or were cut by dbt: run lists know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.errors import GatewayError
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.model import ModelRun
from gateway.services.bundle import Services
from gateway.services.discovery.history_limit import DOCUMENTED, LIKELY
from gateway.services.runs.model_histories import HistoryKey
from gateway.services.runs.run_history import RunModels
from gateway.services.runs.run_rows import RunKey
from gateway.telemetry.usage import current_usage

# So many of the runs before the oldest in a history are looked at.
_PROBES = 3


async def note_cut_histories(
    services: Services,
    histories: Mapping[HistoryKey, tuple[ModelRun, ...] | GatewayError],
    count: int,
    likely: range = LIKELY,
) -> None:
    """Looks into a history that may have been cut, one of each of the likely lengths, and notes whose are.

    Where the number of runs is asked for, other limits than the documented one are thought of: looking costs a request
    or two, which is too much for every mean.
    """
    limit = services.models.history_limit
    read = {key: runs for key, runs in histories.items() if isinstance(runs, tuple)}
    for runs in read.values():
        limit.saw(len(runs))
    for key, runs in read.items():
        if limit.may_cut(len(runs), count, likely):
            if await _is_cut(services, key, runs):
                limit.cut(len(runs))
            else:
                limit.is_whole(len(runs))
    cut = {key.environment_id for key, runs in read.items() if len(runs) < count and limit.cuts(len(runs))}
    current_usage().upstream_notes.update(limit.note((environment_id,)) for environment_id in cut)


async def _is_cut(services: Services, key: HistoryKey, runs: Sequence[ModelRun]) -> bool:
    """Whether a run before the oldest of these built the model too. Without a list of runs nobody knows: then a history
    of the documented length is taken to be cut."""
    try:
        listing = await services.admin.ended_runs(key.environment_id)
    except GatewayError:
        return len(runs) == DOCUMENTED
    if not listing.runs:
        return len(runs) == DOCUMENTED
    older = [run for run in listing.runs if _is_before(run, runs)][:_PROBES]
    keys = [RunKey(run.job_id, run.id) for run in older]
    outlines = await services.jobs.outlines(keys, frozenset(keys)) if keys else {}
    return any(
        model.unique_id == key.unique_id
        for outline in outlines.values()
        if isinstance(outline, RunModels)
        for model in outline.models
    )


def _is_before(run: Run, runs: Sequence[ModelRun]) -> bool:
    """Whether one of the jobs in a history ran before its oldest run."""
    oldest = runs[-1].ended_at
    if run.end_time is None or oldest is None or run.end_time >= oldest or not run.status.is_completed:
        return False
    return any(other.job_id == run.job_id for other in runs) and all(other.run_id != run.id for other in runs)
