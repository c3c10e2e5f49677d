"""What failed first in runs: one statement for five hundred of them, however much failed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, literal, null, select, union_all

from gateway.archive.columnar.visible_results import of_runs, visible_rows
from gateway.archive.reading.model_results import FAILED
from gateway.archive.tables.many_keys import chunks
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import freshness, invocations, nodes, resources, results, texts

# Of a message of a megabyte no more is read.
_MOST_CHARACTERS = 20_000
_TESTS = ("test", "unit_test")


def first_failures(connection: Connection, run_ids: Iterable[int]) -> dict[int, AnyRow]:
    """Of each of these runs that left a failed result: the first of them, tests behind all else, then by unique id, as
    `unique_id`, `status`, `age` (seconds, of sources), the beginning of its `message` and the `content` of its node;
    and `failed_count`, how many failed."""
    failures: dict[int, AnyRow] = {}
    for part in chunks(sorted(set(run_ids))):
        failed = union_all(_results(part), _checks(part)).subquery()
        order = (case((failed.c.kind.in_(_TESTS), 1), else_=0), _in_bytes(connection, failed.c.unique_id))
        ranked = select(
            failed,
            func.row_number().over(partition_by=failed.c.run_id, order_by=order).label("place"),
            func.count().over(partition_by=failed.c.run_id).label("failed_count"),
        ).subquery()
        message = func.substr(texts.c.body, 1, _MOST_CHARACTERS).label("message")
        query = (
            select(ranked, nodes.c.content, message)
            .outerjoin(nodes, nodes.c.id == ranked.c.node_id)
            .outerjoin(texts, texts.c.id == ranked.c.message_id)
            .where(ranked.c.place == 1)
        )
        failures |= {row.run_id: row for row in visible_rows(connection, query, of_runs(connection, part))}
    return failures


def _results(run_ids: Iterable[int]) -> Select[*tuple[Any, ...]]:
    columns = (results.c.node_id, results.c.status, results.c.message_id, null().label("age"))
    return _failed(results, columns, run_ids).where(invocations.c.executing, results.c.final)


def _checks(run_ids: Iterable[int]) -> Select[*tuple[Any, ...]]:
    """The last check of each source, if it failed."""
    later = freshness.alias("later")
    checked_later = exists().where(
        later.c.run_id == freshness.c.run_id,
        later.c.resource_id == freshness.c.resource_id,
        later.c.generated_at > freshness.c.generated_at,
    )
    columns = (freshness.c.node_id, freshness.c.status, freshness.c.error_id.label("message_id"), freshness.c.age)
    return _failed(freshness, columns, run_ids).where(~checked_later)


def _failed(table: Any, columns: Iterable[ColumnElement[Any]], run_ids: Iterable[int]) -> Select[*tuple[Any, ...]]:
    return (
        select(invocations.c.run_id.label("run_id"), resources.c.unique_id, resources.c.kind, *columns)
        .select_from(table)
        .join(resources, resources.c.id == table.c.resource_id)
        .join(invocations, invocations.c.id == table.c.invocation_id)
        .where(
            and_(invocations.c.run_id.in_(run_ids), func.lower(table.c.status).in_(FAILED)),
            resources.c.kind != literal("exposure"),
        )
    )


def _in_bytes(connection: Connection, column: ColumnElement[str]) -> ColumnElement[str]:
    """In the order of its bytes, whatever the database's language is."""
    return column.collate("C") if connection.dialect.name == "postgresql" else column
