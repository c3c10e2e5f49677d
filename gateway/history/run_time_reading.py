"""When runs were created, started and ended, read from the archive."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.archive.reading.executions import runs_between
from gateway.archive.times import LATEST
from gateway.hierarchy.runs.run_times import RunTimes, RunTimesKey, TimedRuns
from gateway.hierarchy.vocabulary.status import status_of_admin_code

MOST_RUNS = 100_000
"""So many runs of all environments are read for one answer, the newest."""

_MICRO = 1e6


def read_run_times(connection: Connection, keys: Sequence[RunTimesKey]) -> dict[RunTimesKey, TimedRuns]:
    """The runs of each environment: one statement for all of a window."""
    times: dict[RunTimesKey, TimedRuns] = {}
    by_window: dict[RunTimesKey, list[RunTimesKey]] = {}
    for key in keys:
        by_window.setdefault(key._replace(environment_id=0), []).append(key)
    for window, of_window in by_window.items():
        until = LATEST if window.until is None else round(window.until * _MICRO)
        places = [key.environment_id for key in of_window]
        rows = list(runs_between(connection, places, round(window.since * _MICRO), until, MOST_RUNS))
        cut = rows[-1].created_at / _MICRO if len(rows) == MOST_RUNS else None
        by_place: dict[int, list[RunTimes]] = {place: [] for place in places}
        for row in reversed(rows):
            by_place[row.environment_id].append(
                RunTimes(
                    run_id=row.id,
                    job_id=row.job_id,
                    status=status_of_admin_code(row.status),
                    created=row.created_at / _MICRO,
                    dequeued=_seconds(row.dequeued_at),
                    started=_seconds(row.started_at),
                    ended=_seconds(row.finished_at),
                )
            )
        times |= {key: TimedRuns(tuple(by_place[key.environment_id]), cut) for key in of_window}
    return times


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / _MICRO
