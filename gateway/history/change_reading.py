"""The lasting changes of runtimes that an archive has seen, in the hierarchy's words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from gateway.archive.reading.known_changes import changes_of, series_of
from gateway.archive.tables.rows import AnyRow
from gateway.archive.times import from_micros
from gateway.hierarchy.history.runtime_series import Certainty, ChangePoint, RuntimeChanges, SeriesOwner


def read_changes(connection: Connection, environment_ids: Sequence[int]) -> dict[int, RuntimeChanges]:
    """What is known of each environment: two statements for five hundred environments."""
    by_environment: dict[int, list[ChangePoint]] = {environment_id: [] for environment_id in environment_ids}
    for row in changes_of(connection, environment_ids):
        by_environment[row.environment_id].append(_change(row))
    totals = {row.environment_id: row for row in series_of(connection, environment_ids)}
    return {
        environment_id: _changes(environment_id, changes, totals.get(environment_id))
        for environment_id, changes in by_environment.items()
    }


def _changes(environment_id: int, changes: Sequence[ChangePoint], total: AnyRow | None) -> RuntimeChanges:
    if total is None:
        return RuntimeChanges(environment_id, tuple(changes))
    return RuntimeChanges(
        environment_id,
        tuple(changes),
        runs=total.runs,
        since=from_micros(total.oldest_at),
        alarming_runs_per_day=total.alarming or 0.0,
    )


def _change(row: AnyRow) -> ChangePoint:
    key = f"{row.environment_id}/{row.unique_id}/{row.job_id}" if row.unique_id else str(row.job_id)
    return ChangePoint(
        owner=SeriesOwner(key, row.environment_id, row.job_id, row.unique_id),
        found_run_id=row.found_run_id,
        certainty=Certainty.CONFIRMED if row.is_confirmed else Certainty.SUSPECTED,
        before_seconds=row.before,
        after_seconds=row.after,
        seconds_per_day=row.seconds_per_day,
        last_run_id=row.last_run_id,
        first_run_id=row.first_run_id,
        earliest_run_id=row.earliest_run_id,
        latest_run_id=row.latest_run_id,
        since=from_micros(row.since),
        ended_at=from_micros(row.ended_at),
        withdrawn_at=_moment(row.withdrawn_at),
    )


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
