"""Figures as they are handed out: runtimes, averages, ranked lists, and the one vocabulary of outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from gateway.discovery_api.display.html_table import html_table
from gateway.discovery_api.display.rows import row_of, rows_of
from gateway.hierarchy.history.runtimes import Runtime
from gateway.hierarchy.measures.statistics import Summary
from gateway.hierarchy.objects.source import Source, SourceFreshness
from gateway.hierarchy.rankings.averages import JobAverage, ModelAverage
from gateway.hierarchy.rankings.ranking import Ranked, Ranking
from gateway.hierarchy.vocabulary.variants import ALL_VARIANTS

T = TypeVar("T")
U = TypeVar("U")


class RunStatus(StrEnum):
    """How a run, or one model in a run, ended or where it stands."""

    success = "success"
    failure = "failure"
    cancelled = "cancelled"
    warn = "warn"
    skipped = "skipped"
    reused = "reused"
    queued = "queued"
    running = "running"
    unknown = "unknown"


class Report(BaseModel):
    """A plain record: frozen, and a dict by `model_dump()`."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), defer_build=True)

    def _repr_html_(self) -> str:
        return html_table([row_of(self)], type(self).__name__)


class RuntimeReport(Report):
    """One runtime in seconds, of one run.

    Without a `model_id` it is the wall clock of the whole run (end − start, time in the queue excluded); with one it is
    that model's own execution time in the run. The times are UTC and those of the run, or of that execution.
    """

    job_id: str
    run_id: str
    model_id: str | None
    runtime: float
    start_time: datetime | None
    end_time: datetime | None

    @classmethod
    def of(cls, runtime: Runtime) -> RuntimeReport:
        return cls(
            job_id=str(runtime.job_id),
            run_id=str(runtime.run_id),
            model_id=runtime.model_id,
            runtime=runtime.runtime,
            start_time=runtime.start_time,
            end_time=runtime.end_time,
        )


class SourceFreshnessReport(Report):
    """What the last freshness check of a source found; `age_seconds` is how old its newest row was then."""

    unique_id: str
    source_name: str | None
    name: str
    status: RunStatus
    max_loaded_at: datetime | None
    age_seconds: float | None
    checked_at: datetime | None
    warn_after_seconds: int | None
    error_after_seconds: int | None

    @classmethod
    def of(cls, source: SourceFreshness) -> SourceFreshnessReport:
        return cls(
            unique_id=source.unique_id,
            source_name=source.source_name,
            name=source.name,
            status=RunStatus(source.status.value),
            max_loaded_at=source.max_loaded_at,
            age_seconds=source.age_seconds,
            checked_at=source.checked_at,
            warn_after_seconds=source.warn_after_seconds,
            error_after_seconds=source.error_after_seconds,
        )


class SourceReport(SourceFreshnessReport):
    """A source of a project with its last freshness check."""

    project_id: str

    @classmethod
    def of_project(cls, source: Source) -> SourceReport:
        checked = SourceFreshnessReport.of(source.freshness)
        return cls(project_id=source.project.id, **checked.model_dump())


class Rank(Report):
    """A place in a ranking, from 1: the mean runtime behind it in seconds, over how many runs, and their spread."""

    rank: int
    runtime: float
    runs: int
    minimum: float | None
    p50: float | None
    p95: float | None
    maximum: float | None

    @classmethod
    def of(cls, ranked: Ranked[T]) -> Rank:
        spread: Summary = ranked.runtimes
        return cls(
            rank=ranked.rank,
            runtime=ranked.runtime,
            runs=spread.count,
            minimum=spread.minimum,
            p50=spread.p50,
            p95=spread.p95,
            maximum=spread.maximum,
        )


class RankedList(list[T]):
    """A ranking, greatest figure first. It was made from `considered` things; `without_runtime` of them have no figure
    and were left out, never ranked as 0. `left_out` counts runs that do not stand behind any figure, by reason."""

    def __init__(self, items: Iterable[T], ranking: Ranking[Any]) -> None:
        super().__init__(items)
        self._ranking = ranking
        self.considered = ranking.considered
        self.without_runtime = ranking.without_runtime
        self.left_out = {reason.value: count for reason, count in sorted(ranking.left_out.items())}

    def map(self, show: Callable[[T], U]) -> RankedList[U]:
        """The same ranking with each item shown as something else."""
        return RankedList(map(show, self), self._ranking)

    def _repr_html_(self) -> str:
        return html_table(rows_of(self), f"Ranking of {self.considered:,}")


class Average(float):
    """An average in seconds that also says what it stands on.

    `runs`: over how many runs. `models`: over how many models, None where it is not about models. `left_out`: how many
    runs, or executions of models, do not count, by reason.
    """

    runs: int
    models: int | None
    left_out: Mapping[str, int]

    @classmethod
    def of_job(cls, average: JobAverage) -> Average | None:
        """None when there was nothing to average."""
        left_out: Counter[str] = Counter()
        for reason, count in sorted(average.left_out.items()):
            left_out[reason.value if reason.value in ALL_VARIANTS else "did not end by itself"] += count
        return cls._of(average.summary.mean, average.summary.count, None, left_out)

    @classmethod
    def of_models(cls, average: ModelAverage[T]) -> Average | None:
        """None when there was nothing to average."""
        left_out = {reason.value: count for reason, count in sorted(average.left_out.items())}
        if average.slowest.without_runtime:
            left_out["models without a runtime"] = average.slowest.without_runtime
        return cls._of(average.runtime, average.runs, len(average.slowest.entries), left_out)

    @classmethod
    def _of(cls, value: float | None, runs: int, models: int | None, left_out: Mapping[str, int]) -> Average | None:
        if value is None:
            return None
        average = cls(value)
        average.runs, average.models, average.left_out = runs, models, left_out
        return average
