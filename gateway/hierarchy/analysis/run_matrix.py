"""Models by the runs of a job, and how often models lie on the critical path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.hierarchy.measures.statistics import summarise
from gateway.hierarchy.objects.job import Run
from gateway.hierarchy.objects.model import ModelRun
from gateway.hierarchy.vocabulary.status import RunStatus


@dataclass(frozen=True, slots=True)
class RunMatrixRow:
    """A model over the runs of a matrix: its seconds in each, None where it was not executed, and how it ended, None
    where the run did not have it. `median_seconds` is over the runs in which it succeeded; None without any."""

    environment_id: int
    unique_id: str
    median_seconds: float | None
    runtimes: tuple[float | None, ...]
    statuses: tuple[RunStatus | None, ...]


@dataclass(frozen=True, slots=True)
class RunMatrix:
    """Runs, oldest first, and a row for each of the slowest models in them. `left_out`: how many models more there
    are."""

    runs: tuple[Run, ...]
    rows: tuple[RunMatrixRow, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class OftenCritical:
    """A model, the share of the runs in which it lies on the critical path, and its mean seconds there."""

    environment_id: int
    unique_id: str
    share: float
    mean_seconds: float


def run_matrix(runs: Sequence[Run], touched: Sequence[Sequence[ModelRun]], first: int) -> RunMatrix:
    """The matrix of these runs, oldest first, with what each did to its models. The slowest models come first, by their
    median; ties, and those without one, by unique id."""
    cells: dict[str, dict[int, ModelRun]] = {}
    for column, models in enumerate(touched):
        for model in models:
            cells.setdefault(model.unique_id, {})[column] = model
    rows = [_row(unique_id, cells_of_model, len(runs)) for unique_id, cells_of_model in cells.items()]
    rows.sort(key=lambda row: (-(row.median_seconds if row.median_seconds is not None else -1.0), row.unique_id))
    return RunMatrix(tuple(runs), tuple(rows[:first]), max(0, len(rows) - first))


def _row(unique_id: str, cells: Mapping[int, ModelRun], columns: int) -> RunMatrixRow:
    models = [cells.get(column) for column in range(columns)]
    fine = (cell.runtime for cell in cells.values() if cell.status in (RunStatus.SUCCESS, RunStatus.WARN))
    summary = summarise(seconds for seconds in fine if seconds is not None)
    return RunMatrixRow(
        next(iter(cells.values())).environment_id,
        unique_id,
        summary.p50,
        tuple(model.runtime if model else None for model in models),
        tuple(model.status if model else None for model in models),
    )
