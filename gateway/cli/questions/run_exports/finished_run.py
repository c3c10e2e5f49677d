"""What is known of a run that has ended, for those who take it over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.discovery_api.api import Run
from gateway.discovery_api.models import RunStatus
from gateway.discovery_api.models.resources import NodeResult
from gateway.errors import NotFound

_UNDER_WAY = (RunStatus.queued, RunStatus.running)


@dataclass(frozen=True, slots=True)
class Executed:
    """A result that has times: when it began and ended (UTC)."""

    result: NodeResult
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run, the name of its job, when it began and ended (UTC), and its results that have times, by when they began;
    results without times are counted in `left_out`."""

    run: Run
    job_name: str
    start: datetime
    end: datetime
    executed: Sequence[Executed]
    left_out: int


def finished_run(run: Run) -> FinishedRun:
    """The run with its results. Raises NotFound where it has not ended, or where nothing of it has times."""
    if run.status in _UNDER_WAY:
        raise NotFound(f"Run {run.run_id} has not ended. Send it when it has.")
    results = run.get_node_results()
    executed = [timed for timed in map(_executed, results) if timed]
    executed.sort(key=lambda timed: (timed.start, timed.result.unique_id))
    starts = [*([run.start_time] if run.start_time else []), *(timed.start for timed in executed)]
    ends = [*([run.end_time] if run.end_time else []), *(timed.end for timed in executed)]
    if not starts or not ends:
        raise NotFound(f"Run {run.run_id} has no times, so there is nothing to send.")
    job = run.job
    return FinishedRun(run, job.name or job.job_id, min(starts), max(ends), executed, len(results) - len(executed))


def _executed(result: NodeResult) -> Executed | None:
    if result.start_time is None:
        return None
    end = result.end_time or result.start_time + timedelta(seconds=result.runtime or 0.0)
    return Executed(result, result.start_time, max(end, result.start_time))
