"""Reads the runtimes that series are made of: of models in the runs of each job, and of jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, select

from gateway.analysis.change_points import MOST_RUNS
from gateway.archive.artifacts.command_variants import Variant
from gateway.archive.artifacts.run_bundle import ERROR, SUCCESS
from gateway.archive.columnar.visible_results import newest_visible, of_resources, visible_rows
from gateway.archive.rollups.outcomes import COUNTS, LONGEST_SECONDS, HistoryScope, ending_of
from gateway.archive.rollups.result_events import CI_JOB_TYPES, OutcomeReader, is_full_refresh
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_order import NEWEST_FIRST
from gateway.archive.tables.run_tables import invocations, jobs, resources, results, runs

_MILLISECOND = 1000
_WITHIN_A_JOB = HistoryScope(include_ci=True)


class SeriesKey(NamedTuple):
    """A model in the runs of a job; `resource_id` 0 is the wall clock of the job."""

    resource_id: int
    job_id: int


@dataclass(frozen=True, slots=True)
class SeriesRuns:
    """The runs that count in a series, oldest first, in columns: when the command of each ended, or the whole run
    (microseconds), its id, and its seconds."""

    ended_at: tuple[int, ...]
    run_ids: tuple[int, ...]
    seconds: tuple[float, ...]

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, float]]) -> SeriesRuns:
        """Of one row or more, each with these three values."""
        return cls(*zip(*rows, strict=True))

    def __len__(self) -> int:
        return len(self.run_ids)


class SeriesReader:
    """Reads series inside one transaction; remembers the commands that it has read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outcomes = OutcomeReader(connection)

    def of_models(self, resource_ids: Sequence[int]) -> dict[SeriesKey, SeriesRuns]:
        """Of each of these models the newest 100 results that stand for their runs, by job, CI apart: those of them
        that succeeded and count for ordinary averages, oldest first."""
        series: dict[SeriesKey, SeriesRuns] = {}
        # One model after the other: so many rows at once would have the garbage collector look at them all again.
        for resource_id, rows in groupby(newest_results(self._connection, resource_ids), itemgetter(0)):
            for job_id, counting in self._counting(list(rows)).items():
                series[SeriesKey(resource_id, job_id)] = SeriesRuns.of(sorted(counting))
        return series

    def _counting(self, rows: Sequence[Sequence[Any]]) -> dict[int, list[tuple[int, int, float]]]:
        """Time, run and seconds of the results that count, by job."""
        self._outcomes.learn({row[3] for row in rows})
        self._outcomes.learn_nodes((row[3], row[6]) for row in rows)
        commands, outcome, codes = self._outcomes.commands, self._outcomes.outcome, _WITHIN_A_JOB.codes
        of_jobs: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
        for _, at, run_id, invocation_id, status, seconds, node_id in rows:
            command = commands[invocation_id]
            ending = ending_of(status, seconds)
            if command.by_ci or codes[outcome(ending, invocation_id, node_id) if command.variant else ending] != COUNTS:
                continue
            of_jobs[command.job_id].append((at - at % _MILLISECOND, run_id, seconds))
        return of_jobs

    def of_jobs(self, job_ids: Sequence[int]) -> dict[SeriesKey, SeriesRuns]:
        """Of each of these jobs, but for CI, the newest 100 runs: the wall clocks of those that completed, oldest
        first. Full refreshes and the like count where the job has no others."""
        of_series = {SeriesKey(0, job_id): self._of_job(job_id) for job_id in job_ids}
        return {key: SeriesRuns.of(rows) for key, rows in of_series.items() if rows}

    def _of_job(self, job_id: int) -> list[tuple[int, int, float]]:
        job = self._connection.execute(select(jobs.c.job_type, jobs.c.details).where(jobs.c.id == job_id)).first()
        if job is not None and job.job_type in CI_JOB_TYPES:
            return []
        columns = (runs.c.id, runs.c.status, runs.c.started_at, runs.c.finished_at)
        newest = select(*columns).where(runs.c.job_id == job_id).order_by(*NEWEST_FIRST).limit(MOST_RUNS)
        ended = [row for row in self._connection.execute(newest).all() if _wall_clock(row) is not None]
        special = self._special([row.id for row in ended], by_steps=is_full_refresh(job.details if job else None))
        kept = [row for row in ended if row.id not in special] or ended
        return [(row.finished_at, row.id, _wall_clock(row) or 0.0) for row in reversed(kept)]

    def _special(self, run_ids: Sequence[int], *, by_steps: bool) -> set[int]:
        """The runs with a command that was a full refresh, a clone, empty or a sample."""
        special: set[int] = set()
        for part in chunks(run_ids):
            query = select(invocations.c.run_id, invocations.c.variant, invocations.c.args_id)
            for row in self._connection.execute(query.where(invocations.c.run_id.in_(part), invocations.c.executing)):
                variant = row.variant if row.args_id is not None else Variant.FULL_REFRESH if by_steps else None
                special.update([row.run_id] if variant else ())
        return special


