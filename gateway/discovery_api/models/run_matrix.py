"""Models by the runs of a job, and what most often lies on the critical path, as plain records."""

from __future__ import annotations

from gateway.discovery_api.models.reports import Report, RunStatus
from gateway.hierarchy.analysis import run_matrix as facts


class RunMatrixRow(Report):
    """A model over the runs of a matrix: its seconds in each (None where it was not executed), how it ended (None where
    the run did not have it), and the median seconds of its successes (None without any)."""

    unique_id: str
    median_seconds: float | None
    runtimes: list[float | None]
    statuses: list[RunStatus | None]

    @classmethod
    def of(cls, row: facts.RunMatrixRow) -> RunMatrixRow:
        return cls(
            unique_id=row.unique_id,
            median_seconds=row.median_seconds,
            runtimes=list(row.runtimes),
            statuses=[RunStatus(status.value) if status else None for status in row.statuses],
        )


class RunMatrix(Report):
    """The completed runs of a job, oldest first, and its models, slowest first; `left_out`: how many models more."""

    run_ids: list[str]
    rows: list[RunMatrixRow]
    left_out: int

    @classmethod
    def of(cls, matrix: facts.RunMatrix) -> RunMatrix:
        return cls(
            run_ids=[str(run.id) for run in matrix.runs],
            rows=[RunMatrixRow.of(row) for row in matrix.rows],
            left_out=matrix.left_out,
        )


class OftenCritical(Report):
    """A model, the share of runs in which it lies on the critical path (0 to 1), and its mean seconds there."""

    unique_id: str
    share: float
    mean_seconds: float

    @classmethod
    def of(cls, model: facts.OftenCritical) -> OftenCritical:
        return cls(unique_id=model.unique_id, share=model.share, mean_seconds=model.mean_seconds)
