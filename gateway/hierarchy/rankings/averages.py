"""Averages over runs and over models: their formulas, and what each of them leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.hierarchy.history.counted_runs import LeftOutReason
from gateway.hierarchy.history.runtimes import WITHIN_JOB
from gateway.hierarchy.measures.statistics import Summary, summarise
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.rankings.ranking import Measured, Ranking, rank
from gateway.hierarchy.vocabulary.status import RunStatus
from gateway.hierarchy.vocabulary.variants import Variant

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunWindow:
    """The newest runs of a job that completed and have a wall clock, newest first.

    `left_out` counts the runs among and above them that do not count, by reason.
    """

    runs: tuple[Run, ...]
    left_out: Mapping[LeftOutReason, int]


def reason_to_leave_out(run: Run) -> LeftOutReason | None:
    """Why a whole run does not count for a job's figures; None when it does."""
    if run.status is RunStatus.CANCELLED:
        return LeftOutReason.CANCELLED
    if run.status is RunStatus.SKIPPED:
        return LeftOutReason.NOT_EXECUTED
    if not run.status.is_completed or run.runtime is None:
        return LeftOutReason.UNFINISHED
    return None


def ordinary_or_all(runs: Sequence[Run], variants: Mapping[Run, Variant | None]) -> dict[Run, LeftOutReason]:
    """Which runs of a job are left out for what they ran, and why: full refreshes, clones, empty ones and samples,
    unless it has no others."""
    special = {run: variant for run in runs if (variant := variants.get(run)) is not None}
    if len(special) == len(runs):
        return {}
    return {run: LeftOutReason(variant.value) for run, variant in special.items()}


@dataclass(frozen=True, slots=True)
class JobAverage:
    """The wall clocks of a job's last runs, summarised; `left_out` counts runs among them by reason (see RunWindow)."""

    summary: Summary
    left_out: Mapping[LeftOutReason, int]


@dataclass(frozen=True, slots=True)
class ModelAverage(Generic[T]):
    """The mean over the slowest models, in seconds; None when none of them has a runtime.

    `slowest` are the models it is the mean of, each with its own figure, and how many had none and were left out.
    `runs` is how many runs were looked at; `left_out` how many executions in them do not count, by reason.
    """

    runtime: float | None
    slowest: Ranking[T]
    runs: int
    left_out: Mapping[LeftOutReason, int]


def job_average(window: RunWindow) -> JobAverage:
    """mean = fsum(wall clock of each run in the window) / number of those runs; wall clock = end − start in seconds."""
    runtimes = (run.runtime for run in window.runs)
    return JobAverage(summarise(runtime for runtime in runtimes if runtime is not None), window.left_out)


def mean_of_slowest(ranking: Ranking[T]) -> float | None:
    """fsum(the figure of each model in the ranking) / number of models in it; None of an empty one."""
    return summarise(entry.runtime for entry in ranking.entries).mean


def average_of_models(
    items: Mapping[str, T], runs: Sequence[Iterable[ModelRun]], slowest: int | None
) -> ModelAverage[T]:
    """The mean over the `slowest` models (None: all) of each one's mean over these runs.

    a(model) = fsum(its execution times in the runs where it counts) / number of those runs; a model counts in a run
    where it was executed and neither failed nor was cancelled. The average is fsum(a) / number of models, over the
    `slowest` greatest a; ties go by unique id. `items` are the models by unique id; others in the runs are ignored.
    With one run this is the mean of the slowest execution times in it.
    """
    runtimes: dict[str, list[float]] = {unique_id: [] for unique_id in items}
    left_out: Counter[LeftOutReason] = Counter()
    for model_run in (model_run for run in runs for model_run in run if model_run.unique_id in items):
        reason = WITHIN_JOB.reason(model_run, None)
        if reason is not None:
            left_out[reason] += 1
        elif model_run.runtime is not None:
            runtimes[model_run.unique_id].append(model_run.runtime)
    measured = [Measured(item, unique_id, summarise(runtimes[unique_id])) for unique_id, item in items.items()]
    ranking = rank(measured, len(measured) if slowest is None else slowest)
    return ModelAverage(mean_of_slowest(ranking), ranking, len(runs), left_out)
