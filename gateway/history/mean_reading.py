"""Means over the last runs of every model of several environments, from one packed row for each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from gateway.archive.reading.applied_state import model_rows
from gateway.archive.reading.rankings import recent_runtimes
from gateway.archive.rollups import outcomes
from gateway.hierarchy.history import HistoryScope, LeftOutReason
from gateway.hierarchy.mean_runtimes import LeftOut, MeanRuntimes, added_up


def read_means(
    connection: Connection, environment_ids: Sequence[int], last_runs: int, scope: HistoryScope
) -> dict[int, MeanRuntimes]:
    """The means of each environment."""
    means: dict[int, float] = {}
    left_out: dict[int, LeftOut] = {}
    for row in recent_runtimes(connection, environment_ids, last_runs, scope=_in_the_archive(scope)):
        if row.runtimes:
            means[row.resource_id] = sum(row.runtimes) / len(row.runtimes)
        if row.left_out:
            left_out[row.resource_id] = {LeftOutReason(name): count for name, count in row.left_out.items()}
    # A model that never ran has no key; 0 is none.
    members: dict[int, list[tuple[str, int]]] = {one: [] for one in environment_ids}
    for model in model_rows(connection, environment_ids):
        members[model.environment_id].append((model.unique_id, model.resource_id or 0))
    return {one: _means_of(one, models, means, left_out) for one, models in members.items()}


def _in_the_archive(scope: HistoryScope) -> outcomes.HistoryScope:
    return outcomes.HistoryScope(scope.include_full_refresh, scope.include_ci, scope.include_failed)


def _means_of(
    environment_id: int,
    models: Sequence[tuple[str, int]],
    means: Mapping[int, float],
    left_out: Mapping[int, LeftOut],
) -> MeanRuntimes:
    named = {name: left_out[key] for name, key in models if key in left_out}
    timed = sorted((-means[key], name) for name, key in models if key in means)
    return MeanRuntimes(
        environment_id,
        timed=[name for _, name in timed],
        seconds=[-negated for negated, _ in timed],
        untimed=[name for name, key in models if key not in means],
        left_out=named,
        left_out_in_all=added_up(named.values()),
    )
