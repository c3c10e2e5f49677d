"""Means over the last runs of every model of several environments, from one packed row for each model."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.archive.reading.rankings import model_means
from gateway.archive.rollups import outcomes
from gateway.hierarchy.history.counted_runs import HistoryScope, LeftOutReason
from gateway.hierarchy.history.mean_runtimes import LeftOut, MeanRuntimes, added_up


class _Models:
    """The models of one environment as they are read."""

    def __init__(self) -> None:
        self.timed: list[tuple[float, str]] = []
        self.untimed: list[str] = []
        self.left_out: dict[str, LeftOut] = {}


def read_means(
    connection: Connection, environment_ids: Sequence[int], last_runs: int, scope: HistoryScope
) -> dict[int, MeanRuntimes]:
    """The means of each environment."""
    models_of = {environment: _Models() for environment in environment_ids}
    for environment_id, unique_id, mean, left_out in model_means(
        connection, environment_ids, last_runs, _in_the_archive(scope)
    ):
        models = models_of[environment_id]
        if mean is None:
            models.untimed.append(unique_id)
        else:
            models.timed.append((-mean, unique_id))
        if left_out:
            models.left_out[unique_id] = {LeftOutReason(name): count for name, count in left_out.items()}
    return {environment: _means_of(environment, models) for environment, models in models_of.items()}


def _in_the_archive(scope: HistoryScope) -> outcomes.HistoryScope:
    return outcomes.HistoryScope(scope.include_full_refresh, scope.include_ci, scope.include_failed)


def _means_of(environment_id: int, models: _Models) -> MeanRuntimes:
    models.timed.sort()
    return MeanRuntimes(
        environment_id,
        timed=[name for _, name in models.timed],
        seconds=[-negated for negated, _ in models.timed],
        untimed=models.untimed,
        left_out=models.left_out,
        left_out_in_all=added_up(models.left_out.values()),
    )
