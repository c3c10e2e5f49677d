"""Reads the runs around lasting changes of runtimes, and what each was made of: code, configuration, engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, select

from gateway.analysis.change_points import DEFAULT_THRESHOLD
from gateway.archive.changes.series_rows import SeriesKey, SeriesReader
from gateway.archive.columnar.visible_results import of_resources, of_runs, visible_rows
from gateway.archive.rollups.outcomes import COUNTS, HistoryScope, ending_of
from gateway.archive.rollups.result_events import OutcomeReader
from gateway.archive.tables.change_tables import runtime_changes, runtime_series
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import invocations, nodes, resources, results, runs

RUNS_AROUND = 40
"""Runs read on either side of a change."""

_WITHIN_A_JOB = HistoryScope(include_ci=True)


class ChangeNearby(NamedTuple):
    """A change of a model of a job: its first run, and the medians on both sides in seconds."""

    unique_id: str
    first_run_id: int
    before: float
    after: float


class EvidenceReader:
    """Reads inside one transaction; remembers the commands that it has read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._outcomes = OutcomeReader(connection)
        self._series = SeriesReader(connection)

    def results_around(self, resource_id: int, job_id: int, at: int) -> list[AnyRow]:
        """The results of a model in the runs of a job, oldest first: at most 40 that ended before `at` (microseconds),
        and as many from then on. Two statements."""
        query = _RESULTS.where(results.c.resource_id == resource_id, invocations.c.job_id == job_id)
        with of_resources(self._connection, [resource_id]):
            return list(self._around(query, results.c.generated_at, results.c.run_id, at))

    def learn(self, rows: Sequence[AnyRow]) -> None:
        """Reads the commands of results. Must come before they are counted."""
        self._outcomes.learn({row.invocation_id for row in rows})
        self._outcomes.learn_nodes((row.invocation_id, row.node_id) for row in rows)

    def counting(self, rows: Sequence[AnyRow]) -> list[AnyRow]:
        """Those of these results that count for their series."""
        outcome, codes = self._outcomes.outcome, _WITHIN_A_JOB.codes
        return [
            row
            for row in rows
            if codes[outcome(ending_of(row.status, row.seconds), row.invocation_id, row.node_id)] == COUNTS
        ]

    def runs_of_job(self, job_id: int, at: int) -> list[tuple[float, AnyRow]]:
        """The runs of a job that count for its series, oldest first: seconds, and what their greatest command reports.
        At most 40 before the one that ended at `at` (microseconds), and as many from it on."""
        series = self._series.of_jobs([job_id]).get(SeriesKey(0, job_id))
        if series is None:
            return []
        first = sum(ended_at < at for ended_at in series.ended_at)
        around = slice(max(0, first - RUNS_AROUND), first + RUNS_AROUND)
        chosen = dict(zip(series.run_ids[around], series.seconds[around], strict=True))
        rows: dict[int, AnyRow] = {}
        for part in chunks(chosen):
            query = _COMMANDS.where(invocations.c.run_id.in_(part)).order_by(invocations.c.model_results)
            rows.update((row.run_id, row) for row in self._connection.execute(query))
        return [(seconds, rows[run_id]) for run_id, seconds in chosen.items() if run_id in rows]

    def executed(self, run_ids: Sequence[int]) -> dict[int, int]:
        """How many results runs have."""
        counted: dict[int, int] = {}
        for part in chunks(run_ids):
            query = (
                select(invocations.c.run_id, func.count(results.c.id))
                .join(results, results.c.invocation_id == invocations.c.id)
                .where(invocations.c.run_id.in_(part), results.c.final)
                .group_by(invocations.c.run_id)
            )
            rows = visible_rows(self._connection, query, of_runs(self._connection, part))
            counted.update((run_id, count) for run_id, count in rows)
        return counted

    def _around(
        self, query: Select[Any], time: ColumnElement[int], key: ColumnElement[int], at: int
    ) -> Iterator[AnyRow]:
        before = query.where(time < at).order_by(time.desc(), key.desc()).limit(RUNS_AROUND)
        yield from reversed(self._connection.execute(before).all())
        yield from self._connection.execute(query.where(time >= at).order_by(time, key).limit(RUNS_AROUND))


_OF_COMMANDS = (
    invocations.c.run_id,
    invocations.c.threads,
    invocations.c.dbt_version,
    invocations.c.variant,
    invocations.c.args_id,
    invocations.c.manifest_id,
    runs.c.git_sha,
)
_COMMANDS = select(*_OF_COMMANDS).join(runs, runs.c.id == invocations.c.run_id).where(invocations.c.executing)
_RESULTS = (
    select(
        *_OF_COMMANDS,
        results.c.invocation_id,
        results.c.node_id,
        results.c.status,
        results.c.execution_time.label("seconds"),
        results.c.rows_affected,
        results.c.compiled_id,
    )
    .select_from(results)
    .join(invocations, invocations.c.id == results.c.invocation_id)
    .join(runs, runs.c.id == invocations.c.run_id)
    .where(results.c.final, results.c.status.is_not(None))
)


def keys_of_models(connection: Connection, environment_id: int, unique_ids: Sequence[str]) -> dict[str, int]:
    """The keys of models of an environment by unique id."""
    keys: dict[str, int] = {}
    for part in chunks(unique_ids):
        here = (resources.c.environment_id == environment_id, resources.c.unique_id.in_(part))
        query = select(resources.c.unique_id, resources.c.id).where(*here)
        keys.update((name, key) for name, key in connection.execute(query))
    return keys


def nodes_used(connection: Connection, node_ids: Sequence[int]) -> dict[int, AnyRow]:
    """Checksum of code, materialization and content of nodes, by key."""
    columns = (nodes.c.id, nodes.c.code_checksum, nodes.c.materialization, nodes.c.content)
    rows: dict[int, AnyRow] = {}
    for part in chunks(node_ids):
        rows.update((row.id, row) for row in connection.execute(select(*columns).where(nodes.c.id.in_(part))))
    return rows


def changes_of_jobs(connection: Connection, job_ids: Sequence[int]) -> dict[int, list[ChangeNearby]]:
    """The changes of models in the runs of jobs that newer runs still show."""
    changes = runtime_changes.c
    nearby: dict[int, list[ChangeNearby]] = {}
    for part in chunks(job_ids):
        query = (
            select(changes.job_id, resources.c.unique_id, changes.first_run_id, changes.before, changes.after)
            .join(resources, resources.c.id == changes.resource_id)
            .where(changes.job_id.in_(part), changes.resource_id != 0, changes.withdrawn_at.is_(None))
            .order_by(resources.c.unique_id)
        )
        for job_id, *values in connection.execute(query):
            nearby.setdefault(job_id, []).append(ChangeNearby(*values))
    return nearby


def slow_models_of_jobs(
    connection: Connection, environment_ids: Sequence[int], job_ids: Sequence[int]
) -> dict[int, int]:
    """How many models of each job are slow enough to show a change."""
    series = runtime_series.c
    counted: dict[int, int] = {}
    for part in chunks(job_ids):
        query = (
            select(series.job_id, func.count())
            .where(series.environment_id.in_(environment_ids), series.job_id.in_(part))
            .where(series.resource_id != 0, series.level >= DEFAULT_THRESHOLD.seconds)
            .group_by(series.job_id)
        )
        counted.update((job_id, count) for job_id, count in connection.execute(query))
    return counted
