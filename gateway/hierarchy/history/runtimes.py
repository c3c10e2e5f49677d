"""Single runtimes: of a job, or of one model within a job, each from one run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.hierarchy.history.counted_runs import HistoryScope
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.vocabulary.status import RunStatus

WITHIN_JOB = HistoryScope(include_full_refresh=True, include_ci=True)
"""What counts within one job or run: it is not left out of its own figures for being CI or a full refresh."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One runtime in seconds. Without a `model_id` it is the wall clock of a whole run, with one that model's own
    execution time in the run; `start_time` and `end_time` (UTC) are those of the run, or of that execution."""

    job_id: int
    run_id: int
    model_id: str | None
    runtime: float
    start_time: datetime | None
    end_time: datetime | None
    status: RunStatus


def runtime_of_run(run: Run) -> Runtime | None:
    """A run's wall clock, end − start; None while it has not ended."""
    if run.runtime is None:
        return None
    return Runtime(run.job_id, run.id, None, run.runtime, run.start_time, run.end_time, run.status)


def runtime_of_model(model_run: ModelRun, model_id: str) -> Runtime | None:
    """A model's execution time in a run; None when it does not count there: not executed, failed or cancelled."""
    if model_run.runtime is None or WITHIN_JOB.reason(model_run, None) is not None:
        return None
    return Runtime(
        model_run.job_id,
        model_run.run_id,
        model_id,
        model_run.runtime,
        model_run.start_time,
        model_run.end_time,
        model_run.status,
    )
