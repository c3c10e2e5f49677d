"""Looks again at the series of runtimes that have new runs, and keeps what they show: lasting changes with lasting ids.

A look writes the changes of a series over those that it knew: a change near a known one is the known one, one that is
no longer there is withdrawn, and one that has left the last 100 runs stays as it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, tuple_, update

from gateway.analysis.change_points import CONFIRMED, DEFAULT_THRESHOLD, LEAST_RUNS, ChangePoint, median
from gateway.analysis.known_changes import recognise
from gateway.analysis.season import Buckets, Season, buckets_of
from gateway.analysis.series import lasting_changes, runs_per_day, seasonless, seconds_per_day
from gateway.archive.changes.series_rows import SeriesKey, SeriesReader, SeriesRuns, beginnings, environments_of
from gateway.archive.tables.change_tables import runtime_changes, runtime_series, stale_series
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import environments
from gateway.archive.tables.upserts import upsert
from gateway.archive.times import from_micros, moved

_AT_ONCE = 500
IN_A_TRANSACTION = 5_000
"""Models and jobs that are looked at while writers wait: some seconds."""


@dataclass(frozen=True, slots=True)
class Looked:
    """How many series were looked at, and the environments in which a change is new, differs or was withdrawn."""

    series: int
    environment_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A series with the environment it is of, and what was known of it."""

    key: SeriesKey
    environment_id: int
    runs: SeriesRuns
    known: Mapping[int, AnyRow]

    def begin_of(self, run_id: int, ended_at: int) -> int | None:
        """When a run of the series began, where that was kept with a known change (microseconds)."""
        rows = (row for row in self.known.values() if row.first_run_id == run_id and row.ended_at == ended_at)
        return next((row.since for row in rows), None)


def look_again(connection: Connection, most: int = IN_A_TRANSACTION) -> Looked:
    """Looks at the series with new runs, at most so many models and jobs. About 0.6 ms a series of 100 runs."""
    reader = SeriesReader(connection)
    now = time.time_ns() // 1000
    series, places = 0, set[int]()
    for part in _stale(connection, most):
        runs_of_series = reader.of_models([resource for resource, _ in part if resource])
        runs_of_series |= reader.of_jobs([job for resource, job in part if not resource])
        seen = _with_known(
            connection, {key: runs for key, runs in runs_of_series.items() if len(runs) >= 2 * LEAST_RUNS}, part
        )
        places |= _keep(connection, seen, now)
        series += len(seen)
    return Looked(series, frozenset(places))


def touch(connection: Connection, environment_ids: frozenset[int]) -> None:
    """Moves the revision of environments, and their time by a millisecond: what was read of them is no longer all."""
    for environment_id in sorted(environment_ids):
        here = environments.c.id == environment_id
        at = connection.scalar(select(environments.c.updated_at).where(here))
        values = {"revision": environments.c.revision + 1, "updated_at": None if at is None else moved(at, 0.001)}
        connection.execute(update(environments).where(here).values(values))


def _stale(connection: Connection, most: int) -> Iterator[list[tuple[int, int]]]:
    """Takes stale series away, in lists."""
    columns = (stale_series.c.resource_id, stale_series.c.job_id)
    rows = [tuple(row) for row in connection.execute(select(*columns).order_by(*columns).limit(most))]
    for part in chunks(rows, _AT_ONCE):
        connection.execute(delete(stale_series).where(tuple_(*columns).in_(part)))
        yield part


def _with_known(
    connection: Connection, series: Mapping[SeriesKey, SeriesRuns], stale: Sequence[tuple[int, int]]
) -> list[_Seen]:
    places = environments_of(connection, list(series))
    known: dict[SeriesKey, dict[int, AnyRow]] = {}
    changes = runtime_changes.c
    models, jobs = (
        [resource_id for resource_id, _ in stale if resource_id],
        [job for resource_id, job in stale if not resource_id],
    )
    for condition, keys in ((changes.resource_id, models), (changes.job_id, jobs)):
        of_kind = changes.resource_id != 0 if condition is changes.resource_id else changes.resource_id == 0
        for row in connection.execute(select(runtime_changes).where(condition.in_(keys), of_kind)):
            known.setdefault(SeriesKey(row.resource_id, row.job_id), {})[row.found_run_id] = row
    return [_Seen(key, places[key], runs, known.get(key, {})) for key, runs in series.items() if key in places]


@dataclass(frozen=True, slots=True)
class _Times:
    """When the runs of series ended (UTC), and what follows from that alone."""

    ended_at: Sequence[datetime]
    buckets: Mapping[Season, Buckets]