def newest_results(
    connection: Connection, resource_ids: Sequence[int], more: Sequence[str] = ()
) -> Iterator[Sequence[Any]]:
    """The newest 100 results of each resource that stand for their runs, newest first: resource, time, run, command,
    status, seconds, node, and the columns in `more`. See newest_of_each for its statements."""
    return newest_visible(connection, resource_ids, lambda key: _newest_of(key, more), MOST_RUNS)


def environments_of(connection: Connection, keys: Sequence[SeriesKey]) -> dict[SeriesKey, int]:
    """The environment that each series is of; series of what is gone are missing."""
    models: dict[int, int] = {}
    for part in chunks({key.resource_id for key in keys if key.resource_id}):
        query = select(resources.c.id, resources.c.environment_id).where(resources.c.id.in_(part))
        models.update((key, place) for key, place in connection.execute(query))
    of_jobs: dict[int, int] = {}
    for part in chunks({key.job_id for key in keys if not key.resource_id}):
        query = select(jobs.c.id, jobs.c.environment_id).where(jobs.c.id.in_(part))
        of_jobs.update((key, place) for key, place in connection.execute(query))
    places = {key: models.get(key.resource_id) if key.resource_id else of_jobs.get(key.job_id) for key in keys}
    return {key: place for key, place in places.items() if place is not None}


def beginnings(connection: Connection, firsts: Mapping[SeriesKey, set[int]]) -> dict[tuple[SeriesKey, int], int]:
    """When runs of series began (microseconds): the model in the run, to the millisecond, or the run; those of which
    that is not known are missing."""
    first_runs: dict[tuple[SeriesKey, int], int] = {}
    by_resource: dict[int, set[int]] = {}
    for key, run_ids in firsts.items():
        by_resource.setdefault(key.resource_id, set()).update(run_ids)
    began: dict[tuple[int, int], int | None] = {}
    for resource_id, run_ids in by_resource.items():
        for part in chunks(sorted(run_ids)):
            began.update(((resource_id, row[0]), row[1]) for row in _began(connection, resource_id, part))
    for key, run_ids in firsts.items():
        for run_id in run_ids:
            at = began.get((key.resource_id, run_id))
            if at is not None:
                first_runs[key, run_id] = at
    return first_runs


def _began(connection: Connection, resource_id: int, run_ids: Sequence[int]) -> Iterator[tuple[int, int | None]]:
    if not resource_id:
        yield from connection.execute(select(runs.c.id, runs.c.started_at).where(runs.c.id.in_(run_ids)))
        return
    timings = ("compile_started_at", "compile_completed_at", "execute_started_at", "execute_completed_at")
    query = select(results.c.run_id, *(results.c[name] for name in timings))
    query = query.where(results.c.resource_id == resource_id, results.c.run_id.in_(run_ids), results.c.final)
    for run_id, *values in visible_rows(connection, query, of_resources(connection, [resource_id])):
        yield run_id, min((at - at % _MILLISECOND for at in values if at is not None), default=None)


def _newest_of(resource: ColumnElement[int], more: Sequence[str]) -> Select[Any]:
    names = ("resource_id", "generated_at", "run_id", "invocation_id", "status", "execution_time", "node_id")
    return (
        select(*(results.c[name] for name in (*names, *more)))
        .where(results.c.resource_id == resource, results.c.final, results.c.status.is_not(None))
        .order_by(results.c.generated_at.desc(), results.c.run_id.desc())
        .limit(MOST_RUNS)
    )


def _wall_clock(row: AnyRow) -> float | None:
    """Seconds of a run that succeeded or failed; None of any other, and of impossible times."""
    if row.status not in (SUCCESS, ERROR) or row.started_at is None or row.finished_at is None:
        return None
    seconds = (row.finished_at - row.started_at) / 1e6
    return float(seconds) if 0 <= seconds <= LONGEST_SECONDS else None
