"""What the steps of a run logged: one line for each of its nodes. dbt's own log is no artifact."""

from __future__ import annotations

from sqlalchemy import Connection, func, null, select

from gateway.archive.artifacts.invocation import BAD_STATUSES
from gateway.archive.columnar.visible_results import of_runs, visible_rows
from gateway.archive.tables.rows import AnyRow
from gateway.archive.tables.run_tables import freshness, invocations, resources, results, texts
from gateway.archive.times import from_micros

MOST_LINES = 10_000
_LONGEST_MESSAGE = 2_000


def step_logs(connection: Connection, run_id: int) -> dict[int, str]:
    """By the number of a run's step: its nodes in the order in which they ended, at most 10,000 of them in all, each
    with its time (UTC), status, runtime and, where it is not fine, its message. Sources that were checked for
    freshness as well. Two statements."""
    ended = func.coalesce(results.c.execute_completed_at, results.c.compile_completed_at, results.c.generated_at)
    query = (
        select(invocations.c.step, resources.c.unique_id, results.c.status, results.c.execution_time)
        .add_columns(ended.label("ended"), texts.c.body.label("message"))
        .join(results, results.c.invocation_id == invocations.c.id)
        .join(resources, resources.c.id == results.c.resource_id)
        .outerjoin(texts, texts.c.id == results.c.message_id)
        .where(invocations.c.run_id == run_id)
        .order_by(invocations.c.step, ended, results.c.id)
        .limit(MOST_LINES + 1)
    )
    checked = (
        select(invocations.c.step, resources.c.unique_id, freshness.c.status, null().label("execution_time"))
        .add_columns(func.coalesce(freshness.c.snapshotted_at, freshness.c.generated_at).label("ended"))
        .add_columns(texts.c.body.label("message"))
        .join(freshness, freshness.c.invocation_id == invocations.c.id)
        .join(resources, resources.c.id == freshness.c.resource_id)
        .outerjoin(texts, texts.c.id == freshness.c.error_id)
        .where(invocations.c.run_id == run_id)
        .order_by(invocations.c.step, freshness.c.id)
        .limit(MOST_LINES + 1)
    )
    ended_nodes = visible_rows(connection, query, of_runs(connection, [run_id]))
    lines: dict[int, list[str]] = {}
    for number, row in enumerate([*ended_nodes, *connection.execute(checked)]):
        if number > MOST_LINES:
            break
        of_step = lines.setdefault(row.step, [])
        of_step.extend(_lines(row) if number < MOST_LINES else [f"… after {MOST_LINES:,} nodes the rest is left out."])
    return {step: "\n".join([*some, ""]) for step, some in lines.items()}


def _lines(row: AnyRow) -> list[str]:
    took = "" if row.execution_time is None else f" in {row.execution_time:.2f}s"
    line = f"{from_micros(row.ended):%H:%M:%S}  {(row.status or 'unknown').upper()} {row.unique_id}{took}"
    if row.status not in BAD_STATUSES or not row.message:
        return [line]
    return [line, *(f"          {part}" for part in row.message[:_LONGEST_MESSAGE].splitlines())]
