"""What tests, seeds, snapshots, sources, hooks and all else but models did in runs.

One statement for a thousand runs: results of commands and freshness checks in one list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal, null, select, union_all

from gateway.archive.columnar.visible_results import of_runs as results_of
from gateway.archive.columnar.visible_results import visible_rows
from gateway.archive.reading.model_results import TELLING
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import freshness, invocations, nodes, resources, results, runs, texts

_threads, _messages = texts.alias("threads"), texts.alias("messages")

_ABOUT_RUN = (
    resources.c.unique_id.label("unique_id"),
    runs.c.environment_id,
    runs.c.job_id,
    runs.c.id.label("run_id"),
    invocations.c.uuid,
    invocations.c.step,
    invocations.c.generated_at.label("generated_at"),
    invocations.c.elapsed,
)


def node_results(connection: Connection, run_ids: Iterable[int], left_out: Collection[str]) -> Iterator[AnyRow]:
    """The last result of each node in each run, its content beside it; ordered by run and unique id.

    `left_out` are kinds of nodes that are not read: first parts of unique ids. A source has a row for each of its
    checks, the last one last.
    """
    kept = resources.c.kind.not_in(left_out)
    for part in chunks(sorted(set(run_ids))):
        of_runs = invocations.c.run_id.in_(part)
        both = union_all(_results().where(of_runs, kept), _checks().where(of_runs, kept))
        query = both.order_by("run_id", "unique_id", "is_check", "generated_at", "row_id")
        yield from visible_rows(connection, query, results_of(connection, part))


def results_ending(connection: Connection, run_ids: Iterable[int], words: Collection[str]) -> Iterator[AnyRow]:
    """Those among the last results of each run's nodes, models too, that ended with one of these words; as in
    node_results, one statement for five hundred runs. A row without `unique_id` stands for each run that left
    artifacts."""
    for part in chunks(sorted(set(run_ids))):
        of_runs = invocations.c.run_id.in_(part)
        ended = _results().where(of_runs, func.lower(results.c.status).in_(words))
        checks = _checks().where(of_runs, func.lower(freshness.c.status).in_(words), ~_checked_later())
        known = _runs_with_artifacts().where(runs.c.id.in_(part))
        query = union_all(ended, checks, known).order_by("run_id", "unique_id")
        yield from visible_rows(connection, query, results_of(connection, part))


def statuses_in_runs(
    connection: Connection, run_ids: Iterable[int], unique_ids: Collection[str]
) -> Iterator[tuple[int, str, str]]:
    """The run, unique id and status of the last result of each of these nodes in each of these runs; a check of a
    source behind its other results. One statement for five hundred runs and as many nodes."""
    for part in chunks(sorted(set(run_ids))):
        for names in chunks(sorted(set(unique_ids))):
            statements = [
                _statuses(results, 0).where(invocations.c.executing, results.c.final),
                _statuses(freshness, 1),
            ]
            asked = [statement.where(runs.c.id.in_(part), resources.c.unique_id.in_(names)) for statement in statements]
            query = union_all(*asked).order_by("run_id", "unique_id", "is_check", "generated_at")
            rows = visible_rows(connection, query, results_of(connection, part))
            yield from ((row.run_id, row.unique_id, row.status) for row in rows if row.status is not None)


def _statuses(table: Any, is_check: int) -> Select[*tuple[Any, ...]]:
    selected = (resources.c.unique_id, table.c.status, table.c.generated_at)
    columns = (runs.c.id.label("run_id"), *(column.label(column.name) for column in selected))
    return (
        select(literal(is_check).label("is_check"), *columns)
        .select_from(table)
        .join(resources, resources.c.id == table.c.resource_id)
        .join(invocations, invocations.c.id == table.c.invocation_id)
        .join(runs, and_(runs.c.id == table.c.run_id, runs.c.environment_id == resources.c.environment_id))
    )


def _checked_later() -> ColumnElement[bool]:
    later = freshness.alias("later")
    return exists().where(
        later.c.run_id == freshness.c.run_id,
        later.c.resource_id == freshness.c.resource_id,
        later.c.generated_at > freshness.c.generated_at,
    )


def _runs_with_artifacts() -> Select[*tuple[Any, ...]]:
    """Rows that say no more than which job a run is of."""
    columns = {"environment_id": runs.c.environment_id, "job_id": runs.c.job_id, "run_id": runs.c.id}
    names = [column.name for column in _results().selected_columns]
    left = exists().where(invocations.c.run_id == runs.c.id)
    return select(*(columns.get(name, null()).label(name) for name in names)).where(left)


def _results() -> Select[*tuple[Any, ...]]:
    columns = (
        literal(0).label("is_check"),
        results.c.id.label("row_id"),
        results.c.node_id,
        results.c.status,
        results.c.execution_time,
        results.c.compile_started_at,
        results.c.compile_completed_at,
        results.c.execute_started_at,
        results.c.execute_completed_at,
        results.c.failures,
        results.c.rows_affected,
        null().label("age"),
        _threads.c.body.label("thread"),
        _messages.c.body.label("message"),
        nodes.c.content,
    )
    tells = and_(_messages.c.id == results.c.message_id, results.c.status.in_(TELLING))
    return _joined(results, columns, tells).where(invocations.c.executing, results.c.final)


def _checks() -> Select[*tuple[Any, ...]]:
    """Freshness checks in the columns of results."""
    columns = (
        literal(1).label("is_check"),
        freshness.c.id.label("row_id"),
        freshness.c.node_id,
        freshness.c.status,
        freshness.c.execution_time,
        null().label("compile_started_at"),
        null().label("compile_completed_at"),
        freshness.c.started_at.label("execute_started_at"),
        freshness.c.completed_at.label("execute_completed_at"),
        null().label("failures"),
        null().label("rows_affected"),
        freshness.c.age,
        _threads.c.body.label("thread"),
        _messages.c.body.label("message"),
        nodes.c.content,
    )
    return _joined(freshness, columns, _messages.c.id == freshness.c.error_id)


def _joined(table: Any, columns: Iterable[Any], tells: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(*_ABOUT_RUN, *columns)
        .select_from(table)
        .join(resources, resources.c.id == table.c.resource_id)
        .join(invocations, invocations.c.id == table.c.invocation_id)
        .join(runs, runs.c.id == table.c.run_id)
        .outerjoin(nodes, nodes.c.id == table.c.node_id)
        .outerjoin(_threads, _threads.c.id == table.c.thread_id)
        .outerjoin(_messages, tells)
    )