@dataclass(frozen=True, slots=True)
class _Look:
    """What a series shows now. `began`: when runs of series began; `now`: the time of the look; in microseconds."""

    seen: _Seen
    times: _Times
    points: Sequence[ChangePoint]

    def unknown_firsts(self) -> set[int]:
        """The first runs after changes whose beginnings are to be read."""
        runs = self.seen.runs
        firsts = [(runs.run_ids[point.place], runs.ended_at[point.place]) for point in self.points]
        return {run_id for run_id, ended_at in firsts if self.seen.begin_of(run_id, ended_at) is None}

    def rows(self, began: Mapping[tuple[SeriesKey, int], int], now: int) -> list[tuple[Any, ...]]:
        """The rows of changes that are new or differ, in the order of the table's columns."""
        runs, before = self.seen.runs, self.seen.known
        known = {key: _place_of(row, runs) for key, row in before.items()}
        recognised = recognise([point.place for point in self.points], known)
        rows = []
        for point, key in zip(self.points, recognised.known, strict=True):
            run_id, ended_at = runs.run_ids[point.place], runs.ended_at[point.place]
            since = self.seen.begin_of(run_id, ended_at) or began.get((self.seen.key, run_id), ended_at)
            row = self._row(point, before[key] if key is not None else None, since, now)
            if key is None or tuple(before[key]) != row:
                rows.append(row)
        gone = [before[key] for key in recognised.withdrawn if before[key].withdrawn_at is None]
        return rows + [(*tuple(row)[:-1], now) for row in gone]

    def _row(self, point: ChangePoint, before: AnyRow | None, since: int, now: int) -> tuple[Any, ...]:
        runs = self.seen.runs
        confirmed_at = before.confirmed_at if before is not None else None
        if confirmed_at is None and point.p <= CONFIRMED:
            confirmed_at = now
        return (
            *self.seen.key,
            before.found_run_id if before is not None else runs.run_ids[point.place],
            self.seen.environment_id,
            runs.run_ids[point.place - 1],
            runs.run_ids[point.place],
            runs.run_ids[point.earliest],
            runs.run_ids[point.latest],
            runs.ended_at[point.place],
            since,
            point.before,
            point.after,
            seconds_per_day(self.times.ended_at, point.before, point.after),
            point.p,
            confirmed_at,
            None,
        )

    def series_row(self) -> tuple[Any, ...]:
        """The row of the series."""
        runs = self.seen.runs
        level = median(runs.seconds)
        runs_a_day = runs_per_day(self.times.ended_at) if level >= DEFAULT_THRESHOLD.seconds else 0.0
        return (*self.seen.key, self.seen.environment_id, len(runs), runs.ended_at[0], level, runs_a_day)


def _keep(connection: Connection, seen: Sequence[_Seen], now: int) -> set[int]:
    """Writes what each series shows now; returns the environments in which that differs from what was known."""
    times = _SharedTimes()
    looks = [_look(seen_series, times.of(seen_series.runs.ended_at)) for seen_series in seen]
    firsts = {look.seen.key: run_ids for look in looks if (run_ids := look.unknown_firsts())}
    began = beginnings(connection, firsts)
    rows = [row for look in looks for row in look.rows(began, now)]
    upsert(connection, runtime_changes, rows)
    upsert(connection, runtime_series, [look.series_row() for look in looks])
    return {row[3] for row in rows}


def _look(seen: _Seen, times: _Times) -> _Look:
    runtimes = seen.runs.seconds
    return _Look(seen, times, lasting_changes(runtimes, seasonless(runtimes, times.buckets)[0]))


class _SharedTimes:
    """The times of series: models of the same runs share theirs, which are made once."""

    def __init__(self) -> None:
        self._moments: dict[int, datetime] = {}
        self._known: dict[tuple[int, ...], _Times] = {}

    def of(self, ended_at: tuple[int, ...]) -> _Times:
        """Of runs that ended at these times (microseconds)."""
        known = self._known.get(ended_at)
        if known is None:
            moments = self._moments
            for at in set(ended_at) - moments.keys():
                moments[at] = from_micros(at)
            times = [moments[at] for at in ended_at]
            known = self._known[ended_at] = _Times(times, buckets_of(times))
        return known


def _place_of(row: AnyRow, runs: SeriesRuns) -> int:
    """Where a known change stands: at its first run, or where that would be. Clocks may have stepped back."""
    if row.first_run_id in runs.run_ids:
        return runs.run_ids.index(row.first_run_id)
    return sum(ended_at < row.ended_at for ended_at in runs.ended_at)
